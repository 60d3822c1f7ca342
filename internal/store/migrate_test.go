package store_test

import (
	"database/sql"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"entgo.io/ent/dialect"

	entmigrate "github.com/davitdev/davit/ent/migrate"
	"github.com/davitdev/davit/ent/migrations"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

// A connection that is cut off with any statement, also right before and after
// the one that commits, leaves nothing of a migration or all of it.
func TestCutOffMigrationStartsAgain(t *testing.T) {
	t.Parallel()
	eachUnmigrated(t, func(t *testing.T, db unmigrated) {
		left := 0
		for at := 1; left == 0; at += 7 { // each costs a whole migration
			_, err := migrations.Up(t.Context(), db.cut(t, at, func() {}), db.dialect)
			if err == nil && at > len(entmigrate.Tables) {
				break
			}
			if !errors.Is(err, errCut) {
				t.Fatalf("cut off with statement %d: got %v, want that it is cut off", at, err)
			}
			if left = db.tables(t); left > 0 && at < len(entmigrate.Tables) {
				t.Fatalf("cut off with statement %d: left %d tables, want none", at, left)
			}
		}
		db.whole(t, 0)
	})
}

// What tells a process of the tests that it is to migrate a database and to kill
// itself with a statement.
const (
	killedTarget  = "DAVIT_TEST_KILLED_TARGET"
	killedDialect = "DAVIT_TEST_KILLED_DIALECT"
	killedAt      = "DAVIT_TEST_KILLED_AT"
)

func TestKilledMigrationStartsAgain(t *testing.T) { //nolint:tparallel // it is, but in the process that dies
	if os.Getenv(killedTarget) != "" {
		migrateAndDie(t)
		return
	}
	t.Parallel()
	eachUnmigrated(t, func(t *testing.T, db unmigrated) {
		for at := 1; ; at += 7 {
			child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilledMigrationStartsAgain$")
			child.Env = append(os.Environ(), killedTarget+"="+db.dsn, killedDialect+"="+db.dialect, killedAt+"="+strconv.Itoa(at))
			out, err := child.CombinedOutput()
			if err == nil && at > len(entmigrate.Tables) {
				break // it was done before that statement
			}
			if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.Exited() {
				t.Fatalf("killed with statement %d: got %v, want it killed\n%s", at, err, out)
			}
			if left := db.tables(t); left > 0 && at < len(entmigrate.Tables) {
				t.Fatalf("killed with statement %d: left %d tables, want none", at, left)
			}
		}
		db.whole(t, 0)
	})
}

func migrateAndDie(t *testing.T) {
	at, err := strconv.Atoi(os.Getenv(killedAt))
	if err != nil {
		t.Fatal(err)
	}
	me, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	db := unmigrated{dialect: os.Getenv(killedDialect), dsn: os.Getenv(killedTarget)}
	die := func() {
		if err := me.Kill(); err != nil {
			panic(err)
		}
		select {}
	}
	if _, err := migrations.Up(t.Context(), db.cut(t, at, die), db.dialect); err != nil {
		t.Fatal(err)
	}
}

func TestMigrationsAtOnceApplyEachFileOnce(t *testing.T) {
	t.Parallel()
	eachUnmigrated(t, func(t *testing.T, db unmigrated) {
		db.tables(t) // the file of SQLite is there, with its journal
		type result struct {
			n   int
			err error
		}
		const processes = 4
		results := make(chan result, processes)
		for range processes {
			pool := db.open(t)
			go func() {
				n, err := migrations.Up(t.Context(), pool, db.dialect)
				results <- result{n, err}
			}()
		}
		applied := 0
		for range processes {
			r := <-results
			if r.err != nil {
				t.Error(r.err)
			}
			applied += r.n
		}
		if applied != 1 {
			t.Errorf("applied %d files, want 1", applied)
		}
		db.whole(t, 0)
	})
}

// A statement that fails, too, leaves nothing, and SQLite heeds foreign keys again.
func TestFailedMigrationStartsAgain(t *testing.T) {
	t.Parallel()
	eachUnmigrated(t, func(t *testing.T, db unmigrated) {
		pool := db.open(t)
		pool.SetMaxOpenConns(1) // the connection that migrates
		if _, err := pool.ExecContext(t.Context(), "CREATE TABLE users (mine int)"); err != nil {
			t.Fatal(err)
		}
		if _, err := migrations.Up(t.Context(), pool, db.dialect); err == nil || strings.Contains(err.Error(), "abort") {
			t.Errorf("got %v, want that users are there", err)
		}
		if left := db.tables(t); left != 1 {
			t.Errorf("left %d tables, want the one that was there", left)
		}
		foreignKeysHold(t, db, pool)
		if _, err := pool.ExecContext(t.Context(), "DROP TABLE users"); err != nil {
			t.Fatal(err)
		}
		if n, err := migrations.Up(t.Context(), pool, db.dialect); err != nil || n != 1 {
			t.Errorf("without users: %d files, %v", n, err)
		}
		foreignKeysHold(t, db, pool)
	})
}

func foreignKeysHold(t *testing.T, db unmigrated, pool *sql.DB) {
	t.Helper()
	on := db.dialect == dialect.Postgres
	if !on {
		if err := pool.QueryRowContext(t.Context(), "PRAGMA foreign_keys").Scan(&on); err != nil {
			t.Fatal(err)
		}
	}
	if !on {
		t.Error("foreign keys are not heeded any more")
	}
}

// Versions that knew no transaction for a file left a database like this.
func TestPartlyMigratedDatabaseIsRefused(t *testing.T) {
	t.Parallel()
	for name, target := range map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { return filepath.Join(t.TempDir(), "davit.db") },
		"postgres": func(t *testing.T) string { return storetest.PostgresURL(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := target(t)
			db, err := store.Open(t.Context(), target)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := db.Exec(t.Context(), "UPDATE schema_revisions SET applied = 3"); err != nil {
				t.Fatal(err)
			}
			_, err = store.Open(t.Context(), target)
			if e, ok := errors.AsType[*migrations.PartialError](err); !ok || e.Version != "0001" || e.Applied != 3 || e.Total <= 3 {
				t.Errorf("got %v, want a PartialError of 3 statements of 0001", err)
			}
			if e, ok := errors.AsType[*fault.Error](err); !ok || e.Code != fault.Conflict || e.Hint == "" {
				t.Errorf("got %v, want a conflict with a hint", err)
			}
		})
	}
}
