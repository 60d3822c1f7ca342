package deploy

import (
	"context"
	"sync"
	"testing"

	"entgo.io/ent"

	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

func TestRoutesOfWhatIsRemovedWhileTheyAreReadAreLeftOut(t *testing.T) {
	t.Parallel()

	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		w.live()
		if len(must(w.Routes(w.ctx))(t).List) == 0 {
			t.Fatal("there is no route")
		}
		var once sync.Once
		db.Domain.Intercept(ent.InterceptFunc(func(next ent.Querier) ent.Querier {
			return ent.QuerierFunc(func(ctx context.Context, q ent.Query) (ent.Value, error) {
				once.Do(func() { // after the routes were read, before their domains are
					w.exec("DELETE FROM routes")
					w.exec("DELETE FROM domains")
				})
				return next.Query(ctx, q)
			})
		}))
		if left := must(w.Routes(w.ctx))(t).List; len(left) != 0 {
			t.Errorf("routes without a host: %+v", left)
		}
	})
}
