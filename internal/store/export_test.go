package store

import "database/sql"

// Pool is the pool of connections under db.
func Pool(db *DB) *sql.DB { return db.pool }

// SQLiteSettings are those of connections that write.
var SQLiteSettings = sqliteSettings

// Duration reads a time as PostgreSQL's settings say it.
var Duration = duration

// LeaveSession has h go on without its session, which stays as one does whose
// end PostgreSQL does not know of.
func LeaveSession(h *Hold) (end func() error) {
	left := h.conn
	h.pool.SetMaxOpenConns(2)
	h.conn = nil
	return left.Close
}

// MistakeSession has h take the session of another for the one it had.
func MistakeSession(h, other *Hold) { h.mine = other.mine }
