//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/davitdev/davit/test/database"
)

// What the process aside is told by the environment, since arguments are seen by
// everybody: URLs of a superuser and of the database.
const (
	insideServer   = "DAVIT_CHAOS_SERVER"
	insideDatabase = "DAVIT_CHAOS_DATABASE"
)

// elsewhere is where an installation has its rows and its queue.
type elsewhere struct {
	rows  *database.Database
	dir   string // of Redis
	redis *exec.Cmd
}

// env is what davit serve is told of it.
func (e *elsewhere) env() []string {
	return []string{"DAVIT_DATABASE_URL=" + e.rows.URL, "DAVIT_REDIS_URL=redis://" + redisAddr + "/0"}
}

// makeRows makes a database that can be reached aside, and says what a process
// there is to be told of it.
func makeRows(ctx context.Context) (d *database.Database, env []string, err error) {
	tcp := os.Getenv("TEST_POSTGRES")
	if tcp == "" {
		return nil, nil, errors.New("TEST_POSTGRES is not set; use make chaos FULL=1")
	}
	server, err := database.Socket(ctx, tcp)
	if err != nil {
		return nil, nil, err
	}
	if d, err = database.Make(ctx, server); err != nil {
		return nil, nil, err
	}
	return d, []string{insideServer + "=" + server, insideDatabase + "=" + d.URL}, nil
}

// newElsewhere finds the rows that were made, and starts a Redis in a directory.
func newElsewhere(ctx context.Context, dir string) (*elsewhere, error) {
	rows, err := database.At(os.Getenv(insideServer), os.Getenv(insideDatabase))
	if err != nil {
		return nil, err
	}
	e := &elsewhere{rows: rows, dir: filepath.Join(dir, "redis")}
	if err := errors.Join(os.MkdirAll(e.dir, 0o700), e.startRedis(ctx)); err != nil {
		return nil, errors.Join(err, e.close())
	}
	return e, nil
}

func (e *elsewhere) close() error { return errors.Join(e.killRedis(), e.rows.Close()) }

// redisAddr is where Redis listens, in a network that has nobody else.
const redisAddr = "127.0.0.1:6379"

// startRedis starts an empty Redis and returns once it answers.
func (e *elsewhere) startRedis(ctx context.Context) error {
	cmd := exec.CommandContext(context.WithoutCancel(ctx), "redis-server", "--bind", "127.0.0.1", "--port", "6379", "--save", "", "--dir", e.dir, "--logfile", filepath.Join(e.dir, "log"))
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start redis: %w", err)
	}
	e.redis = cmd
	client := redis.NewClient(&redis.Options{Addr: redisAddr})
	defer client.Close()
	return until(ctx, "Redis answers", 10*time.Second, func() bool { return client.Ping(ctx).Err() == nil })
}

func (e *elsewhere) killRedis() error {
	if e.redis == nil {
		return nil
	}
	if err := e.redis.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill redis: %w", err)
	}
	_ = e.redis.Wait() // how it ended is known
	e.redis = nil
	return nil
}

func (e *elsewhere) emptyRedis(ctx context.Context) error {
	client := redis.NewClient(&redis.Options{Addr: redisAddr})
	defer client.Close()
	if err := client.FlushAll(ctx).Err(); err != nil {
		return fmt.Errorf("empty redis: %w", err)
	}
	return nil
}
