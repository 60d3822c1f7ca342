//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/davitdev/davit/internal/config"
	"github.com/davitdev/davit/internal/invariant"
	"github.com/davitdev/davit/internal/principal"
	"github.com/davitdev/davit/internal/proxy"
	"github.com/davitdev/davit/internal/secret"
	"github.com/davitdev/davit/internal/site"
	"github.com/davitdev/davit/internal/source"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/runner"
	"github.com/davitdev/davit/runner/docker"
	"github.com/davitdev/davit/runner/process"
	"github.com/davitdev/davit/worker"
	"github.com/davitdev/davit/worker/queue"
)

// settles is how long a server may take to heal what is found: a lease has to
// run out first, and then everything is compared.
const settles = 20 * time.Second

// checkDeep holds what is in a data directory, in the engine and in the proxy
// against each other.
func checkDeep(ctx context.Context, cfg config.Config, progress func(part string)) []check {
	ctx = principal.AsSystem(ctx)
	c, closers, err := checker(ctx, cfg)
	defer func() {
		for _, closer := range closers {
			_ = closer() // nothing was written
		}
	}()
	if errors.Is(err, fs.ErrNotExist) {
		return []check{{"state", unknown, "There is nothing to look at in " + cfg.Data + ".", "If the data directory is elsewhere, name it with --data."}}
	}
	if err != nil {
		return []check{failed("state", broken, err, "Use the davit of the server's version, as its user.")}
	}
	var out []check
	for _, r := range c.Run(ctx, progress) {
		out = append(out, checksOf(r)...)
	}
	return out
}

// checker is what looks at a data directory, and what to close then.
func checker(ctx context.Context, cfg config.Config) (c *invariant.Checker, closers []func() error, err error) {
	if cfg.Data, err = filepath.Abs(cfg.Data); err != nil {
		return nil, nil, err
	}
	target, m, err := findDatabase(cfg)
	if err != nil {
		return nil, nil, err
	}
	if cfg.DatabaseURL == "" {
		if _, err := os.Stat(target); err != nil {
			return nil, nil, err
		}
	}
	db, err := store.OpenToRead(ctx, target)
	if err != nil {
		return nil, nil, err
	}
	closers = append(closers, db.Close)
	installation, err := db.Installation.Query().Only(ctx)
	if err != nil {
		return nil, closers, fmt.Errorf("read the installation: %w", err)
	}
	if err := m.fits(cfg, installation.ID); err != nil {
		return nil, closers, err
	}
	held, serving, err := findHolder(cfg.Lock())
	if err != nil {
		return nil, closers, err
	}
	c = &invariant.Checker{DB: db, Logs: cfg.Logs(), Scratch: cfg.Scratch(), Kept: held.Kept, Working: serving}
	if serving {
		c.Settle = settles
	}
	if cfg.RedisURL != "" {
		q, err := queue.Open(ctx, queue.Options{RedisURL: cfg.RedisURL, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			return nil, closers, err
		}
		closers = append(closers, q.Close)
		c.Overdue = func(ctx context.Context, age time.Duration) ([]string, error) {
			return q.Overdue(ctx, age, worker.QueueDeploy, worker.QueueKeep, worker.QueueOperate)
		}
	}
	if c.Keys, err = keysOf(cfg); err != nil {
		return nil, closers, err
	}
	if c.Runner, err = engineOf(cfg, installation.ID); err != nil {
		return nil, closers, err
	}
	ask, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	if plane := proxy.NewClient(cfg.Data); serving {
		c.Proxy = plane
	} else if _, err := plane.Hello(ask); err == nil {
		c.Proxy = plane
	}
	if _, err := os.Stat(cfg.Sites()); err == nil {
		if c.Sites, err = site.OpenStore(cfg.Sites()); err != nil {
			return nil, closers, err
		}
		closers = append(closers, c.Sites.Close)
	}
	if _, err := os.Stat(cfg.Uploads()); err == nil {
		if c.Uploads, err = source.OpenStore(cfg.Uploads()); err != nil {
			return nil, closers, err
		}
		closers = append(closers, c.Uploads.Close)
	}
	return c, closers, nil
}

// keysOf opens what a data directory seals, nil if its key is gone: a new one
// would open nothing.
func keysOf(c config.Config) (*secret.Box, error) {
	if _, err := os.Stat(c.SecretKey()); errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // nothing can be opened
	}
	key, err := secret.LoadKey(c.SecretKey())
	if err != nil {
		return nil, err
	}
	return secret.New(key)
}

// engineOf is where the applications of a data directory are, nil if nobody
// knows.
func engineOf(c config.Config, installation string) (runner.Runner, error) {
	text, err := os.ReadFile(c.RunnerFile())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("find out where applications run: %w", err)
	}
	switch strings.TrimSpace(string(text)) {
	case runnerDocker:
		return docker.New(docker.Options{Installation: installation})
	case runnerProcess:
		return process.Look(process.Options{Dir: c.Processes()})
	default:
		return nil, nil //nolint:nilnil // it is not looked at
	}
}

// checksOf says what was found about a part of an installation.
func checksOf(r invariant.Result) []check {
	if r.Err != nil {
		return []check{{r.Name, warning, "They could not be looked at: " + r.Err.Error() + ".", "Mend that first, and look again."}}
	}
	if len(r.Found) == 0 {
		return []check{{r.Name, sound, fmt.Sprintf("%d looked at: as promised.", r.Looked), ""}}
	}
	out := make([]check, 0, len(r.Found))
	for _, f := range r.Found {
		one := check{r.Name, broken, f.Object + ": " + f.Seen + " Promised: " + f.Rule, f.Do}
		if f.Pending {
			one.Verdict = warning
		}
		out = append(out, one)
	}
	return out
}
