package store_test

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

// held takes a hold that the end of the test lets go.
func held(t *testing.T, url, holder string) *store.Hold {
	t.Helper()
	h, err := store.TakeHold(t.Context(), url, holder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

// kept keeps a hold in the background; what it ends with is sent.
func kept(t *testing.T, h *store.Hold) <-chan error {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	over, out := make(chan struct{}), make(chan error, 1)
	go func() {
		defer close(over)
		out <- h.Keep(ctx, slog.New(slog.NewTextHandler(t.Output(), nil)))
	}()
	t.Cleanup(func() { cancel(); <-over })
	return out
}

// holders are the sessions that have an advisory lock in the database.
func holders(t *testing.T, db *store.DB) []string {
	t.Helper()
	rows, err := db.Strings(t.Context(), `SELECT l.pid::text FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
		WHERE l.locktype = 'advisory' AND l.granted AND a.datname = current_database()`)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// heldAnew waits until the lock is another session's than that which had it.
func heldAnew(t *testing.T, db *store.DB, had []string) {
	t.Helper()
	if len(had) != 1 {
		t.Fatalf("%q had the lock", had)
	}
	eventually(t, "it is taken again", func() bool {
		now := holders(t, db)
		return len(now) == 1 && now[0] != had[0]
	})
}

// endHolders ends the sessions that have the lock, as a restart does.
func endHolders(t *testing.T, db *store.DB) {
	t.Helper()
	_, err := db.Strings(t.Context(), `SELECT pg_terminate_backend(l.pid)::text FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
		WHERE l.locktype = 'advisory' AND l.granted AND a.datname = current_database()`)
	if err != nil {
		t.Fatal(err)
	}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(30 * time.Second); !holds(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("it never came to pass that %s", what)
		}
	}
}

func TestADatabaseHasOneHolder(t *testing.T) {
	t.Parallel()
	url := storetest.PostgresURL(t)
	first := held(t, url, "one.example:/var/lib/davit")
	_, err := store.TakeHold(t.Context(), url, "two.example:/var/lib/davit")
	if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "one.example:/var/lib/davit") {
		t.Errorf("got %v, want a refusal that says who holds it", err)
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	held(t, url, "two.example:/var/lib/davit")
	held(t, storetest.PostgresURL(t), "another database")
	held(t, url+"&search_path=pg_temp", "another schema")
}

func TestAHoldIsTakenAgainAfterAnOutage(t *testing.T) { //nolint:tparallel // its parts follow on each other
	t.Parallel()
	url := storetest.PostgresURL(t)
	db, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()

	t.Run("that ended its session", func(t *testing.T) {
		h := held(t, url, "one")
		ended, had := kept(t, h), holders(t, db)
		endHolders(t, db)
		heldAnew(t, db, had)
		if len(ended) > 0 {
			t.Errorf("it ended with %v", <-ended)
		}
	})

	t.Run("of which PostgreSQL knows nothing", func(t *testing.T) {
		h := held(t, url, "one")
		end := store.LeaveSession(h)
		defer end()
		had := holders(t, db)
		ended := kept(t, h)
		heldAnew(t, db, had)
		if len(ended) > 0 {
			t.Errorf("it ended with %v", <-ended)
		}
	})

	t.Run("unless another one has it by then, by a session that a pooler gave it", func(t *testing.T) {
		first := held(t, url, "one")
		endHolders(t, db)
		store.MistakeSession(first, held(t, url, "two"))
		select {
		case err := <-kept(t, first):
			if !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "two") {
				t.Errorf("got %v, want that another works on it", err)
			}
		case <-time.After(30 * time.Second):
			t.Error("it goes on beside another")
		}
	})
}

func TestADatabaseThatCannotBeUsedSaysWhyAndNoPassword(t *testing.T) {
	t.Parallel()
	url := storetest.PostgresURL(t)
	for name, c := range map[string]struct {
		url  string
		code fault.Code
		text string
	}{
		"away":                 {"postgres://davit:s3cret@127.0.0.1:1/davit", fault.StoreAway, "does not answer"},
		"no such database":     {strings.Replace(url, "/davit_test_", "/no_such_", 1), fault.Invalid, "no_such_"},
		"a wrong password":     {replacePassword(url, "s3cret"), fault.Invalid, "password authentication failed"},
		"no TLS":               {strings.Replace(url, "sslmode=disable", "sslmode=require", 1), fault.Invalid, "no TLS"},
		"a setting of nothing": {strings.Replace(url, "sslmode=disable", "sslmode=s0", 1), fault.Invalid, "sslmode"},
		"no URL at all":        {"postgres://davit:s3cret@ho st/davit", fault.Invalid, "cannot be read"},
		"an unknown authority": {"postgres://davit:s3cret@" + impostor(t) + "/davit?sslmode=verify-ca", fault.Invalid, "not trusted"},
		"another's name":       {"postgres://davit:s3cret@" + impostor(t) + "/davit?sslmode=verify-full", fault.Invalid, "not trusted"},
	} {
		for what, open := range map[string]func() error{
			"Open":       func() error { _, err := store.Open(t.Context(), c.url); return err },
			"OpenToRead": func() error { _, err := store.OpenToRead(t.Context(), c.url); return err },
			"TakeHold":   func() error { _, err := store.TakeHold(t.Context(), c.url, "me"); return err },
		} {
			err := open()
			if !fault.Is(err, c.code) || !strings.Contains(err.Error(), c.text) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%s, %s: got %v, want %s with %q", name, what, err, c.code, c.text)
			}
		}
	}
}

// impostor speaks TLS like PostgreSQL, with a certificate that nobody vouches for.
func impostor(t *testing.T) (addr string) {
	t.Helper()
	unstarted := httptest.NewUnstartedServer(nil)
	unstarted.StartTLS()
	config := unstarted.TLS
	unstarted.Close()
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			if _, err := io.ReadFull(c, make([]byte, 8)); err == nil { // its request for TLS
				_, _ = c.Write([]byte("S"))
				_ = tls.Server(c, config).HandshakeContext(t.Context())
			}
			c.Close()
		}
	}()
	return ln.Addr().String()
}

func replacePassword(url, password string) string {
	before, rest, _ := strings.Cut(url, "://")
	user, rest, _ := strings.Cut(rest, ":")
	_, rest, _ = strings.Cut(rest, "@")
	return before + "://" + user + ":" + password + "@" + rest
}

func TestOneThatReadsChangesNothing(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		if id, _, err := db.InstallationID(t.Context()); err != nil || id != "" {
			t.Errorf("an empty one has %q, %v", id, err)
		}
	})
	db, err := store.OpenToRead(t.Context(), storetest.PostgresURL(t))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(t.Context(), "DELETE FROM leases"); err == nil || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("it deleted rows: %v", err)
	}
}
