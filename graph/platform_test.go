package graph_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/davitdev/davit/ent/apitoken"
	"github.com/davitdev/davit/graph"
	"github.com/davitdev/davit/graph/model"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

const platformFeed = `subscription { platformUpdated { version components { name healthy message } queues { name pending } } }`

// A part that ceases to work tells nobody: it is looked at while somebody
// watches, once for all of them, and not after they left.
func TestAWatchedInstallationIsLookedAtAgainAndAgain(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		graph.LookEvery(w.resolver, 20*time.Millisecond)
		var looks atomic.Int64
		w.resolver.Site.Components = func(context.Context) []*model.ComponentHealth {
			said := fmt.Sprint("look ", looks.Add(1))
			return []*model.ComponentHealth{{Name: "runner", Healthy: looks.Load() < 3, Message: &said}}
		}
		w.resolver.Site.Queues = func(context.Context) ([]*model.QueueStats, error) {
			return []*model.QueueStats{{Name: "deploy", Pending: 3}}, nil
		}
		owner, operator := w.tenant("st").owner, w.user("operator")
		w.db.User.UpdateOneID(operator.ID).SetIsPlatformAdmin(true).ExecX(w.system)

		feeds := make([]*feed, 5)
		for i := range feeds {
			feeds[i] = owner.subscribe(platformFeed, nil)
		}
		for i, f := range feeds {
			a := f.next().ok()
			for a.at("platformUpdated.components.0.healthy") == true {
				a = f.next().ok()
			}
			if i == 0 && a.text("platformUpdated.version") != "1.2.3" {
				t.Errorf("it is %v", a)
			}
			if queues := a.list("platformUpdated.queues"); len(queues) != 0 {
				t.Errorf("queues are the operator's: %v", queues)
			}
		}
		if n := graph.Watched(w.resolver); n != 1 {
			t.Errorf("%d looks at a time for one principal", n)
		}
		f := operator.subscribe(platformFeed, nil)
		if queues := f.next().ok().list("platformUpdated.queues"); len(queues) != 1 {
			t.Errorf("the operator sees the queues %v", queues)
		}
		f.leave()

		w.db.APIToken.Delete().Where(apitoken.UserID(owner.ID)).ExecX(w.system)
		for _, f := range feeds {
			for {
				m := f.read()
				if m.Type == "next" {
					continue
				}
				if m.Type != "error" {
					t.Errorf("the end is %s %s", m.Type, m.Payload)
				}
				break
			}
		}
		w.eventually("nobody watches", func() bool { return graph.Watched(w.resolver) == 0 && w.wakes.live.Load() == 0 })
	})
}
