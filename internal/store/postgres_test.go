package store_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

// Each session has limits, which the URL may change.
func TestSessionsHaveLimits(t *testing.T) {
	t.Parallel()

	for more, want := range map[string]string{"": "30s", "&lock_timeout=500": "500ms", "&lock_timeout=2min&application_name=x": "2min"} {
		db, err := store.Open(t.Context(), storetest.PostgresURL(t)+more)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		for name, want := range map[string]string{"lock_timeout": want, "idle_in_transaction_session_timeout": "1min"} {
			if got, err := db.Strings(storetest.System(t), "SHOW "+name); err != nil || len(got) != 1 || got[0] != want {
				t.Errorf("with %q, %s is %q, %v, want %s", more, name, got, err, want)
			}
		}
	}
}

func TestTimesOfPostgres(t *testing.T) {
	t.Parallel()

	for text, want := range map[string]time.Duration{
		"500": 500 * time.Millisecond, "30s": 30 * time.Second, "2 min": 2 * time.Minute, "1h": time.Hour, "0": 30 * time.Second, "soon": 30 * time.Second,
	} {
		if got := store.Duration(text); got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
}

// After a failover a name may lead to what is a standby now, for a while.
func TestAServerThatTakesNoWritesIsLeft(t *testing.T) {
	t.Parallel()

	target := storetest.PostgresURL(t)
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	name := strings.TrimPrefix(u.Path, "/")
	db, err := store.Open(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	admin, err := store.Open(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { admin.Close() })
	do := func(statement string) {
		t.Helper()
		if _, err := store.Pool(admin).ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	write := func() error {
		_, err := db.Exec(storetest.System(t), "DELETE FROM leases")
		return err
	}
	do("ALTER DATABASE " + name + " SET default_transaction_read_only = on")
	do("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '" + name + "' AND pid <> pg_backend_pid()")
	for range 3 {
		if err := write(); !fault.Is(err, fault.StoreAway) {
			t.Errorf("meanwhile: %v, want STORE_UNAVAILABLE", err)
		}
	}
	do("ALTER DATABASE " + name + " SET default_transaction_read_only = off")
	if err := write(); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}
