package store_test

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

func TestEachStatementIsObserved(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		var mu sync.Mutex
		var seen []string
		db.Observe(func(statement string) {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, strings.Fields(statement)[0])
		})
		ctx := storetest.System(t)
		err := db.Tx(ctx, func(tx *store.Tx) error {
			u := tx.User.Create().SetUsername("ann").SetDisplayName("Ann").SaveX(ctx)
			_, err := tx.Exec(ctx, "DELETE FROM users WHERE id = ?", u.ID)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Strings(ctx, "SELECT id FROM users"); err != nil {
			t.Fatal(err)
		}
		db.User.Query().CountX(ctx)
		db.Observe(nil)
		db.User.Query().CountX(ctx)
		if want := []string{"INSERT", "DELETE", "SELECT", "SELECT"}; !slices.Equal(seen, want) {
			t.Errorf("observed %v, want %v", seen, want)
		}
	})
}
