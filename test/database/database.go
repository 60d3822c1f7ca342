// Package database makes databases for servers of Davit that are run from
// outside: the demo, the end-to-end tests, chaos.
package database

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"net/url"
	"strings"

	_ "github.com/lib/pq" // the PostgreSQL driver
)

// Database is an empty database in PostgreSQL, of a role that may do nothing
// else. It is safe for concurrent use.
type Database struct {
	URL  string // with a password that needs escaping
	name string
	pool *sql.DB // of the superuser
}

// Make makes a database on the server of a superuser's URL. Drop must be called.
func Make(ctx context.Context, server string) (*Database, error) {
	u, err := url.Parse(server)
	if err != nil {
		return nil, fmt.Errorf("make database: %w", err)
	}
	pool, err := sql.Open("postgres", server)
	if err != nil {
		return nil, fmt.Errorf("make database: %w", err)
	}
	d := &Database{name: "davit_" + strings.ToLower(rand.Text()), pool: pool}
	password := rand.Text() + "/#@:%"
	if err := d.do(ctx, "CREATE ROLE "+d.name+" LOGIN PASSWORD '"+password+"'", "CREATE DATABASE "+d.name+" OWNER "+d.name); err != nil {
		pool.Close()
		return nil, err
	}
	u.User, u.Path = url.UserPassword(d.name, password), "/"+d.name
	d.URL = u.String()
	return d, nil
}

// At returns the database of a URL that Make returned, on the server of a
// superuser's URL. Close it.
func At(server, databaseURL string) (*Database, error) {
	u, err := url.Parse(databaseURL)
	if err != nil {
		return nil, fmt.Errorf("find database: %w", err)
	}
	pool, err := sql.Open("postgres", server)
	if err != nil {
		return nil, fmt.Errorf("find database: %w", err)
	}
	return &Database{URL: databaseURL, name: strings.TrimPrefix(u.Path, "/"), pool: pool}, nil
}

// Close lets go of the server; the database stays.
func (d *Database) Close() error { return d.pool.Close() }

// Socket returns the URL of the same server's socket in the file system, which
// namespaces of a network do not keep apart.
func Socket(ctx context.Context, server string) (string, error) {
	u, err := url.Parse(server)
	if err != nil {
		return "", fmt.Errorf("find socket: %w", err)
	}
	pool, err := sql.Open("postgres", server)
	if err != nil {
		return "", fmt.Errorf("find socket: %w", err)
	}
	defer pool.Close()
	var dirs string
	if err := pool.QueryRowContext(ctx, "SHOW unix_socket_directories").Scan(&dirs); err != nil {
		return "", fmt.Errorf("find socket: %w", err)
	}
	dir, _, _ := strings.Cut(dirs, ",")
	q := u.Query()
	q.Set("host", dir)
	q.Set("port", u.Port())
	u.Host, u.RawQuery = "", q.Encode()
	return u.String(), nil
}

// Drop ends the sessions of the database and removes it.
func (d *Database) Drop(ctx context.Context) error {
	defer d.pool.Close()
	return d.do(ctx, "DROP DATABASE "+d.name+" WITH (FORCE)", "DROP ROLE "+d.name)
}

// LockOut ends the sessions of the database and refuses others until LetIn.
func (d *Database) LockOut(ctx context.Context) error {
	return d.do(ctx, "ALTER DATABASE "+d.name+" CONNECTION LIMIT 0",
		"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '"+d.name+"'")
}

// LetIn takes LockOut back.
func (d *Database) LetIn(ctx context.Context) error {
	return d.do(ctx, "ALTER DATABASE "+d.name+" CONNECTION LIMIT -1")
}

// IsHeld reports whether a davit serve holds the database, so that no other may
// work on it.
func (d *Database) IsHeld(ctx context.Context) (held bool, err error) {
	err = d.pool.QueryRowContext(ctx, `SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_database b ON b.oid = l.database
		WHERE l.locktype = 'advisory' AND l.granted AND b.datname = $1)`, d.name).Scan(&held)
	if err != nil {
		return false, fmt.Errorf("see who holds the database: %w", err)
	}
	return held, nil
}

func (d *Database) do(ctx context.Context, statements ...string) error {
	for _, s := range statements {
		if _, err := d.pool.ExecContext(ctx, s); err != nil {
			verb, _, _ := strings.Cut(s, d.name) // the rest may be a password
			return fmt.Errorf("%s: %w", strings.TrimSpace(verb), err)
		}
	}
	return nil
}
