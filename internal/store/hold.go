package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/davitdev/davit/internal/fault"
)

const (
	// holdWait is how long a hold is waited for whose owner may just have ended:
	// PostgreSQL notices that a moment later.
	holdWait = 5 * time.Second
	// holdEvery is how often it is made sure of, and holdRetry how often it is asked
	// for once it is lost: until it is taken again another server may get in.
	holdEvery = 3 * time.Second
	holdRetry = 300 * time.Millisecond
	holdLimit = 5 * time.Second // for PostgreSQL to answer that
)

// holdKey is the lock that a hold is: of the tables that the connection sees, so
// that two schemas of one database are two.
const holdKey = `hashtextextended('davit serve ' || COALESCE(current_schema(), ''), 0)`

// holdSettings let PostgreSQL notice within half a minute that a holder's machine
// is off or cut off. Its own default is two hours.
var holdSettings = map[string]string{"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3"}

// Hold is what one davit serve at a time has of a database in PostgreSQL: an
// advisory lock, which a session has until it ends, as that of a process that
// is killed does at once. It keeps others from starting; what is written is
// fenced by epochs, also in the seconds in which a process does not know yet
// that it lost the hold. (A file needs none: its data directory is locked.)
type Hold struct {
	pool *sql.DB
	conn *sql.Conn // the session, nil while there is none
	name string    // of its sessions, and of no other's
	mine session   // that had the lock last
}

// session is a session of PostgreSQL.
type session struct {
	pid   int
	began string
	name  string // says whose it is: a pooler gives a session to one after the other
}

// TakeHold takes the hold of a database, before anything in it is changed. holder
// tells people who has it, such as host:/directory. It fails with fault.Conflict
// if somebody has it, and like Open. The caller keeps and closes it.
func TakeHold(ctx context.Context, target, holder string) (*Hold, error) {
	name := holderName(holder)
	settings := map[string]string{"application_name": name, lockTimeout: "1s"} // no lock is waited for
	for name, value := range holdSettings {
		settings[name] = value
	}
	pool, err := openPostgres(ctx, target, settings, holdLimit)
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(1)
	h := &Hold{pool: pool, name: name}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(holdWait); ; {
		err := h.take(ctx)
		if err == nil {
			return h, nil
		}
		if !fault.Is(err, fault.Conflict) || time.Now().After(end) {
			return nil, errors.Join(err, h.Close())
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, errors.Join(context.Cause(ctx), h.Close())
		}
	}
}

// Keep makes sure of the hold until ctx ends, and takes it again after an outage.
// It fails with fault.Conflict once another has it. Call it once.
func (h *Hold) Keep(ctx context.Context, log *slog.Logger) error {
	tick := time.NewTicker(holdEvery)
	defer tick.Stop()
	lost := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		err := h.take(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case fault.Is(err, fault.Conflict):
			return err
		case err != nil && !lost:
			log.WarnContext(ctx, "the hold of the database is lost, and taken again once it answers", "err", err)
		case err == nil && lost:
			log.InfoContext(ctx, "the hold of the database is taken again")
		}
		lost = err != nil
		if lost {
			tick.Reset(holdRetry)
		} else {
			tick.Reset(holdEvery)
		}
	}
}

// Close lets go of the database.
func (h *Hold) Close() error {
	h.drop()
	if err := h.pool.Close(); err != nil {
		return fmt.Errorf("let go of the database: %w", err)
	}
	return nil
}

func (h *Hold) drop() {
	if h.conn != nil {
		_ = h.conn.Close() // its session may be gone
		h.conn = nil
	}
}

// take takes the lock, which the session may have already.
func (h *Hold) take(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, holdLimit)
	defer cancel()
	err := h.try(ctx)
	if err != nil && !fault.Is(err, fault.Conflict) {
		h.drop()
		return away(err)
	}
	return err
}

func (h *Hold) try(ctx context.Context) (err error) {
	if h.conn == nil {
		if h.conn, err = h.pool.Conn(ctx); err != nil {
			return err
		}
	}
	var taken bool
	var now session
	err = h.conn.QueryRowContext(ctx, `SELECT pg_try_advisory_lock(`+holdKey+`), pid, backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid()`).
		Scan(&taken, &now.pid, &now.began)
	if err != nil {
		return fmt.Errorf("hold database: %w", err)
	}
	if taken {
		h.mine = now
		return nil
	}
	other, err := h.other(ctx)
	switch {
	case err != nil:
		return err
	case other.pid != 0 && other.pid == h.mine.pid && other.began == h.mine.began && other.name == h.name:
		// Our own before the outage, of whose end PostgreSQL does not know yet.
		if _, err := h.conn.ExecContext(ctx, `SELECT pg_terminate_backend($1)`, other.pid); err != nil {
			return fmt.Errorf("end the former session: %w", err)
		}
		return errors.New("the former session still holds the database")
	}
	who := "Another davit serve"
	if holder, _, _ := strings.Cut(other.name, " #"); holder != "" {
		who += " (" + holder + ")"
	}
	return fault.At("database-url", fault.Conflict, "%s works on this database.", who).
		WithHint("Stop it, or give each davit serve a database of its own. PostgreSQL releases the lock of a server that was cut off within half a minute.")
}

// other finds who has the lock, nobody if it was let go meanwhile.
func (h *Hold) other(ctx context.Context) (s session, err error) {
	err = h.conn.QueryRowContext(ctx, `SELECT l.pid, COALESCE(a.backend_start::text, ''), COALESCE(a.application_name, '')
		FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
		WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
			AND (l.classid::bigint << 32) | l.objid::bigint = `+holdKey).Scan(&s.pid, &s.began, &s.name)
	if errors.Is(err, sql.ErrNoRows) {
		return s, nil
	}
	if err != nil {
		return s, fmt.Errorf("find who holds the database: %w", err)
	}
	return s, nil
}

// holderName is a name for the sessions of one Hold: a name of its holder, and
// something that no other has. PostgreSQL keeps 63 printable characters of ASCII.
func holderName(holder string) string {
	ascii := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, holder)
	return ascii[:min(len(ascii), 50)] + " #" + rand.Text()[:10]
}
