package auth_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/davitdev/davit/internal/auth"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/principal"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

// door is an installation that somebody may come in to.
type door struct {
	*Service
	t *testing.T
}

func newDoor(t *testing.T, db *store.DB) *door {
	t.Helper()
	s := &Service{DB: db}
	install(t, s, first)
	return &door{s, t}
}

// enter signs in with the operator's token.
func (d *door) enter() (secret string, p principal.Principal) {
	d.t.Helper()
	_, secret, err := d.CreateSession(d.t.Context(), nil, new(first), Visit{})
	if err != nil {
		d.t.Fatal(err)
	}
	return secret, d.knows(secret)
}

// knows returns whom a session speaks for.
func (d *door) knows(secret string) principal.Principal {
	d.t.Helper()
	p, err := d.AuthenticateSession(d.t.Context(), secret)
	if err != nil {
		d.t.Fatal(err)
	}
	return p
}

// refuses fails the test unless a session is over, for requests and streams.
func (d *door) refuses(secret string, p principal.Principal) {
	d.t.Helper()
	if _, err := d.AuthenticateSession(d.t.Context(), secret); !fault.Is(err, fault.Unauthenticated) {
		d.t.Errorf("the session goes on: %v", err)
	}
	if err := d.StillValid(d.t.Context(), p); !fault.Is(err, fault.Unauthenticated) {
		d.t.Errorf("a stream of the session goes on: %v", err)
	}
}

// link makes a claim link with the operator's token.
func (d *door) link() (secret string, expires time.Time) {
	d.t.Helper()
	p, err := d.Authenticate(d.t.Context(), first)
	if err != nil {
		d.t.Fatal(err)
	}
	secret, expires, err = d.CreateClaimLink(principal.With(d.t.Context(), p))
	if err != nil {
		d.t.Fatal(err)
	}
	return secret, expires
}

func TestASessionSpeaksForItsToken(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d, ctx := newDoor(t, db), storetest.System(t)
		u := db.User.Create().SetUsername("ann").SetDisplayName("Ann").SaveX(ctx)
		token := NewToken()
		tok := db.APIToken.Create().SetUserID(u.ID).SetName("ci").SetHash(HashOf(token)).SetScopes([]string{"READ", "LOGS"}).SaveX(ctx)
		row, secret, err := d.CreateSession(t.Context(), nil, &token, Visit{IP: "192.0.2.7", UserAgent: "Browser/1 \x00" + strings.Repeat("é", 300)})
		if err != nil {
			t.Fatal(err)
		}
		p := d.knows(secret)
		if p.Kind != principal.User || p.UserID != u.ID || p.TokenID != tok.ID || p.SessionID != row.ID || p.Name != "Ann" || p.PlatformAdmin ||
			!p.Allows(principal.Logs) || p.Allows(principal.Write) {
			t.Errorf("the session speaks for %+v", p)
		}
		if row.Edges.User == nil || row.Edges.User.ID != u.ID || *row.IP != "192.0.2.7" || !strings.HasPrefix(*row.UserAgent, "Browser/1 \uFFFDéé") || len(*row.UserAgent) > 300 {
			t.Errorf("the row is %v, of %v", row, row.Edges.User)
		}
		if left := time.Until(row.ExpiresAt); left > 30*24*time.Hour || left < 30*24*time.Hour-time.Minute {
			t.Errorf("it lasts for %s", left)
		}
		if kept := db.LoginSession.GetX(ctx, row.ID); kept.Hash != HashOf(secret) || !kept.ExpiresAt.Equal(row.ExpiresAt) {
			t.Errorf("kept is %v with hash %s", kept, kept.Hash)
		}
		if len(secret) < 32 || !strings.HasPrefix(secret, TokenPrefix) {
			t.Errorf("the secret is %q", secret)
		}
		if _, err := d.Authenticate(t.Context(), secret); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("a session's secret is taken for a token: %v", err)
		}
	})
}

