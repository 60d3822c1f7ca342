// Package migrations brings a database up to the schema of ent, with SQL files
// per dialect embedded in the binary.
package migrations

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/postgres"
	atlas "ariga.io/atlas/sql/schema"
	"ariga.io/atlas/sql/sqlite"
	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql/schema"
	"entgo.io/ent/schema/field"

	entmigrate "github.com/davitdev/davit/ent/migrate"
)

//go:generate go run -mod=mod gen.go

//go:embed sqlite/*.sql sqlite/atlas.sum postgres/*.sql postgres/atlas.sum
var files embed.FS

// lockWait bounds how long one process waits for another that migrates.
const lockWait = time.Minute

// Folder is where the files of a dialect of ent are.
func Folder(name string) string {
	if name == dialect.Postgres {
		return "postgres"
	}
	return "sqlite"
}

// Tables returns the tables as a database of that dialect should have them.
// On PostgreSQL ids compare byte by byte, whatever the database's locale.
func Tables(name string) ([]*schema.Table, error) {
	tables, err := schema.CopyTables(entmigrate.Tables)
	if err != nil || name != dialect.Postgres {
		return tables, err
	}
	for _, t := range tables {
		for _, c := range t.Columns {
			if c.Type == field.TypeString && (c.Name == "id" || strings.HasSuffix(c.Name, "_id")) {
				c.Collation = "C"
			}
		}
	}
	return tables, nil
}

// PartialError is about a database in which a file was applied in part, as
// versions did it that knew no transaction for a file. What of it is missing is
// not known: a statement was carried out before it was counted.
type PartialError struct {
	Version        string // of the file
	Applied, Total int    // statements
}

func (e *PartialError) Error() string {
	return fmt.Sprintf("migration %s ended after %d of %d statements", e.Version, e.Applied, e.Total)
}

// Up applies what is pending and returns how many files that was. It fails with
// a PartialError for a database that a file was applied to in part.
//
// It works on one dedicated connection. Each file is one transaction together
// with its revision, so whoever is killed has applied it or not; a file has to
// do without statements that PostgreSQL refuses inside of one. An advisory lock
// keeps two processes apart there; those of an SQLite file wait for each other's
// transaction.
func Up(ctx context.Context, db *sql.DB, name string) (n int, err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return 0, fmt.Errorf("migrate: %w", err)
	}
	defer conn.Close()
	if name == dialect.Postgres {
		unlock, err := lock(ctx, conn)
		if err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, unlock()) }()
	}
	if err := newRevisions(conn, name).init(ctx); err != nil {
		return 0, err
	}
	dir, err := load(Folder(name))
	if err != nil {
		return 0, err
	}
	for {
		_, files, err := pending(ctx, conn, name, dir)
		if err != nil || len(files) == 0 {
			return n, err
		}
		applied, err := apply(ctx, conn, name, dir)
		if err != nil {
			return n, err
		}
		n += applied
	}
}

// lock waits for another process that migrates the same PostgreSQL.
func lock(ctx context.Context, conn *sql.Conn) (unlock func() error, err error) {
	drv, err := postgres.Open(conn)
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	l, ok := drv.(atlas.Locker)
	if !ok { // a relative of PostgreSQL that has no such locks
		return func() error { return nil }, nil
	}
	release, err := l.Lock(ctx, "davit_migrations", lockWait)
	if err != nil {
		return nil, fmt.Errorf("migrate: another process holds the lock: %w", err)
	}
	return release, nil
}

// pending returns the files that are to be applied, and what applies them by way
// of q.
func pending(ctx context.Context, q atlas.ExecQuerier, name string, dir migrate.Dir) (*migrate.Executor, []migrate.File, error) {
	open := sqlite.Open
	if name == dialect.Postgres {
		open = postgres.Open
	}
	drv, err := open(q)
	if err != nil {
		return nil, nil, fmt.Errorf("migrate: %w", err)
	}
	revisions := newRevisions(q, name)
	ex, err := migrate.NewExecutor(drv, dir, revisions, migrate.WithAllowDirty(true))
	if err != nil {
		return nil, nil, fmt.Errorf("migrate: %w", err)
	}
	if err := refuse(ctx, revisions, dir); err != nil {
		return nil, nil, err
	}
	files, err := ex.Pending(ctx)
	if err != nil && !errors.Is(err, migrate.ErrNoPendingFiles) {
		return nil, nil, fmt.Errorf("migrate: %w", err)
	}
	return ex, files, nil
}

