//go:build unix

package main

import (
	"errors"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/davitdev/davit/internal/config"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/principal"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

// openRows opens the rows of a data directory as davit serve does, and lets go of
// them again.
func openRows(t *testing.T, data, databaseURL string) error {
	t.Helper()
	h := &house{config: config.Config{Data: data, DatabaseURL: databaseURL}, log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	_, _, _, err := h.rows(principal.AsSystem(t.Context()))
	h.close()
	return err
}

// refused fails the test unless err is a refusal that has a code and a text, and
// tells no password.
func refused(t *testing.T, err error, code fault.Code, text string) {
	t.Helper()
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Code != code || !strings.Contains(err.Error(), text) || f.Hint == "" {
		t.Fatalf("got %v, want %s with %q, and what to do", err, code, text)
	}
	u, perr := url.Parse(os.Getenv("TEST_POSTGRES"))
	if perr != nil {
		t.Fatal(perr)
	}
	if password, _ := u.User.Password(); strings.Contains(f.Error()+f.Hint, password) {
		t.Errorf("the refusal tells the password: %v", err)
	}
}

func exists(path string) bool { _, err := os.Stat(path); return !errors.Is(err, fs.ErrNotExist) }

func TestADataDirectoryStaysWithItsDatabase(t *testing.T) { //nolint:tparallel // its parts follow on each other
	t.Parallel()
	database, data := storetest.PostgresURL(t), t.TempDir()
	if err := openRows(t, data, database); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(data, "database"))
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	if password, _ := u.User.Password(); strings.Contains(string(text), password) || !strings.Contains(string(text), u.Host+u.Path) || !strings.Contains(string(text), `"dvt_`) {
		t.Errorf("the data directory remembers %s", text)
	}

	t.Run("and with no file", func(t *testing.T) {
		refused(t, openRows(t, data, ""), fault.Conflict, "are in PostgreSQL, at "+u.Host+u.Path)
		if exists(filepath.Join(data, "davit.db")) {
			t.Error("a file was begun")
		}
	})
	t.Run("and with no empty one", func(t *testing.T) {
		empty := emptyDatabase(t)
		refused(t, openRows(t, data, empty), fault.Conflict, "is empty: the rows of "+data)
		db, err := store.OpenToRead(t.Context(), empty)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if tables, err := db.Strings(t.Context(), "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"); err != nil || len(tables) > 0 {
			t.Errorf("the empty database has %q, %v", tables, err)
		}
	})
	t.Run("and with none of another installation", func(t *testing.T) {
		other := storetest.PostgresURL(t)
		if err := openRows(t, t.TempDir(), other); err != nil {
			t.Fatal(err)
		}
		refused(t, openRows(t, data, other), fault.Conflict, "the rows of "+data)
	})
	t.Run("which no other directory gets", func(t *testing.T) {
		another := t.TempDir()
		refused(t, openRows(t, another, database), fault.Invalid, "The secret key does not belong to this database")
		if exists(filepath.Join(another, "database")) {
			t.Error("the other directory remembers a database that is not its own")
		}
	})
	t.Run("unless it has the key", func(t *testing.T) {
		restored := t.TempDir()
		key, err := os.ReadFile(filepath.Join(data, "secret-key"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(restored, "secret-key"), key, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := openRows(t, restored, database); err != nil {
			t.Fatal(err)
		}
		refused(t, openRows(t, restored, ""), fault.Conflict, "are in PostgreSQL")
	})
	if err := openRows(t, data, database); err != nil {
		t.Errorf("it is refused its own: %v", err)
	}
}

func TestADataDirectoryStaysWithItsFile(t *testing.T) {
	t.Parallel()
	database, data := storetest.PostgresURL(t), t.TempDir()
	if err := openRows(t, data, ""); err != nil {
		t.Fatal(err)
	}
	refused(t, openRows(t, data, database), fault.Conflict, "are in its file davit.db")
	if exists(filepath.Join(data, "database")) {
		t.Error("it remembers a database that it was refused")
	}
	if err := openRows(t, data, ""); err != nil {
		t.Errorf("it is refused its own: %v", err)
	}
}

func TestAFirstStartThatWasBrokenOffBindsTheDirectory(t *testing.T) {
	t.Parallel()
	database, data := storetest.PostgresURL(t), t.TempDir()
	c := config.Config{Data: data, DatabaseURL: database}
	if err := (databaseMark{Address: c.DatabaseAddress()}).write(c); err != nil { // where a crash may leave it
		t.Fatal(err)
	}
	refused(t, openRows(t, data, ""), fault.Conflict, "was broken off")
	if err := openRows(t, data, database); err != nil {
		t.Error(err)
	}
}

func TestADatabaseIsServedOnce(t *testing.T) {
	t.Parallel()
	database := storetest.PostgresURL(t)
	hold, err := store.TakeHold(t.Context(), database, "other.example:/var/lib/davit")
	if err != nil {
		t.Fatal(err)
	}
	defer hold.Close()
	data := t.TempDir()
	refused(t, openRows(t, data, database), fault.Conflict, "(other.example:/var/lib/davit) works on this database")
	if exists(filepath.Join(data, "database")) {
		t.Error("it remembers a database that it was refused")
	}
}

// emptyDatabase makes a database without a table, which is dropped in the end.
func emptyDatabase(t *testing.T) string {
	t.Helper()
	target := storetest.PostgresURL(t)
	db, err := store.Open(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(t.Context(), "DROP SCHEMA public CASCADE"); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(t.Context(), "CREATE SCHEMA public"); err != nil {
		t.Fatal(err)
	}
	return target
}
