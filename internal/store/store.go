// Package store opens the database: SQLite in a file or PostgreSQL. It is the
// only package that names a driver and the only one that may make an ent
// client, so that no client exists without the tenant filter and the rules of
// this package.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"entgo.io/ent/dialect"
	_ "github.com/lib/pq"  // the PostgreSQL driver
	_ "modernc.org/sqlite" // the SQLite driver

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/migrations"
	"github.com/davitdev/davit/internal/fault"
)

// DB is the database. It is safe for concurrent use.
type DB struct {
	*ent.Client
	// Publish, if set, is called after each commit with the topics that the
	// transaction woke. It must not block.
	Publish func(topics ...string)

	dialect  string
	pool     *sql.DB
	observer *observer
}

// Connections to PostgreSQL. SQLite has one writer at a time anyway; its
// readers do not wait for it.
const (
	maxConns     = 20
	maxIdleConns = 4
	sqliteConns  = 8
)

// Open connects to the database, brings its schema up to date and returns a
// client on which every rule holds. target is a postgres:// URL or the path of
// an SQLite file. The caller closes the DB.
func Open(ctx context.Context, target string) (*DB, error) {
	name, kind, dsn := dialect.SQLite, "sqlite", ""
	switch {
	case strings.HasPrefix(target, "postgres://"), strings.HasPrefix(target, "postgresql://"):
		name, kind, dsn = dialect.Postgres, "postgres", target
	case strings.Contains(target, "://"):
		return nil, fault.At("database-url", fault.Invalid, "The database URL must begin with postgres:// or be the path of a file.")
	default:
		path, err := filepath.Abs(target)
		if err != nil {
			return nil, fmt.Errorf("open database: %w", err)
		}
		dsn = sqliteDSN(path)
	}
	pool, err := sql.Open(kind, dsn)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	pool.SetMaxOpenConns(maxConns)
	pool.SetMaxIdleConns(maxIdleConns)
	if name == dialect.SQLite {
		pool.SetMaxOpenConns(sqliteConns)
		pool.SetMaxIdleConns(sqliteConns)
	}
	if _, err := migrations.Up(ctx, pool, name); err != nil {
		pool.Close()
		return nil, err
	}
	o := &observer{}
	client := ent.NewClient(ent.Driver(newDriver(name, pool, o)))
	db := &DB{Client: client, dialect: name, pool: pool, observer: o}
	addTenantFilter(client)
	addRules(client)
	return db, nil
}

// sqliteDSN: writers take the lock when they begin, so that none fails half
// way; times are written in one format, so that they compare as text.
func sqliteDSN(path string) string {
	q := url.Values{"_txlock": {"immediate"}, "_time_format": {"sqlite"}, "_pragma": {
		"busy_timeout(10000)", "journal_mode(WAL)", "foreign_keys(1)", "synchronous(NORMAL)",
	}}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
}

// Ping reports whether the database answers.
func (db *DB) Ping(ctx context.Context) error { return db.pool.PingContext(ctx) }

// Embedded reports whether the database is a file that only this process may
// open.
func (db *DB) Embedded() bool { return db.dialect == dialect.SQLite }

// Tx is a transaction.
type Tx struct {
	*ent.Tx
	dialect string
	wakes   []string
	events  []recorded
	routes  bool // the table of routes changes
}

// errRace makes Tx run the transaction again.
var errRace = errors.New("lost a race")

// Race marks an error that the same transaction would not meet if it ran again,
// such as two processes inserting the same first row: Tx runs it again. Other
// errors are returned as they are.
func Race(err error) error {
	if ent.IsConstraintError(err) {
		return fmt.Errorf("%w: %w", errRace, err)
	}
	return err
}

// Tx runs fn in one transaction: it commits when fn returns nil and rolls back
// when fn returns an error or panics. After the commit it publishes what fn
// asked for with Tx.Wake; fn itself reaches nothing outside the database. A
// transaction that lost a deadlock, a serialisation failure or a race for an
// idempotency key is run again, so fn must not keep state of an earlier run.
func (db *DB) Tx(ctx context.Context, fn func(tx *Tx) error) error {
	const attempts = 4
	for i := 1; ; i++ {
		err := db.once(ctx, fn)
		if err == nil || i == attempts || !lostRace(err) || ctx.Err() != nil {
			return err
		}
	}
}

func (db *DB) once(ctx context.Context, fn func(tx *Tx) error) error {
	tx, err := db.Client.Tx(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", away(err))
	}
	defer tx.Rollback() // a no-op after Commit
	ours := &Tx{Tx: tx, dialect: db.dialect}
	if err := fn(ours); err != nil {
		return err
	}
	if err := ours.flush(ctx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", away(err))
	}
	if db.Publish != nil && len(ours.wakes) > 0 {
		slices.Sort(ours.wakes)
		db.Publish(slices.Compact(ours.wakes)...)
	}
	return nil
}

// Embedded reports whether this is the only transaction that can write.
func (tx *Tx) Embedded() bool { return tx.dialect == dialect.SQLite }
