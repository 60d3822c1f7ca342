//go:build linux

package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/moby/moby/client"
	_ "modernc.org/sqlite" // to lock the database

	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/proxy"
)

// recoveryLimit is how long a fault may be felt on a machine that is busy.
const recoveryLimit = 30 * time.Second

// errNothing says that a fault met nobody.
var errNothing = errors.New("there is no container to end")

// inject has something go wrong, waits until it is over and all is well, and
// returns how long that took from when it was over, or errNothing. The windows
// it opens say what may fail meanwhile:
//
//   - while davit serve is away or hangs, its database is locked or away, its
//     Redis lost, or its disk full, every request is answered; with a full disk deployments may fail;
//   - while the proxy is away, no request need be answered;
//   - while the engine is away and what it runs goes on, every request is
//     answered, and deployments and commands may fail; when it returns, it ends
//     its containers;
//   - when a container ends, or all do, requests to its project, deployments,
//     commands and the last lines it printed may fail until all is well.
func (s *soak) inject(ctx context.Context, f fault) (time.Duration, error) {
	shut := func() {}
	defer func() { shut() }()
	began := time.Now()
	var err error
	only := everybody
	switch f.Kind {
	case serveKill:
		err = errors.Join(s.srv.Kill(), pause(ctx, f.Lasts))
		began = time.Now()
		err = errors.Join(err, s.srv.Start(ctx))
	case serveKillTwice:
		err = errors.Join(s.srv.Kill(), s.srv.Start(ctx), pause(ctx, f.Lasts/8), s.srv.Kill())
		began = time.Now()
		err = errors.Join(err, s.srv.Start(ctx))
	case serveStop:
		err = errors.Join(s.srv.Signal(syscall.SIGSTOP), pause(ctx, f.Lasts), s.srv.Signal(syscall.SIGCONT))
		began = time.Now()
	case proxyKill:
		hello, helloErr := proxy.NewClient(s.srv.Data).Hello(ctx)
		if helloErr != nil {
			return 0, helloErr
		}
		shut = s.open(window{project: everybody, requests: true, sites: true})
		err = syscall.Kill(hello.PID, syscall.SIGKILL)
	case containerKill, containerRemove:
		only = f.Project
		shut = s.open(window{project: only, requests: true, changes: true, lines: true})
		began = time.Now()
		if !s.end(ctx, f) {
			return 0, errNothing
		}
	case engineKill:
		away := s.open(window{project: everybody, changes: true, lines: true})
		defer away()
		err = errors.Join(s.engine.Kill(ctx), pause(ctx, f.Lasts))
		shut = s.open(window{project: everybody, requests: true})
		err = errors.Join(err, s.engine.Start(ctx))
		began = time.Now()
	case engineKillAll:
		shut = s.open(window{project: everybody, requests: true, changes: true, lines: true})
		err = errors.Join(s.engine.KillAll(ctx), pause(ctx, f.Lasts), s.engine.Start(ctx))
		began = time.Now()
	case databaseLock:
		err = s.lock(ctx, f.Lasts)
		began = time.Now()
	case databaseAway:
		err = errors.Join(s.elsewhere.rows.LockOut(ctx), pause(ctx, f.Lasts), s.elsewhere.rows.LetIn(context.WithoutCancel(ctx)))
		began = time.Now()
	case redisKill:
		err = errors.Join(s.elsewhere.killRedis(), pause(ctx, f.Lasts))
		began = time.Now() // nobody waits for it to be back
		defer func() {
			if rerr := s.elsewhere.startRedis(context.WithoutCancel(ctx)); rerr != nil {
				s.fail("%v", rerr)
			}
		}()
	case redisEmpty:
		err = s.elsewhere.emptyRedis(ctx)
		began = time.Now()
	case diskFull:
		shut = s.open(window{project: everybody, changes: true})
		err = s.fill(ctx, f.Lasts)
		began = time.Now()
	}
	if err != nil {
		return 0, err
	}
	return s.recovers(ctx, began, only)
}

