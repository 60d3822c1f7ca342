package store

import (
	"context"
	"database/sql"
	sqldriver "database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"entgo.io/ent/dialect"
	"github.com/lib/pq"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/davitdev/davit/internal/fault"
)

// nowMillis is the database's clock in Unix milliseconds. Leases and deadlines
// are judged by it alone, so that processes with different clocks agree.
var nowMillis = map[string]string{
	dialect.SQLite:   "CAST(unixepoch('now', 'subsec') * 1000 AS INTEGER)",
	dialect.Postgres: "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
}

// lockClause locks the rows that a query reads to the end of the transaction.
// Rows that refer to them may still be written. An SQLite transaction is the
// only one that writes, so it has nothing to lock.
var lockClause = map[string]string{dialect.Postgres: "FOR NO KEY UPDATE"}

// querier is what DB and Tx have of the execquery feature.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Exec runs a statement and returns how many rows it touched. Arguments are
// marked ?, {now} stands for the database's clock, and {lock} at the end of a
// query locks the rows it reads to the end of the transaction.
func (db *DB) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	return exec(ctx, db.Client, db.dialect, query, args)
}

// Exec is DB.Exec inside the transaction.
func (tx *Tx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	return exec(ctx, tx.Tx, tx.dialect, query, args)
}

// Int64s runs a query of one column, as Exec does, and returns its rows.
func (db *DB) Int64s(ctx context.Context, query string, args ...any) ([]int64, error) {
	return scan[int64](ctx, db.Client, db.dialect, query, args)
}

// Int64s is DB.Int64s inside the transaction.
func (tx *Tx) Int64s(ctx context.Context, query string, args ...any) ([]int64, error) {
	return scan[int64](ctx, tx.Tx, tx.dialect, query, args)
}

// Strings runs a query of one column, as Exec does, and returns its rows.
func (db *DB) Strings(ctx context.Context, query string, args ...any) ([]string, error) {
	return scan[string](ctx, db.Client, db.dialect, query, args)
}

// Strings is DB.Strings inside the transaction.
func (tx *Tx) Strings(ctx context.Context, query string, args ...any) ([]string, error) {
	return scan[string](ctx, tx.Tx, tx.dialect, query, args)
}

// NowMillis returns the database's clock.
func (db *DB) NowMillis(ctx context.Context) (int64, error) {
	rows, err := db.Int64s(ctx, "SELECT {now}")
	if err != nil {
		return 0, err
	}
	return rows[0], nil
}

func exec(ctx context.Context, q querier, name, query string, args []any) (int64, error) {
	res, err := q.ExecContext(ctx, bind(name, query), args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func scan[T any](ctx context.Context, q querier, name, query string, args []any) ([]T, error) {
	rows, err := q.QueryContext(ctx, bind(name, query), args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		var v T
		if err := rows.Scan(&v); err != nil {
			return nil, fmt.Errorf("scan: %w", err)
		}
		out = append(out, v)
	}
	return out, away(rows.Err())
}

// bind writes a query in the words of the dialect.
func bind(name, query string) string {
	query = strings.NewReplacer("{now}", nowMillis[name], "{lock}", lockClause[name]).Replace(query)
	if name != dialect.Postgres {
		return query
	}
	var b strings.Builder
	n := 0
	for _, r := range query {
		if r == '?' {
			n++
			b.WriteString("$" + strconv.Itoa(n))
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// lostRace reports whether the transaction may succeed when it is run again.
func lostRace(err error) bool {
	if errors.Is(err, errRace) {
		return true
	}
	if e, ok := errors.AsType[*pq.Error](err); ok {
		return e.Code == "40001" || e.Code == "40P01" // serialization failure, deadlock
	}
	return false
}

// away marks an error that means the database does not answer, is locked or
// full; others are returned as they are.
func away(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		switch e.Code() & 0xff {
		case sqlite3.SQLITE_FULL:
			return full(err)
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN:
			return silent(err)
		}
	}
	if e, ok := errors.AsType[*pq.Error](err); ok {
		switch {
		case e.Code == "53100":
			return full(err)
		case e.Code == "57014": // canceled, by whoever asked
			return err
		case slices.Contains([]string{"53", "57", "08"}, string(e.Code.Class())): // out of resources, shut down, connection
			return silent(err)
		case e.Code == "55P03", e.Code == "25P03": // locked too long, and locking too long
			return silent(err)
		case e.Code == "25006": // it has become a standby
			return silent(err)
		}
	}
	_, network := errors.AsType[net.Error](err)
	if network || errors.Is(err, sqldriver.ErrBadConn) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return silent(err)
	}
	return err
}

func full(err error) error {
	return fault.New(fault.DiskFull, "The disk of the database is full.").
		WithHint("Make room there, then try again: what was accepted is kept.").Because(err)
}

func silent(err error) error {
	f := fault.New(fault.StoreAway, "The database does not answer.").
		WithHint("Try again in a moment. What is under way goes on by itself.").Because(err)
	f.RetryAfter = time.Second
	return f
}
