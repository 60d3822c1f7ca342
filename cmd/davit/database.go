//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/davitdev/davit/internal/auth"
	"github.com/davitdev/davit/internal/config"
	"github.com/davitdev/davit/internal/durable"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/store"
)

// databaseMark is what a data directory remembers of the PostgreSQL that has its
// rows, so that it is never served with others. It holds no secret.
type databaseMark struct {
	Address      string `json:"address"`                // host:port/name
	Installation string `json:"installation,omitempty"` // "" of one whose first start was broken off
}

// readMark returns the mark of a data directory; ok is false without one.
func readMark(c config.Config) (m databaseMark, ok bool, err error) {
	text, err := os.ReadFile(c.DatabaseMark())
	if errors.Is(err, fs.ErrNotExist) {
		return m, false, nil
	}
	if err != nil {
		return m, false, fmt.Errorf("find out where the rows are: %w", err)
	}
	if json.Unmarshal(text, &m) != nil || m.Address == "" {
		return m, false, fault.New(fault.Invalid, "%s is damaged.", c.DatabaseMark()).WithHint("Restore it from a backup.")
	}
	return m, true, nil
}

// write keeps m in the data directory: after a crash there is the old mark or
// the new one.
func (m databaseMark) write(c config.Config) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if err := durable.Replace(c.DatabaseMark(), append(text, '\n')); err != nil {
		return fmt.Errorf("note where the rows are: %w", err)
	}
	return nil
}

// findDatabase says where the rows of a data directory are: what store.Open
// takes, and what the directory remembers. It refuses to look elsewhere than
// where they were begun, where nothing would be, or something else.
func findDatabase(c config.Config) (target string, m databaseMark, err error) {
	m, marked, err := readMark(c)
	if err != nil {
		return "", m, err
	}
	if c.DatabaseURL == "" {
		if marked && m.Installation == "" {
			return "", m, fault.At("database-url", fault.Conflict, "The first start of %s in PostgreSQL, at %s, was broken off, and the URL was not given now.", c.Data, m.Address).
				WithHint("Say it with DAVIT_DATABASE_URL, or remove the file %s if no row is there.", c.DatabaseMark())
		}
		if marked {
			return "", m, fault.At("database-url", fault.Conflict, "The rows of %s are in PostgreSQL, at %s, whose URL was not given.", c.Data, m.Address).
				WithHint("Say it with DAVIT_DATABASE_URL, or choose another directory with --data.")
		}
		return c.Database(), m, nil
	}
	if _, err := os.Stat(c.Database()); !marked && err == nil {
		return "", m, fault.At("database-url", fault.Conflict, "The rows of %s are in its file davit.db, and not in the database of the URL.", c.Data).
			WithHint("Leave --database-url and DAVIT_DATABASE_URL away, or choose another directory with --data.")
	}
	return c.DatabaseURL, m, nil
}

// openDatabase opens the database that has the rows of the data directory, and
// makes certain that it does, before anything is changed in it. keyCheck is the
// secret key's.
func (h *house) openDatabase(ctx context.Context, keyCheck string) error {
	target, m, err := findDatabase(h.config)
	if err != nil {
		return err
	}
	if h.config.DatabaseURL != "" {
		host, _ := os.Hostname() // for people
		if h.hold, err = store.TakeHold(ctx, target, host+":"+h.config.Data); err != nil {
			return unreached(h.config, err)
		}
		h.onClose(h.hold.Close)
		if err := h.mark(ctx, target, m, keyCheck); err != nil {
			return err
		}
	}
	if h.db, err = store.Open(ctx, target); err != nil {
		return err
	}
	h.onClose(h.db.Close)
	return nil
}

// unreached says where a PostgreSQL is that does not answer, and what to do.
func unreached(c config.Config, err error) error {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Code != fault.StoreAway {
		return err
	}
	return fault.New(fault.StoreAway, "PostgreSQL at %s does not answer", c.DatabaseAddress()).
		WithHint("Look whether it runs there, and can be reached from here.").Because(errors.Unwrap(f))
}

// mark compares the database with what the data directory remembers. That an
// empty one will have the rows is remembered before they are there.
func (h *house) mark(ctx context.Context, target string, m databaseMark, keyCheck string) error {
	db, err := store.OpenToRead(ctx, target)
	if err != nil {
		return err
	}
	defer db.Close()
	found, made, err := db.InstallationID(ctx)
	if err != nil {
		return err
	}
	if err := m.fits(h.config, found); err != nil {
		return err
	}
	if found != "" {
		return auth.SameKey(made, keyCheck)
	}
	return databaseMark{Address: h.config.DatabaseAddress()}.write(h.config)
}

// fits refuses the database of another installation, "" being none, than the
// directory had its rows in.
func (m databaseMark) fits(c config.Config, found string) error {
	if m.Installation == "" || m.Installation == found {
		return nil
	}
	holds := "holds " + found
	if found == "" {
		holds = "is empty"
	}
	return fault.At("database-url", fault.Conflict, "The database at %s %s: the rows of %s, which are %s, are not in it.", c.DatabaseAddress(), holds, c.Data, m.Installation).
		WithHint("Give the URL of the database at %s, or of the one it was moved or restored to.", m.Address)
}
