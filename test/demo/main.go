// Demo shows Davit from nothing to a running application: it starts a server
// in a temporary directory, deploys an example, sends it a request, and takes
// everything down again. The working directory is the repository's.
//
// With -full the rows are in the PostgreSQL of TEST_POSTGRES, the queue in the
// Redis of TEST_REDIS and, if it is set, the logs in the Loki of TEST_LOKI.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/davitdev/davit/test/database"
	"github.com/davitdev/davit/test/server"
)

const (
	program = "bin/davit"
	example = "examples/hello-go"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	full := flag.Bool("full", false, "with PostgreSQL, Redis and Loki")
	flag.Parse()
	err := demo(ctx, *full)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func demo(ctx context.Context, full bool) (err error) {
	dir, err := os.MkdirTemp("", "davit-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	app := filepath.Join(dir, filepath.Base(example)) // deploying leaves a link behind: not in the repository
	if err := os.CopyFS(app, os.DirFS(example)); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(dir, "serve.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	ports, err := server.FreePorts(2)
	if err != nil {
		return err
	}
	s := &server.Server{Program: program, Data: filepath.Join(dir, "data"), API: ports[0], Apps: ports[1], Out: os.Stdout, Log: log}
	if full {
		drop, derr := elsewhere(ctx, s)
		if derr != nil {
			return derr
		}
		defer func() { err = errors.Join(err, drop()) }()
	}
	davit := func(ctx context.Context, args ...string) error {
		fmt.Println("\n$ davit", strings.Join(args, " "))
		cmd := s.Command(ctx, args...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
		return cmd.Run()
	}

	fmt.Println("$ davit", strings.Join(s.Arguments(), " "))
	if err := s.Start(ctx); err != nil {
		return err
	}
	defer func() { // also after Ctrl-C
		last := context.WithoutCancel(ctx)
		if _, gone := os.Stat(filepath.Join(app, ".davit")); gone == nil {
			err = errors.Join(err, davit(last, "delete", "--project", "--yes", "--dir", app))
		}
		err = errors.Join(err, davit(last, "stop", "--all", "--data", s.Data), s.Wait())
	}()
	if err := s.Ready(ctx); err != nil {
		return err
	}
	if err := davit(ctx, "deploy", "--yes", app); err != nil {
		return err
	}
	if err := request(ctx, s, "web-"+filepath.Base(example)+".localhost"); err != nil {
		return err
	}
	if full {
		if err := davit(ctx, "doctor"); err != nil {
			return err
		}
	}
	return davit(ctx, "status", "--dir", app)
}

// elsewhere gives a server a database of its own in PostgreSQL, a Redis, and a
// Loki if there is one. They are said by the environment, since everybody on a
// machine can see arguments. drop removes the database.
func elsewhere(ctx context.Context, s *server.Server) (drop func() error, err error) {
	postgres, redis, loki := os.Getenv("TEST_POSTGRES"), os.Getenv("TEST_REDIS"), os.Getenv("TEST_LOKI")
	if postgres == "" || redis == "" {
		return nil, errors.New("TEST_POSTGRES and TEST_REDIS are not set; use make demo-full")
	}
	d, err := database.Make(ctx, postgres)
	if err != nil {
		return nil, err
	}
	s.Env = []string{"DAVIT_DATABASE_URL=" + d.URL, "DAVIT_REDIS_URL=" + redis, "DAVIT_LOKI_URL=" + loki}
	fmt.Println("$ export DAVIT_DATABASE_URL=postgres://… DAVIT_REDIS_URL=" + redis + " DAVIT_LOKI_URL=" + loki)
	return func() error { return d.Drop(context.WithoutCancel(ctx)) }, nil
}

// request asks the application for its page, through the proxy.
func request(ctx context.Context, s *server.Server, host string) error {
	req, err := s.Request(ctx, http.MethodGet, host, "/")
	if err != nil {
		return err
	}
	fmt.Printf("\n$ curl -H 'Host: %s' %s\n", host, req.URL)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	n, err := io.Copy(io.Discard, io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return err
	}
	fmt.Printf("%s, %d bytes of %s\n", res.Status, n, res.Header.Get("Content-Type"))
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the application answered %s", res.Status)
	}
	return nil
}