// apply applies the first of the files that are pending, and returns how many it
// was: none if another process was faster.
func apply(ctx context.Context, conn *sql.Conn, name string, dir migrate.Dir) (n int, err error) {
	err = inTx(ctx, conn, name, func(tx *sql.Tx) error {
		ex, files, err := pending(ctx, tx, name, dir)
		if err != nil || len(files) == 0 {
			return err
		}
		if err := ex.Execute(ctx, files[0]); err != nil {
			return fmt.Errorf("migrate %s: %w", files[0].Name(), err)
		}
		n = 1
		return nil
	})
	return n, err
}

// inTx runs fn in a transaction, on SQLite without foreign keys: to rebuild a
// table would delete the rows that refer to it. The pragma does nothing inside a
// transaction, so ours is not ended by ctx, which would do so in its own time.
func inTx(ctx context.Context, conn *sql.Conn, name string, fn func(*sql.Tx) error) (err error) {
	lasting := context.WithoutCancel(ctx)
	keys := false
	if name == dialect.SQLite {
		if keys, err = foreignKeysOff(lasting, conn); err != nil {
			return err
		}
	}
	if keys {
		defer func() {
			if _, on := conn.ExecContext(lasting, "PRAGMA foreign_keys = on"); on != nil {
				err = errors.Join(err, fmt.Errorf("migrate: foreign keys on: %w", on))
			}
		}()
	}
	tx, err := conn.BeginTx(lasting, nil)
	if err != nil {
		return fmt.Errorf("migrate: begin: %w", err)
	}
	defer tx.Rollback() // a no-op after Commit

	// Before it commits it looks whether foreign keys still hold.
	commit, err := sqlite.CommitFunc(lasting, conn, tx, keys)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if err := fn(tx); err != nil {
		return err
	}
	if err := commit(); err != nil {
		return fmt.Errorf("migrate: commit: %w", err)
	}
	return nil
}

// foreignKeysOff has SQLite not heed foreign keys, and reports whether it did.
func foreignKeysOff(ctx context.Context, conn *sql.Conn) (were bool, err error) {
	if err := conn.QueryRowContext(ctx, "PRAGMA foreign_keys").Scan(&were); err != nil {
		return false, fmt.Errorf("migrate: foreign keys: %w", err)
	}
	if _, err := conn.ExecContext(ctx, "PRAGMA foreign_keys = off"); err != nil {
		return false, fmt.Errorf("migrate: foreign keys off: %w", err)
	}
	return were, nil
}

// load copies the embedded files of a dialect to where atlas reads them.
func load(folder string) (migrate.Dir, error) {
	sub, err := fs.Sub(files, folder)
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	names, err := fs.Glob(sub, "*")
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	dir := &migrate.MemDir{}
	for _, name := range names {
		b, err := fs.ReadFile(sub, name)
		if err != nil {
			return nil, fmt.Errorf("migrate: %w", err)
		}
		if err := dir.WriteFile(name, b); err != nil {
			return nil, fmt.Errorf("migrate: %w", err)
		}
	}
	return dir, nil
}

// refuse fails for a database that a newer Davit has migrated, and for one that
// an older one has in part.
func refuse(ctx context.Context, r *revisions, dir migrate.Dir) error {
	done, err := r.ReadRevisions(ctx)
	if err != nil {
		return err
	}
	known, err := dir.Files()
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	for _, rev := range done {
		if !slices.ContainsFunc(known, func(f migrate.File) bool { return f.Version() == rev.Version }) {
			return fmt.Errorf("migrate: the database was migrated by a newer version (%s): use that version or restore a backup", rev.Version)
		}
		if rev.Applied < rev.Total {
			return fmt.Errorf("migrate: %w", &PartialError{Version: rev.Version, Applied: rev.Applied, Total: rev.Total})
		}
	}
	return nil
}
