package auth_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/apitoken"
	. "github.com/davitdev/davit/internal/auth"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/principal"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

const (
	check = "keyed hash"
	first = "davit_first-token-of-the-operator"
	other = "davit_other-token-of-the-operator"
)

func install(t *testing.T, s *Service, token string) *ent.Installation {
	t.Helper()
	i, err := s.Install(t.Context(), token, check)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestInstall(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := &Service{DB: db}
		ctx := storetest.System(t)
		made := install(t, s, first)
		p, err := s.Authenticate(t.Context(), first)
		if err != nil || p.Kind != principal.User || !p.PlatformAdmin || !p.Allows(principal.Write) || p.Name != "Operator" || p.TokenID == "" {
			t.Errorf("the operator is %+v, %v", p, err)
		}
		if m := db.Membership.Query().WithWorkspace().OnlyX(ctx); m.UserID != p.UserID || m.Role != principal.Owner || m.Edges.Workspace.Slug != DefaultWorkspace {
			t.Errorf("membership %+v", m)
		}

		if again := install(t, s, first); again.ID != made.ID {
			t.Errorf("a second start made installation %s beside %s", again.ID, made.ID)
		}
		if n := db.APIToken.Query().CountX(ctx); n != 1 {
			t.Errorf("%d tokens, want 1", n)
		}

		// A new operator token ends the former one, and only that.
		db.APIToken.Create().SetUserID(p.UserID).SetName("ci").SetHash("x").SetScopes([]string{"READ"}).ExecX(ctx)
		install(t, s, other)
		if _, err := s.Authenticate(t.Context(), first); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("the former token still works: %v", err)
		}
		if err := s.StillValid(t.Context(), p); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("a stream of the former token goes on: %v", err)
		}
		if _, err := s.Authenticate(t.Context(), other); err != nil {
			t.Errorf("the new token: %v", err)
		}
		if !db.APIToken.Query().Where(apitoken.Name("ci")).ExistX(ctx) {
			t.Error("a token of another name is gone")
		}

		if _, err := s.Install(t.Context(), other, "another key"); !fault.Is(err, fault.Invalid) {
			t.Errorf("another secret key: %v, want it refused", err)
		}
		for _, token := range []string{"", "short", strings.Repeat(" ", 20), "with a space in between", "with-a-newline-at-end\n", strings.Repeat("x", 257), "schlüssel-der-macht"} {
			if _, err := s.Install(t.Context(), token, check); !fault.Is(err, fault.Invalid) {
				t.Errorf("operator token %q: %v, want it refused: no header could carry it", token, err)
			}
		}
	})
}

func TestInstallByManyProcesses(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := &Service{DB: db}
		ids := make([]string, 6)
		var wg sync.WaitGroup
		for n := range ids {
			wg.Go(func() {
				i, err := s.Install(t.Context(), []string{first, other}[n%2], check)
				if err != nil {
					t.Error(err)
					return
				}
				ids[n] = i.ID
			})
		}
		wg.Wait()
		for _, id := range ids {
			if id != ids[0] || id == "" {
				t.Fatalf("installations %v, want one", ids)
			}
		}
		ctx := storetest.System(t)
		if w, u, tok := db.Workspace.Query().CountX(ctx), db.User.Query().CountX(ctx), db.APIToken.Query().CountX(ctx); w != 1 || u != 1 || tok != 1 {
			t.Errorf("%d workspaces, %d users, %d tokens; want one of each", w, u, tok)
		}
	})
}

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := &Service{DB: db}
		install(t, s, first)
		ctx := storetest.System(t)
		var words string
		for _, token := range []string{"", "x", first + "x", strings.ToUpper(first), " " + first, first[:len(first)-1], strings.Repeat("x", 1000), "\x00" + first, "davit_' OR 1=1 -- padding"} {
			p, err := s.Authenticate(t.Context(), token)
			if !fault.Is(err, fault.Unauthenticated) || p.Kind != "" {
				t.Errorf("%.40q: %+v, %v", token, p, err)
				continue
			}
			if words == "" {
				words = err.Error()
			}
			if err.Error() != words {
				t.Errorf("%.40q is refused with %q, others with %q", token, err, words)
			}
		}

		p, err := s.Authenticate(t.Context(), first)
		if err != nil {
			t.Fatal(err)
		}
		// An expired one is refused in the same words, at once and in streams.
		expire := func(at time.Time) { db.APIToken.Update().SetExpiresAt(at).ExecX(ctx) }
		expire(time.Now().UTC().Add(time.Hour))
		if _, err := s.Authenticate(t.Context(), first); err != nil {
			t.Errorf("an hour before its end: %v", err)
		}
		if err := s.StillValid(t.Context(), p); err != nil {
			t.Errorf("a stream an hour before its end: %v", err)
		}
		expire(time.Now().UTC().Add(-time.Millisecond))
		if _, err := s.Authenticate(t.Context(), first); err == nil || err.Error() != words {
			t.Errorf("expired: %v", err)
		}
		if err := s.StillValid(t.Context(), p); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("a stream of an expired token goes on: %v", err)
		}
		if err := s.StillValid(t.Context(), principal.Principal{Kind: principal.System}); err != nil {
			t.Errorf("who came without a token: %v", err)
		}

		canceled, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.Authenticate(canceled, first); err == nil || errors.Is(err, context.Canceled) == fault.Is(err, fault.Unauthenticated) {
			t.Errorf("a database that does not answer counts as a bad token: %v", err)
		}
	})
}

// The database is written to once a minute at most, not with each request.
func TestLastUse(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := &Service{DB: db}
		install(t, s, first)
		ctx := storetest.System(t)
		used := func() time.Time {
			t.Helper()
			if _, err := s.Authenticate(ctx, first); err != nil {
				t.Fatal(err)
			}
			return *db.APIToken.Query().OnlyX(ctx).LastUsedAt
		}
		at := used()
		if again := used(); !again.Equal(at) {
			t.Errorf("written at %s and at %s", at, again)
		}
		db.APIToken.Update().SetLastUsedAt(at.Add(-2 * time.Minute)).ExecX(ctx)
		if again := used(); again.Before(at) {
			t.Errorf("not written after two minutes: %s", again)
		}
	})
}

func TestNewToken(t *testing.T) {
	t.Parallel()

	a, b := NewToken(), NewToken()
	if a == b || !strings.HasPrefix(a, TokenPrefix) || len(a) != len(TokenPrefix)+32 {
		t.Errorf("got %q and %q", a, b)
	}
}

// Whoever reads the database learns no token.
func TestNoTokenIsKept(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		install(t, &Service{DB: db}, first)
		row, err := db.Strings(t.Context(), "SELECT CAST(api_tokens.hash AS TEXT) || name || CAST(scopes AS TEXT) FROM api_tokens")
		if err != nil || len(row) != 1 || strings.Contains(row[0], first) || len(row[0]) < 64 {
			t.Errorf("kept %q, %v", row, err)
		}
	})
}
