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

// sqliteConns are the connections to a file. It has one writer at a time anyway;
// its readers do not wait for it.
const sqliteConns = 8

// Open connects to the database, brings its schema up to date and returns a
// client on which every rule holds. target is a postgres:// URL or the path of
// an SQLite file. It fails with fault.StoreAway for a PostgreSQL that does not
// answer, with fault.Invalid for one that refuses the URL, and with
// fault.Conflict for a database that an older version migrated in part; none
// tells its password. The caller closes the DB.
func Open(ctx context.Context, target string) (*DB, error) {
	name, pool, err := openPool(ctx, target, sqliteSettings, nil)
	if err != nil {
		return nil, err
	}
	if err := migrate(ctx, pool, name, target); err != nil {
		pool.Close()
		return nil, away(err)
	}
	return newDB(name, pool), nil
}

// migrate brings the schema up to date.
func migrate(ctx context.Context, pool *sql.DB, name, target string) error {
	if name == dialect.Postgres {
		patient, err := openPostgres(ctx, target, nil, migrateTime)
		if err != nil {
			return err
		}
		defer patient.Close()
		pool = patient
	}
	_, err := migrations.Up(ctx, pool, name)
	if partial, ok := errors.AsType[*migrations.PartialError](err); ok {
		return fault.New(fault.Conflict, "An older version began to migrate this database and was stopped half-way (%s, %d of %d statements).", partial.Version, partial.Applied, partial.Total).
			WithHint("Restore the backup from before the upgrade, or begin with an empty database if that was the first start.").Because(err)
	}
	return err
}

// OpenToRead opens a database that another process may serve, as Open does, but
// without changing anything in it: its schema has to be the one of this program,
// or queries fail. The caller closes the DB.
func OpenToRead(ctx context.Context, target string) (*DB, error) {
	name, pool, err := openPool(ctx, target,
		url.Values{"mode": {"ro"}, "_time_format": {"sqlite"}, "_pragma": {"busy_timeout(10000)", "query_only(1)"}},
		map[string]string{"default_transaction_read_only": "on"})
	if err != nil {
		return nil, err
	}
	return newDB(name, pool), nil
}

// openPool connects to a database of either kind, whose connections have these
// settings.
func openPool(ctx context.Context, target string, file url.Values, server map[string]string) (name string, pool *sql.DB, err error) {
	if isPostgres(target) {
		pool, err := openPostgres(ctx, target, server, answerSpare)
		return dialect.Postgres, pool, err
	}
	if strings.Contains(target, "://") {
		return "", nil, fault.At("database-url", fault.Invalid, "The database URL must begin with postgres:// or be the path of a file.")
	}
	path, err := filepath.Abs(target)
	if err != nil {
		return "", nil, fmt.Errorf("open database: %w", err)
	}
	pool, err = sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+file.Encode())
	if err != nil {
		return "", nil, fmt.Errorf("open database: %w", err)
	}
	pool.SetMaxOpenConns(sqliteConns)
	pool.SetMaxIdleConns(sqliteConns)
	return dialect.SQLite, pool, nil
}

// sqliteSettings: writers take the lock when they begin, so that none fails half
// way; times are written in one format, so that they compare as text.
var sqliteSettings = url.Values{"_txlock": {"immediate"}, "_time_format": {"sqlite"}, "_pragma": {
	"busy_timeout(10000)", "journal_mode(WAL)", "foreign_keys(1)", "synchronous(NORMAL)",
}}

func newDB(name string, pool *sql.DB) *DB {
	o := &observer{}
	client := ent.NewClient(ent.Driver(newDriver(name, pool, o)))
	addTenantFilter(client)
	addRules(client)
	return &DB{Client: client, dialect: name, pool: pool, observer: o}
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
// asked for with Tx.Wake, also if nobody answers whether that was done; fn itself
// reaches nothing outside the database. A
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
	err = tx.Commit()
	if db.Publish != nil && len(ours.wakes) > 0 { // an answer that is lost may have been a yes
		slices.Sort(ours.wakes)
		db.Publish(slices.Compact(ours.wakes)...)
	}
	if err != nil {
		return fmt.Errorf("commit: %w", away(err))
	}
	return nil
}

// Embedded reports whether this is the only transaction that can write.
func (tx *Tx) Embedded() bool { return tx.dialect == dialect.SQLite }
