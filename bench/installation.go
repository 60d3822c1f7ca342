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
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/config"
	"github.com/davitdev/davit/internal/proxy"
)

// installation is a Davit of our own, on the Docker engine, in a temporary
// directory.
type installation struct {
	program  string
	config   config.Config
	client   *client.Client
	server   *exec.Cmd
	proxyPID int
	spent    time.Duration // by control planes that ended
	id       string        // of the installation, on everything of it in the engine
	project  named         // where services are made
}

type named struct{ ID, Slug string }

// install starts a new Davit with an empty project. The caller removes it.
func install(ctx context.Context, program string) (_ *installation, err error) {
	dir, err := os.MkdirTemp("", "davit-bench-")
	if err != nil {
		return nil, err
	}
	d := &installation{program: filepath.Join(dir, "davit"), config: config.Defaults()}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.remove(ctx))
		}
	}()
	d.config.Data = filepath.Join(dir, "data")
	if err := copyProgram(program, d.program); err != nil {
		return nil, err
	}
	if d.config.Listen, err = freePort(ctx); err != nil {
		return nil, err
	}
	if d.config.ProxyListen, err = freePort(ctx); err != nil {
		return nil, err
	}
	if _, err := d.serve(ctx); err != nil {
		return nil, err
	}
	token, err := os.ReadFile(d.config.TokenFile())
	if err != nil {
		return nil, err
	}
	if d.client, err = client.New("http://"+d.config.Listen, strings.TrimSpace(string(token))); err != nil {
		return nil, err
	}
	if err := d.meetProxy(ctx); err != nil {
		return nil, err
	}
	var found struct{ Workspace named }
	if err := d.client.Do(ctx, `{workspace(slug:"default"){id slug}}`, nil, &found); err != nil {
		return nil, err
	}
	var made struct{ CreateProject struct{ Project named } }
	err = d.client.Do(ctx, `mutation($w:ID!){createProject(input:{workspaceId:$w,name:"bench"}){project{id slug}}}`,
		client.Variables{"w": found.Workspace.ID}, &made)
	d.project = made.CreateProject.Project
	return d, err
}

// copyProgram installs a program as a person does, from an archive. What the
// linker itself wrote lies otherwise in the kernel's cache, and up to a quarter
// more of it is in memory once a page is touched.
func copyProgram(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("open the program (make build?): %w", err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o700)
	if err != nil {
		return err
	}
	_, err = io.Copy(struct{ io.Writer }{out}, in) // not shared with the file that it is a copy of
	return errors.Join(err, out.Close())
}

// meetProxy notes who the proxy is, once it knows whose routes it serves.
func (d *installation) meetProxy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		hello, err := proxy.NewClient(d.config.Data).Hello(ctx)
		if d.proxyPID, d.id = hello.PID, hello.Installation; err != nil || d.id != "" {
			return err
		}
		if err := sleep(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
}

// serve starts davit serve and returns how long it took until it was ready.
func (d *installation) serve(ctx context.Context) (time.Duration, error) {
	log, err := os.OpenFile(filepath.Join(filepath.Dir(d.config.Data), "serve.log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	defer log.Close()
	// It outlives ctx, so that it can take down what it runs.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), d.program, "serve", "--runner", "docker",
		"--data", d.config.Data, "--listen", d.config.Listen, "--proxy-listen", d.config.ProxyListen)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for us alone
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("start davit serve: %w", err)
	}
	d.server = cmd
	err = untilAnswers(ctx, "http://"+d.config.Listen+"/readyz", "", "")
	return time.Since(began), err
}

// end asks the control plane to end and waits for it; the proxy goes on.
func (d *installation) end() error {
	if d.server == nil {
		return nil
	}
	cmd := d.server
	d.server = nil
	err := errors.Join(cmd.Process.Signal(os.Interrupt), cmd.Wait())
	d.spent += usedBy(cmd)
	return err
}

// usedBy is what a process that was waited for used.
func usedBy(cmd *exec.Cmd) time.Duration {
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}

// remove takes everything down that the installation made.
func (d *installation) remove(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Minute)
	defer cancel()
	var errs []error
	if d.project.ID != "" {
		errs = append(errs, d.await(ctx, `mutation($id:ID!,$slug:String!){deleteProject(input:{projectId:$id,confirmSlug:$slug}){operation{id}}}`,
			client.Variables{"id": d.project.ID, "slug": d.project.Slug}))
	}
	if d.server != nil {
		stop := exec.CommandContext(ctx, d.program, "stop", "--all", "--data", d.config.Data)
		if text, err := stop.CombinedOutput(); err != nil {
			errs = append(errs, fmt.Errorf("davit stop --all: %w: %s", err, text), d.server.Process.Kill())
		}
		_ = d.server.Wait() // how it ended has been said
	}
	return errors.Join(append(errs, os.RemoveAll(filepath.Dir(d.config.Data)))...)
}

// await runs a mutation whose payload has an operation, and waits until that
// ended.
func (d *installation) await(ctx context.Context, mutation string, v client.Variables) error {
	var made map[string]struct{ Operation struct{ ID string } }
	if err := d.client.Do(ctx, mutation, v, &made); err != nil {
		return err
	}
	for _, payload := range made {
		return d.watch(ctx, "operationUpdated", payload.Operation.ID, "SUCCEEDED", func(string) error { return nil })
	}
	return errors.New("the answer holds no operation")
}

// cpu is what Davit's processes used so far.
func (d *installation) cpu() time.Duration {
	return d.spent + processCPU(d.server.Process.Pid) + processCPU(d.proxyPID)
}

// askEvery is how often a URL is asked: half of it is added to what is timed.
const askEvery = time.Millisecond

// untilAnswers asks a URL, saying host, until it answers with 200 and body; ""
// is any.
func untilAnswers(ctx context.Context, url, host, body string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, fmt.Errorf("%s (%s) does not answer with 200", url, host))
	defer cancel()
	again := time.NewTicker(askEvery)
	defer again.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		req.Host = host
		res, err := http.DefaultClient.Do(req)
		if err == nil {
			said, err := io.ReadAll(io.LimitReader(res.Body, 1<<10))
			_ = res.Body.Close()
			if err == nil && res.StatusCode == http.StatusOK && (body == "" || string(said) == body) {
				return nil
			}
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// freePort returns an address of loopback that nobody listens on.
func freePort(ctx context.Context) (string, error) {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return ln.Addr().String(), ln.Close()
}
