// River is a queue of River with its worker: for each line it reads it inserts a
// job, and prints the nanoseconds until the worker began it. It makes a database
// on the server that TEST_POSTGRES names, and drops it when there are no more
// lines. Its first line is "ready" and the process id of PostgreSQL.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

func main() {
	cooldown := flag.Duration("fetch-cooldown", river.FetchCooldownDefault, "least time between two fetches")
	flag.Parse()
	if err := run(context.Background(), os.Getenv("TEST_POSTGRES"), *cooldown, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "river:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, server string, cooldown time.Duration, in io.Reader, out io.Writer) (err error) {
	admin, err := pgx.Connect(ctx, server)
	if err != nil {
		return err
	}
	defer admin.Close(ctx)
	name := fmt.Sprintf("bench_river_%d", os.Getpid())
	if _, err := admin.Exec(ctx, "CREATE DATABASE "+name); err != nil {
		return err
	}
	defer func() {
		_, dropped := admin.Exec(ctx, "DROP DATABASE "+name+" WITH (FORCE)")
		err = errors.Join(err, dropped)
	}()
	config, err := pgxpool.ParseConfig(server)
	if err != nil {
		return err
	}
	config.ConnConfig.Database = name
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return err
	}
	defer pool.Close()
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), nil)
	if err != nil {
		return err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return err
	}
	postgres, err := postmaster(ctx, admin)
	if err != nil {
		return err
	}
	return work(ctx, pool, cooldown, in, out, postgres)
}

// postmaster returns the process that PostgreSQL's others are children of.
func postmaster(ctx context.Context, conn *pgx.Conn) (pid string, err error) {
	var backend int
	if err := conn.QueryRow(ctx, "SELECT pg_backend_pid()").Scan(&backend); err != nil {
		return "", err
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", backend))
	if err != nil {
		return "", err
	}
	// The parent is the second field behind the name (proc_pid_stat(5)).
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 2 {
		return "", fmt.Errorf("/proc/%d/stat is %q", backend, text)
	}
	return fields[1], nil
}

// deployment is a job.
type deployment struct {
	ID string `json:"id"`
}

func (deployment) Kind() string { return "deployment:run" }

// worker notes when it begins one.
type worker struct {
	river.WorkerDefaults[deployment]
	began chan time.Time
}

func (w *worker) Work(context.Context, *river.Job[deployment]) error {
	w.began <- time.Now()
	return nil
}

// work does what it is told, line by line.
func work(ctx context.Context, pool *pgxpool.Pool, cooldown time.Duration, in io.Reader, out io.Writer, postgres string) (err error) {
	w := &worker{began: make(chan time.Time, 1)}
	workers := river.NewWorkers()
	river.AddWorker(workers, w)
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
		Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 20}}, Workers: workers,
		FetchCooldown: cooldown, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	if err := client.Start(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Stop(ctx)) }()
	fmt.Fprintln(out, "ready", postgres)
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		began := time.Now()
		if _, err := client.Insert(ctx, deployment{ID: "dep_1"}, nil); err != nil {
			return err
		}
		fmt.Fprintln(out, (<-w.began).Sub(began).Nanoseconds())
	}
	return lines.Err()
}