func TestWhoIsNotLetIn(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := newDoor(t, db)
		secret, _ := d.enter()
		claim, _ := d.link()
		for name, c := range map[string]struct {
			claim, token *string
			code         fault.Code
		}{
			"neither":              {nil, nil, fault.Invalid},
			"both":                 {&claim, new(first), fault.Invalid},
			"a wrong token":        {nil, new(first + "x"), fault.Unauthenticated},
			"an empty token":       {nil, new(""), fault.Unauthenticated},
			"a session as a token": {nil, &secret, fault.Unauthenticated},
			"a claim as a token":   {nil, &claim, fault.Unauthenticated},
			"a token as a claim":   {new(first), nil, fault.Unauthenticated},
			"a wrong claim":        {new(claim + "x"), nil, fault.Unauthenticated},
			"a session as a claim": {&secret, nil, fault.Unauthenticated},
			"an endless claim":     {new(strings.Repeat("x", 1000)), nil, fault.Unauthenticated},
		} {
			row, made, err := d.CreateSession(t.Context(), c.claim, c.token, Visit{})
			if !fault.Is(err, c.code) || row != nil || made != "" {
				t.Errorf("%s: %v, %q, %v; want %s", name, row, made, err, c.code)
			}
		}
		for _, wrong := range []string{"", "x", secret + "x", first, claim, strings.Repeat("x", 1000)} {
			if _, err := d.AuthenticateSession(t.Context(), wrong); !fault.Is(err, fault.Unauthenticated) {
				t.Errorf("a session of %.40q: %v", wrong, err)
			}
		}
		if n := db.LoginSession.Query().CountX(storetest.System(t)); n != 1 {
			t.Errorf("%d sessions, want the one that was let in", n)
		}
	})
}

func TestASessionEnds(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(t *testing.T, db *store.DB, d *door, p principal.Principal){
		"when somebody ends it": func(t *testing.T, _ *store.DB, d *door, p principal.Principal) {
			t.Helper()
			for range 2 { // twice is no error
				if id, err := d.EndSession(principal.With(t.Context(), p)); err != nil || id != p.SessionID {
					t.Errorf("ended %q, %v", id, err)
				}
			}
		},
		"when its time is over": func(t *testing.T, db *store.DB, _ *door, p principal.Principal) {
			t.Helper()
			db.LoginSession.UpdateOneID(p.SessionID).SetExpiresAt(time.Now().UTC()).ExecX(storetest.System(t))
		},
		"when its token expires": func(t *testing.T, db *store.DB, _ *door, p principal.Principal) {
			t.Helper()
			db.APIToken.UpdateOneID(p.TokenID).SetExpiresAt(time.Now().UTC()).ExecX(storetest.System(t))
		},
		"when its token is revoked": func(t *testing.T, db *store.DB, _ *door, p principal.Principal) {
			t.Helper()
			db.APIToken.DeleteOneID(p.TokenID).ExecX(storetest.System(t))
		},
		"when its token is replaced": func(t *testing.T, _ *store.DB, d *door, _ principal.Principal) {
			t.Helper()
			install(t, d.Service, other)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Each(t, func(t *testing.T, db *store.DB) {
				d := newDoor(t, db)
				var woken atomic.Value
				db.Publish = func(topics ...string) { woken.Store(topics) }
				secret, p := d.enter()
				if err := d.StillValid(t.Context(), p); err != nil {
					t.Fatal(err)
				}
				end(t, db, d, p)
				d.refuses(secret, p)
				if topics, _ := woken.Load().([]string); strings.Contains(name, "somebody") && (len(topics) != 1 || topics[0] != p.SessionID) {
					t.Errorf("woken are %v, want the streams of the session", topics)
				}
			})
		})
	}
}

func TestAnotherSessionGoesOn(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := newDoor(t, db)
		secret, p := d.enter()
		kept, _ := d.enter()
		if _, err := d.EndSession(principal.With(t.Context(), p)); err != nil {
			t.Fatal(err)
		}
		d.refuses(secret, p)
		d.knows(kept)
		byToken, err := d.Authenticate(t.Context(), first)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.EndSession(principal.With(t.Context(), byToken)); !fault.Is(err, fault.Conflict) {
			t.Errorf("who came with a token ends a session: %v", err)
		}
		if _, err := d.EndSession(t.Context()); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("nobody ends a session: %v", err)
		}
	})
}

