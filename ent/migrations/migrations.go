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

// Up applies what is pending and returns how many files that was.
//
// It works on one dedicated connection and outside a transaction: inside one,
// SQLite ignores PRAGMA foreign_keys=off, and rebuilding a table would delete
// the rows that refer to it. On PostgreSQL an advisory lock keeps two
// processes apart; an SQLite file has only one process.
func Up(ctx context.Context, db *sql.DB, name string) (n int, err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return 0, fmt.Errorf("migrate: %w", err)
	}
	defer conn.Close()
	open, ph := sqlite.Open, "?"
	if name == dialect.Postgres {
		open, ph = postgres.Open, "$"
	}
	drv, err := open(conn)
	if err != nil {
		return 0, fmt.Errorf("migrate: %w", err)
	}
	if l, ok := drv.(atlas.Locker); ok && name == dialect.Postgres {
		unlock, err := l.Lock(ctx, "davit_migrations", lockWait)
		if err != nil {
			return 0, fmt.Errorf("migrate: another process holds the lock: %w", err)
		}
		defer func() { err = errors.Join(err, unlock()) }()
	}
	revisions := &revisions{conn: conn, placeholder: ph}
	if err := revisions.init(ctx); err != nil {
		return 0, err
	}
	dir, err := load(Folder(name))
	if err != nil {
		return 0, err
	}
	ex, err := migrate.NewExecutor(drv, dir, revisions, migrate.WithAllowDirty(true))
	if err != nil {
		return 0, fmt.Errorf("migrate: %w", err)
	}
	if err := refuseNewer(ctx, revisions, dir); err != nil {
		return 0, err
	}
	pending, err := ex.Pending(ctx)
	if errors.Is(err, migrate.ErrNoPendingFiles) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("migrate: %w", err)
	}
	for i, f := range pending {
		if err := ex.Execute(ctx, f); err != nil {
			return i, fmt.Errorf("migrate %s: %w", f.Name(), err)
		}
	}
	return len(pending), nil
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

// refuseNewer fails for a database that a newer Davit has migrated.
func refuseNewer(ctx context.Context, r *revisions, dir migrate.Dir) error {
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
	}
	return nil
}
