package store

import (
	"context"
	"database/sql"
	"sync/atomic"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
)

// Observe has fn called with each statement right before the database gets it,
// from then on. fn must not block; it is called by many goroutines at once. nil
// ends it.
func (db *DB) Observe(fn func(statement string)) {
	if fn == nil {
		db.observer.Store(nil)
		return
	}
	db.observer.Store(&fn)
}

// observer tells a function of each statement, if there is one.
type observer struct{ atomic.Pointer[func(string)] }

func (o *observer) tell(statement string) {
	if fn := o.Load(); fn != nil {
		(*fn)(statement)
	}
}

// raw is what ent's driver and its transactions have in common.
type raw interface {
	dialect.ExecQuerier
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// observed tells o of each statement that goes through it, and says so where one
// failed because the database is away.
type observed struct {
	raw
	o *observer
}

func (d observed) Exec(ctx context.Context, query string, args, v any) error {
	d.o.tell(query)
	return away(d.raw.Exec(ctx, query, args, v))
}

func (d observed) Query(ctx context.Context, query string, args, v any) error {
	d.o.tell(query)
	return away(d.raw.Query(ctx, query, args, v))
}

func (d observed) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	d.o.tell(query)
	res, err := d.raw.ExecContext(ctx, query, args...)
	return res, away(err)
}

func (d observed) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	d.o.tell(query)
	rows, err := d.raw.QueryContext(ctx, query, args...)
	return rows, away(err)
}

// driver is ent's, observed.
type driver struct {
	observed
	sql *entsql.Driver
}

func newDriver(name string, pool *sql.DB, o *observer) driver {
	d := entsql.OpenDB(name, pool)
	return driver{observed{d, o}, d}
}

func (d driver) Close() error    { return d.sql.Close() }
func (d driver) Dialect() string { return d.sql.Dialect() }

func (d driver) Tx(ctx context.Context) (dialect.Tx, error) {
	t, err := d.sql.BeginTx(ctx, nil)
	if err != nil {
		return nil, away(err)
	}
	inner, ok := t.(*entsql.Tx)
	if !ok { // it is
		return t, nil
	}
	return transaction{observed{inner, d.o}, inner}, nil
}

// transaction is ent's, observed.
type transaction struct {
	observed
	sql *entsql.Tx
}

func (t transaction) Commit() error   { return away(t.sql.Commit()) }
func (t transaction) Rollback() error { return t.sql.Rollback() }
