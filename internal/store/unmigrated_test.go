package store_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"path/filepath"
	"testing"

	"entgo.io/ent/dialect"

	entmigrate "github.com/davitdev/davit/ent/migrate"
	"github.com/davitdev/davit/ent/migrations"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

// unmigrated is a database in which there is nothing.
type unmigrated struct{ dialect, dsn string }

// eachUnmigrated runs fn on a database of each kind.
func eachUnmigrated(t *testing.T, fn func(t *testing.T, db unmigrated)) {
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "davit.db")
		fn(t, unmigrated{dialect.SQLite, "file:" + path + "?" + store.SQLiteSettings.Encode()})
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		db := unmigrated{dialect.Postgres, storetest.PostgresURL(t)}
		if _, err := db.open(t).ExecContext(t.Context(), "DROP SCHEMA public CASCADE; CREATE SCHEMA public"); err != nil {
			t.Fatal(err)
		}
		fn(t, db)
	})
}

func (db unmigrated) open(t *testing.T) *sql.DB {
	t.Helper()
	pool, err := sql.Open(map[string]string{dialect.SQLite: "sqlite", dialect.Postgres: "postgres"}[db.dialect], db.dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pool.Close() })
	return pool
}

// tables is how many tables it has besides that of the revisions.
func (db unmigrated) tables(t *testing.T) (n int) {
	t.Helper()
	count := "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name <> 'schema_revisions'"
	if db.dialect == dialect.Postgres {
		count = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'schema_revisions'"
	}
	pool := db.open(t)
	defer pool.Close()
	if err := pool.QueryRowContext(t.Context(), count).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// whole has the database migrated, to which that many files are to be applied,
// and fails if it is not as it should be then.
func (db unmigrated) whole(t *testing.T, files int) {
	t.Helper()
	pool := db.open(t)
	if n, err := migrations.Up(t.Context(), pool, db.dialect); err != nil || n != files {
		t.Errorf("the next migration applies %d files, %v; want %d", n, err, files)
	}
	if n := db.tables(t); n != len(entmigrate.Tables) {
		t.Errorf("it has %d tables, want %d", n, len(entmigrate.Tables))
	}
	var revisions int
	if err := pool.QueryRowContext(t.Context(), "SELECT count(*) FROM schema_revisions WHERE applied = total").Scan(&revisions); err != nil || revisions != 1 {
		t.Errorf("it has %d revisions, %v; want 1", revisions, err)
	}
}

// cut is a pool whose connections end with a statement, counted from 1, after
// they called end. A commit counts as two: right before it, and after.
func (db unmigrated) cut(t *testing.T, at int, end func()) *sql.DB {
	pool := sql.OpenDB(&cutter{real: db.open(t).Driver(), dsn: db.dsn, left: at, end: end})
	t.Cleanup(func() { pool.Close() })
	return pool
}

var errCut = errors.New("the connection is cut off")

type cutter struct {
	real driver.Driver
	dsn  string
	left int // statements; a migration has one connection
	end  func()
}

func (c *cutter) Driver() driver.Driver { return c.real }

func (c *cutter) Connect(context.Context) (driver.Conn, error) {
	conn, err := c.real.Open(c.dsn)
	return &cutConn{Conn: conn, cutter: c}, err
}

type cutConn struct {
	driver.Conn
	*cutter
	gone bool
}

// count counts a statement, and cuts the connection off if it was the last.
func (c *cutConn) count() error {
	if c.left--; c.left > 0 {
		return nil
	}
	c.end()
	return errors.Join(errCut, c.Close())
}

func (c *cutConn) Close() error {
	if c.gone {
		return nil
	}
	c.gone = true
	return c.Conn.Close()
}

func (c *cutConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if c.gone {
		return nil, errCut
	}
	res, err := c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
	if err != nil {
		return nil, err
	}
	return res, c.count()
}

func (c *cutConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if c.gone {
		return nil, errCut
	}
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
}

func (c *cutConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	if c.gone {
		return nil, errCut
	}
	tx, err := c.Conn.(driver.ConnBeginTx).BeginTx(ctx, opts)
	return &cutTx{Tx: tx, conn: c}, err
}

type cutTx struct {
	driver.Tx
	conn *cutConn
}

func (tx *cutTx) Commit() error {
	if err := tx.conn.count(); err != nil {
		return err
	}
	if err := tx.Tx.Commit(); err != nil {
		return err
	}
	return tx.conn.count()
}

func (tx *cutTx) Rollback() error {
	if tx.conn.gone {
		return errCut
	}
	return tx.Tx.Rollback()
}
