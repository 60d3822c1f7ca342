package migrations

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	"entgo.io/ent/dialect"
	_ "modernc.org/sqlite"
)

// To change a column, SQLite copies a table and drops the old one.
func TestRebuiltTableKeepsTheRowsThatReferToIt(t *testing.T) {
	t.Parallel()
	conn := family(t)
	err := inTx(t.Context(), conn, dialect.SQLite, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(t.Context(), `CREATE TABLE new_parents (id int PRIMARY KEY, name text NULL);
			INSERT INTO new_parents (id) SELECT id FROM parents; DROP TABLE parents; ALTER TABLE new_parents RENAME TO parents`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	heeded(t, conn)
}

func TestMigrationThatLeavesReferencesToNothingIsUndone(t *testing.T) {
	t.Parallel()
	conn := family(t)
	err := inTx(t.Context(), conn, dialect.SQLite, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(t.Context(), "DELETE FROM parents")
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "foreign key") {
		t.Errorf("got %v, want that foreign keys do not hold", err)
	}
	heeded(t, conn)
}

// family is a connection to a parent with a child that would go with it.
func family(t *testing.T) *sql.Conn {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "family.db")+"?_pragma=foreign_keys(1)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := conn.ExecContext(t.Context(), `CREATE TABLE parents (id int PRIMARY KEY); INSERT INTO parents VALUES (1);
		CREATE TABLE children (parent_id int NOT NULL REFERENCES parents (id) ON DELETE CASCADE); INSERT INTO children VALUES (1)`); err != nil {
		t.Fatal(err)
	}
	return conn
}

// heeded fails unless parent and child are there and foreign keys are heeded.
func heeded(t *testing.T, conn *sql.Conn) {
	t.Helper()
	for _, count := range []string{"SELECT count(*) FROM parents JOIN children ON parent_id = id", "PRAGMA foreign_keys"} {
		var n int
		if err := conn.QueryRowContext(t.Context(), count).Scan(&n); err != nil || n != 1 {
			t.Errorf("%s: %d, %v; want 1", count, n, err)
		}
	}
}
