//go:build unix

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/davitdev/davit/internal/config"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/worker/queue"
)

// failed is the check that found err, which may say itself what to do.
func failed(name string, v verdict, err error, hint string) check {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		hint = cmp.Or(f.Hint, hint)
	}
	return check{name, v, strings.TrimSuffix(err.Error(), ".") + ".", hint}
}

// checkDatabase looks at the rows of a data directory, where it has them or is to
// have them.
func checkDatabase(ctx context.Context, c config.Config) check {
	target, m, err := findDatabase(c)
	switch {
	case err != nil && c.DatabaseURL == "" && m.Address != "": // nobody said how to look
		return failed("database server", unknown, err, "")
	case err != nil:
		return failed("database server", broken, err, "")
	case c.DatabaseURL != "":
		return checkPostgres(ctx, c, m)
	}
	err = store.Verify(ctx, target)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return check{"database file", unknown, "There is none yet.", ""}
	case err != nil:
		return check{"database file", broken, err.Error() + ".", "Restore the data directory from a backup, after keeping a copy of what is there."}
	}
	return check{"database file", sound, "It was read through, and is sound.", ""}
}

// checkPostgres asks the database of the URL whose rows it has, and whether what
// it accepts survives a crash.
func checkPostgres(ctx context.Context, c config.Config, m databaseMark) check {
	const name = "database server"
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	db, err := store.OpenToRead(ctx, c.DatabaseURL)
	if err != nil {
		return failed(name, broken, unreached(c, err), "")
	}
	defer db.Close()
	found, _, err := db.InstallationID(ctx)
	if err == nil {
		err = m.fits(c, found)
	}
	if err != nil {
		return failed(name, broken, err, "")
	}
	began := time.Now()
	version, err := db.Strings(ctx, "SELECT current_setting('server_version')")
	if err != nil {
		return failed(name, broken, err, "")
	}
	one := check{name, sound, fmt.Sprintf("PostgreSQL %s at %s has the rows, and answers in %s.", version[0], c.DatabaseAddress(), short(time.Since(began))), ""}
	if found == "" {
		one.Verdict, one.Message = unknown, fmt.Sprintf("The database at %s is empty; \"davit serve\" begins with it.", c.DatabaseAddress())
	}
	off, err := db.Strings(ctx, "SELECT name FROM pg_settings WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') AND setting = 'off' ORDER BY name")
	if err != nil {
		return failed(name, broken, err, "")
	}
	if len(off) > 0 {
		one.Verdict, one.Hint = warning, "When its machine crashes it may lose what Davit accepted: switch "+strings.Join(off, ", ")+" on."
	}
	return one
}

// checkRedis asks the Redis of the URL how it is set up. That the server has one
// whose URL is not known here is said.
func checkRedis(ctx context.Context, c config.Config) []check {
	const name = "redis"
	if c.RedisURL == "" {
		held, serving, err := findHolder(c.Lock())
		if err != nil || !serving || held.Redis == "" {
			return nil
		}
		return []check{{name, unknown, "The queue is in Redis, at " + held.Redis + ", whose URL was not given.", "Say it with DAVIT_REDIS_URL."}}
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	report, err := queue.Check(ctx, c.RedisURL)
	if err != nil {
		v := warning // what runs goes on without it
		if fault.Is(err, fault.Invalid) {
			v = broken // no server starts with it
		}
		return []check{failed(name, v, err, componentHints["queue"])}
	}
	note, err := queueNote(report)
	if err != nil {
		return []check{{name, warning, note, componentHints["queue"]}}
	}
	return []check{{name, sound, note + ", at " + c.RedisAddress() + ".", ""}}
}
