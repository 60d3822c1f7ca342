// Demo shows Davit from nothing to a running application: it starts a server
// in a temporary directory, deploys an example, sends it a request, and takes
// everything down again. The working directory is the repository's.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	program = "bin/davit"
	example = "examples/hello-go"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := demo(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func demo(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "davit-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	ports, err := freePorts(2)
	if err != nil {
		return err
	}
	api, apps, data := ports[0], ports[1], filepath.Join(dir, "data")
	app := filepath.Join(dir, filepath.Base(example)) // deploying leaves a link behind: not in the repository
	if err := os.CopyFS(app, os.DirFS(example)); err != nil {
		return err
	}
	davit := func(ctx context.Context, args ...string) error {
		fmt.Println("\n$ davit", strings.Join(args, " "))
		cmd := command(ctx, args...)
		cmd.Env = append(os.Environ(), "DAVIT_SERVER=http://"+api, "DAVIT_DATA="+data, "DAVIT_TOKEN=")
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
		return cmd.Run()
	}

	serving, err := serve(ctx, dir, data, api, apps)
	if err != nil {
		return err
	}
	defer func() { // also after Ctrl-C
		last := context.WithoutCancel(ctx)
		if _, gone := os.Stat(filepath.Join(app, ".davit")); gone == nil {
			err = errors.Join(err, davit(last, "delete", "--project", "--yes", "--dir", app))
		}
		err = errors.Join(err, davit(last, "stop", "--all", "--data", data), serving.Wait())
	}()
	if err := ready(ctx, "http://"+api+"/readyz"); err != nil {
		return err
	}
	if err := davit(ctx, "deploy", "--yes", app); err != nil {
		return err
	}
	if err := request(ctx, apps, "web-"+filepath.Base(example)+".localhost"); err != nil {
		return err
	}
	return davit(ctx, "status", "--dir", app)
}

// command runs davit so that Ctrl-C reaches it through ctx alone.
func command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	return cmd
}

// serve starts the server. It outlives ctx, so that it can be told to stop
// what it runs; its log is a file.
func serve(ctx context.Context, dir, data, api, apps string) (*exec.Cmd, error) {
	log, err := os.Create(filepath.Join(dir, "serve.log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	args := []string{"serve", "--data", data, "--listen", api, "--proxy-listen", apps}
	fmt.Println("$ davit", strings.Join(args, " "))
	cmd := command(context.WithoutCancel(ctx), args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, log
	return cmd, cmd.Start()
}

// ready waits until a URL answers with 200.
func ready(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 30*time.Second, errors.New("davit serve is not ready after 30 s"))
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if res, err := http.DefaultClient.Do(req); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// request asks the application for its page, through the proxy. Only browsers
// and curl resolve *.localhost, so it dials the address and says the host.
func request(ctx context.Context, addr, host string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/", nil)
	if err != nil {
		return err
	}
	req.Host = host
	fmt.Printf("\n$ curl -H 'Host: %s' http://%s/\n", host, addr)
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

// freePorts returns addresses on loopback that nobody listens on.
func freePorts(n int) ([]string, error) {
	var out []string
	for range n {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer ln.Close() // all at the end, so that they differ
		out = append(out, ln.Addr().String())
	}
	return out, nil
}
