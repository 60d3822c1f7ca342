package store

import "database/sql"

// Pool is the pool of connections under db.
func Pool(db *DB) *sql.DB { return db.pool }
