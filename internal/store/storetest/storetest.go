// Package storetest gives each test a database of its own, of both kinds.
package storetest

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/davitdev/davit/internal/principal"
	"github.com/davitdev/davit/internal/store"
)

// Each runs fn as a subtest on SQLite and on PostgreSQL, each time on an empty
// database of its own. Without TEST_POSTGRES the second is skipped, which CI
// does not accept.
func Each(t *testing.T, fn func(t *testing.T, db *store.DB)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); fn(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { t.Parallel(); fn(t, Postgres(t)) })
}

// System is the test's context, speaking for Davit itself.
func System(t testing.TB) context.Context { return principal.AsSystem(t.Context()) }

// SQLite returns an empty database in a file.
func SQLite(t testing.TB) *store.DB {
	t.Helper()
	image, err := sqliteImage()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "davit.db")
	if err := os.WriteFile(path, image, 0o600); err != nil {
		t.Fatal(err)
	}
	return open(t, path)
}

// Postgres returns an empty database on the server of TEST_POSTGRES.
func Postgres(t testing.TB) *store.DB {
	t.Helper()
	return open(t, PostgresURL(t))
}

func open(t testing.TB, target string) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// PostgresURL makes an empty, migrated database and returns its URL. It is
// dropped when t ends.
func PostgresURL(t testing.TB) string {
	t.Helper()
	server := os.Getenv("TEST_POSTGRES")
	if server == "" {
		t.Skip("TEST_POSTGRES is not set: run the tests with \"make test\"")
	}
	template, err := postgresTemplate(server)
	if err != nil {
		t.Fatal(err)
	}
	name := databaseName()
	if err := onServer(server, fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s", name, template)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := onServer(server, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	return withDatabase(server, name)
}

// sqliteImage is a migrated, empty database file. Copying it is faster than
// migrating one for each test.
var sqliteImage = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "davit-storetest-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "davit.db")
	db, err := store.Open(context.Background(), path)
	if err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil { // also folds the WAL into the file
		return nil, err
	}
	return os.ReadFile(path)
})

var seq atomic.Int64

func databaseName() string { return fmt.Sprintf("davit_test_%d_%d", os.Getpid(), seq.Add(1)) }

// creating serialises CREATE DATABASE: PostgreSQL refuses to copy a template
// that somebody is copying.
var creating sync.Mutex

var (
	templateOnce sync.Once
	template     string
	errTemplate  error
)

// postgresTemplate migrates one database that the tests of this process copy.
// It stays behind with the server, which lives for the tests only.
func postgresTemplate(server string) (string, error) {
	templateOnce.Do(func() {
		template = databaseName()
		if errTemplate = onServer(server, "CREATE DATABASE "+template); errTemplate != nil {
			return
		}
		var db *store.DB
		if db, errTemplate = store.Open(context.Background(), withDatabase(server, template)); errTemplate == nil {
			errTemplate = db.Close()
		}
	})
	return template, errTemplate
}

func onServer(server, statement string) error {
	creating.Lock()
	defer creating.Unlock()
	admin, err := sql.Open("postgres", server)
	if err != nil {
		return err
	}
	defer admin.Close()
	if _, err := admin.Exec(statement); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}

func withDatabase(server, name string) string {
	u, err := url.Parse(server)
	if err != nil {
		return server
	}
	u.Path = "/" + name
	return u.String()
}