// A session in use lasts, but not for ever; the row is written once a minute.
func TestASessionIsSeen(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		const day = 24 * time.Hour
		d, ctx := newDoor(t, db), storetest.System(t)
		secret, p := d.enter()
		get := func() (last, end time.Time) {
			row := db.LoginSession.GetX(ctx, p.SessionID)
			return row.LastSeenAt, row.ExpiresAt
		}
		last, end := get()
		d.knows(secret)
		if again, still := get(); !again.Equal(last) || !still.Equal(end) {
			t.Errorf("written at %s and at %s", last, again)
		}
		for name, see := range map[string]func(){
			"by a request": func() { d.knows(secret) },
			"by a stream": func() {
				if err := d.StillValid(t.Context(), p); err != nil {
					t.Error(err)
				}
			},
		} {
			ago := time.Now().UTC().Add(-2 * time.Minute)
			db.LoginSession.UpdateOneID(p.SessionID).SetLastSeenAt(ago).SetExpiresAt(ago.Add(30 * day)).ExecX(ctx)
			see()
			if last, end := get(); time.Since(last) > time.Minute || !end.Equal(last.Add(30*day)) {
				t.Errorf("%s: last seen %s, until %s", name, last, end)
			}
		}
		for began, most := range map[time.Duration]time.Duration{59 * day: 30 * day, 80 * day: 10 * day} {
			if _, err := db.Exec(ctx, "UPDATE login_sessions SET created_at = ?, last_seen_at = ?", time.Now().UTC().Add(-began), time.Now().UTC().Add(-day)); err != nil {
				t.Fatal(err)
			}
			d.knows(secret)
			if _, end := get(); time.Until(end) > most || time.Until(end) < most-time.Minute {
				t.Errorf("begun %s ago it goes on for %s, want %s", began, time.Until(end), most)
			}
		}
		soon := time.Now().UTC().Add(time.Hour)
		db.APIToken.Update().SetExpiresAt(soon).ExecX(ctx)
		row, _, err := d.CreateSession(t.Context(), nil, new(first), Visit{})
		if err != nil || row.ExpiresAt.Sub(soon).Abs() > time.Millisecond {
			t.Errorf("it outlives its token, %s: %v, %v", soon, row, err)
		}
	})
}

func TestWhatIsOverIsForgotten(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d, ctx := newDoor(t, db), storetest.System(t)
		_, old := d.enter()
		d.link()
		past := time.Now().UTC().Add(-time.Second)
		db.LoginSession.UpdateOneID(old.SessionID).SetExpiresAt(past).ExecX(ctx)
		if _, err := db.Exec(ctx, "UPDATE claim_links SET expires_at = ?", past); err != nil {
			t.Fatal(err)
		}
		secret, _ := d.enter()
		claim, _ := d.link()
		if err := d.Forget(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s, c := db.LoginSession.Query().CountX(ctx), db.ClaimLink.Query().CountX(ctx); s != 1 || c != 1 {
			t.Errorf("%d sessions and %d links are left, want one of each", s, c)
		}
		d.knows(secret)
		if _, _, err := d.CreateSession(t.Context(), &claim, nil, Visit{}); err != nil {
			t.Error(err)
		}
	})
}

// Whoever reads the database learns no secret.
func TestNoSecretOfASessionIsKept(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		d := newDoor(t, db)
		secret, _ := d.enter()
		claim, _ := d.link()
		rows, err := db.Strings(t.Context(), "SELECT hash FROM login_sessions UNION ALL SELECT hash FROM claim_links")
		if err != nil || len(rows) != 2 || rows[0] != HashOf(secret) || rows[1] != HashOf(claim) || strings.Contains(strings.Join(rows, ""), secret) {
			t.Errorf("kept %q, %v", rows, err)
		}
	})
}
