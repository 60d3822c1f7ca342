package store

import (
	"context"
	stdsql "database/sql"
	"errors"
	"strings"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"

	"github.com/davitdev/davit/ent"
)

// Step is something that a DB is about to do.
type Step struct {
	// Write reports that the step may change rows for good: it is a commit, or
	// a statement outside of a transaction that writes.
	Write bool
	// Abandon rolls the step's transaction back, as the end of a process does.
	Abandon func()
}

// Hook does a step by calling do, or refuses it with an error.
type Hook func(ctx context.Context, s Step, do func() error) error

// Through returns the same database, whose every statement and commit passes
// hook. It is how a test lets a process die between any two of its writes. Only
// the DB it was called on is closed; what is returned publishes nothing until
// it is told to.
func (db *DB) Through(hook Hook) *DB {
	client := ent.NewClient(ent.Driver(&through{Driver: entsql.OpenDB(db.dialect, db.pool), hook: hook}))
	addTenantFilter(client)
	addRules(client)
	return &DB{Client: client, dialect: db.dialect, pool: db.pool}
}

// through is a driver whose steps pass a hook.
type through struct {
	*entsql.Driver
	hook Hook
}

var _ dialect.Driver = (*through)(nil)

func (d *through) step(ctx context.Context, query string, do func() error) error {
	return d.hook(ctx, Step{Write: writes(query), Abandon: func() {}}, do)
}

// writes reports whether a statement may change rows.
func writes(query string) bool {
	verb, _, _ := strings.Cut(strings.TrimSpace(query), " ")
	return !strings.EqualFold(verb, "SELECT")
}

func (d *through) Exec(ctx context.Context, query string, args, v any) error {
	return d.step(ctx, query, func() error { return d.Driver.Exec(ctx, query, args, v) })
}

func (d *through) Query(ctx context.Context, query string, args, v any) error {
	return d.step(ctx, query, func() error { return d.Driver.Query(ctx, query, args, v) })
}

func (d *through) ExecContext(ctx context.Context, query string, args ...any) (res stdsql.Result, err error) {
	err = d.step(ctx, query, func() error { res, err = d.Driver.ExecContext(ctx, query, args...); return err })
	return res, err
}

func (d *through) QueryContext(ctx context.Context, query string, args ...any) (rows *stdsql.Rows, err error) {
	err = d.step(ctx, query, func() error { rows, err = d.Driver.QueryContext(ctx, query, args...); return err }) //nolint:rowserrcheck,sqlclosecheck // the caller reads and closes them
	return rows, err
}

func (d *through) Tx(ctx context.Context) (tx dialect.Tx, err error) {
	err = d.hook(ctx, Step{Abandon: func() {}}, func() error { tx, err = d.Driver.Tx(ctx); return err })
	if err != nil {
		return nil, err
	}
	inner, ok := tx.(*entsql.Tx)
	if !ok {
		return nil, errors.Join(errors.New("store: another kind of transaction"), tx.Rollback())
	}
	return &throughTx{Tx: inner, ctx: ctx, hook: d.hook}, nil
}

// throughTx is a transaction of through.
type throughTx struct {
	*entsql.Tx
	ctx  context.Context //nolint:containedctx // of the transaction: Commit has none of its own
	hook Hook
}

func (t *throughTx) step(ctx context.Context, write bool, do func() error) error {
	return t.hook(ctx, Step{Write: write, Abandon: func() { _ = t.Rollback() }}, do)
}

func (t *throughTx) Commit() error { return t.step(t.ctx, true, t.Tx.Commit) }

func (t *throughTx) Exec(ctx context.Context, query string, args, v any) error {
	return t.step(ctx, false, func() error { return t.Tx.Exec(ctx, query, args, v) })
}

func (t *throughTx) Query(ctx context.Context, query string, args, v any) error {
	return t.step(ctx, false, func() error { return t.Tx.Query(ctx, query, args, v) })
}

func (t *throughTx) ExecContext(ctx context.Context, query string, args ...any) (res stdsql.Result, err error) {
	err = t.step(ctx, false, func() error { res, err = t.Tx.ExecContext(ctx, query, args...); return err })
	return res, err
}

func (t *throughTx) QueryContext(ctx context.Context, query string, args ...any) (rows *stdsql.Rows, err error) {
	err = t.step(ctx, false, func() error { rows, err = t.Tx.QueryContext(ctx, query, args...); return err }) //nolint:rowserrcheck,sqlclosecheck // the caller reads and closes them
	return rows, err
}