// recovers waits until changes are accepted and what is asked answers: a
// project, or everybody.
func (s *soak) recovers(ctx context.Context, began time.Time, only int) (time.Duration, error) {
	missing := ""
	err := until(ctx, "all is well again", recoveryLimit, func() bool {
		if missing = s.lame(ctx); missing == "" {
			missing = s.missing(ctx, only)
		}
		return missing == ""
	})
	if err != nil {
		return 0, fmt.Errorf("%w: %s", err, missing)
	}
	if err := until(ctx, "changes are accepted", recoveryLimit, func() bool { return s.writes(ctx, s.number()) }); err != nil {
		return 0, err
	}
	return time.Since(began), nil
}

// missing says what does not answer, "" if all does.
func (s *soak) missing(ctx context.Context, only int) string {
	for _, p := range s.projects {
		if only != everybody && only != p.number || !p.visited() {
			continue
		}
		if status, body := p.answer(ctx, "/"); status != http.StatusOK && p.visited() {
			return fmt.Sprintf("project %d answers %d %.100q", p.number, status, body)
		}
	}
	return ""
}

// lame says which replica is said to serve, and has no container that runs; ""
// if there is none. After the death of an engine such a one may be answered for
// by another, which has its address now.
func (s *soak) lame(ctx context.Context) string {
	for _, p := range s.projects {
		if sources[p.number] == fromSite || !p.visited() {
			continue
		}
		replicas, err := p.replicas(ctx)
		if err != nil {
			continue // it is being deleted
		}
		for _, r := range replicas {
			if r.Status != lifecycle.ReplicaRunning {
				continue
			}
			c, err := s.engine.API.ContainerInspect(ctx, r.ContainerID, client.ContainerInspectOptions{})
			if err != nil || !c.Container.State.Running {
				return fmt.Sprintf("%s of project %d does not run: %v", r.ID, p.number, err)
			}
		}
	}
	return ""
}

// end ends the first container of a project, and reports whether there was any
// that did not end by itself at this moment.
func (s *soak) end(ctx context.Context, f fault) bool {
	replicas, err := s.projects[f.Project].replicas(ctx)
	if err != nil {
		return false // it is being deleted
	}
	for _, r := range replicas {
		if r.ContainerID == "" {
			continue
		}
		if f.Kind == containerRemove {
			_, err = s.engine.API.ContainerRemove(ctx, r.ContainerID, client.ContainerRemoveOptions{Force: true})
		} else {
			_, err = s.engine.API.ContainerKill(ctx, r.ContainerID, client.ContainerKillOptions{Signal: "KILL"})
		}
		if err == nil {
			return true
		}
	}
	return false
}

// lock holds the write lock of the database.
func (s *soak) lock(ctx context.Context, lasts time.Duration) error {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(s.srv.Data, "davit.db")+"?_pragma=busy_timeout(20000)&_txlock=immediate")
	if err != nil {
		return err
	}
	defer db.Close()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("lock the database: %w", err)
	}
	return errors.Join(pause(ctx, lasts), tx.Rollback())
}

// mount puts a file system in memory at a directory, which it makes.
func mount(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := syscall.Mount("davit-chaos", dir, "tmpfs", 0, "size=4g,mode=700"); err != nil {
		return fmt.Errorf("mount: %w", err)
	}
	return nil
}

// fill has the disk of the data directory be full: it becomes as small as what
// is on it.
func (s *soak) fill(ctx context.Context, lasts time.Duration) error {
	size := func(blocks string) error {
		return syscall.Mount("", s.srv.Data, "", syscall.MS_REMOUNT, blocks)
	}
	for try := 1; ; try++ {
		var at syscall.Statfs_t
		if err := syscall.Statfs(s.srv.Data, &at); err != nil {
			return err
		}
		err := size(fmt.Sprintf("nr_blocks=%d", at.Blocks-at.Bfree+16))
		if err == nil {
			break
		}
		if !errors.Is(err, syscall.EINVAL) || try == 100 { // it is less than what somebody has written meanwhile
			return fmt.Errorf("fill the disk: %w", err)
		}
	}
	return errors.Join(pause(ctx, lasts), size("size=4g"))
}
