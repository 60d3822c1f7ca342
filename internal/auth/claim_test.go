package auth_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/davitdev/davit/internal/auth"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/principal"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

func TestAClaimLinkWorksOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := newDoor(t, db)
		claim, expires := d.link()
		if left := time.Until(expires); left > time.Hour || left < time.Hour-time.Minute {
			t.Errorf("it works for %s", left)
		}
		var wg sync.WaitGroup
		var won atomic.Int64
		for range 6 {
			wg.Go(func() {
				_, secret, err := d.CreateSession(t.Context(), &claim, nil, Visit{})
				if err == nil {
					won.Add(1)
					if p := d.knows(secret); !p.PlatformAdmin {
						t.Errorf("the link of the operator's token lets in %+v", p)
					}
				} else if !fault.Is(err, fault.Unauthenticated) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if ctx := storetest.System(t); won.Load() != 1 || db.LoginSession.Query().CountX(ctx) != 1 || db.ClaimLink.Query().ExistX(ctx) {
			t.Errorf("%d came in, %d sessions", won.Load(), db.LoginSession.Query().CountX(ctx))
		}
		if _, _, err := d.CreateSession(t.Context(), &claim, nil, Visit{}); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("used again: %v", err)
		}
	})
}

func TestAClaimLinkThatIsOverLetsNobodyIn(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d, ctx := newDoor(t, db), storetest.System(t)
		refused := func(why, claim string) {
			t.Helper()
			if _, _, err := d.CreateSession(t.Context(), &claim, nil, Visit{}); !fault.Is(err, fault.Unauthenticated) {
				t.Errorf("%s: %v", why, err)
			}
		}
		claim, _ := d.link()
		if _, err := db.Exec(ctx, "UPDATE claim_links SET expires_at = ?", time.Now().UTC()); err != nil {
			t.Fatal(err)
		}
		refused("after an hour", claim)
		claim, _ = d.link()
		db.APIToken.Update().SetExpiresAt(time.Now().UTC()).ExecX(ctx)
		refused("of an expired token", claim)
		install(t, d.Service, other)
		refused("of a token that was replaced", claim)
		if db.ClaimLink.Query().ExistX(ctx) || db.LoginSession.Query().ExistX(ctx) {
			t.Error("links outlive their token")
		}
	})
}

func TestWhoMayMakeAClaimLink(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := newDoor(t, db)
		_, p := d.enter()
		if _, _, err := d.CreateClaimLink(principal.With(t.Context(), p)); !fault.Is(err, fault.Forbidden) {
			t.Errorf("a session makes itself another one: %v", err)
		}
		if _, _, err := d.CreateClaimLink(t.Context()); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("nobody makes one: %v", err)
		}
		p.SessionID, p.TokenID = "", "tok_00000000000000000000000000"
		if _, _, err := d.CreateClaimLink(principal.With(t.Context(), p)); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("a token that was just revoked makes one: %v", err)
		}
	})
}
