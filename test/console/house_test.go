package console_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/test/browser/still"
	"github.com/davitdev/davit/test/npm"
	"github.com/davitdev/davit/test/server"
)

// program is davit, which TestMain builds.
var program string

func TestMain(m *testing.M) {
	still.Main()
	code, err := run(context.Background(), m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "console:", err)
	}
	os.Exit(code)
}

func run(ctx context.Context, m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "davit-console-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "davit")
	if err := server.Build(ctx, "../..", program); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

// house is a davit serve of its own.
type house struct {
	*server.Server
	token string
}

// serve runs a davit serve and takes down at the end of the test what it made.
func serve(t *testing.T, args ...string) *house {
	t.Helper()
	ports, err := server.FreePorts(2)
	check(t, err)
	h := &house{Server: &server.Server{
		Program: program, Data: filepath.Join(t.TempDir(), "data"), API: ports[0], Apps: ports[1],
		Args: args, Log: t.Output(), Out: t.Output(),
	}}
	check(t, h.Start(t.Context()))
	t.Cleanup(func() { h.takeDown(t) })
	check(t, h.Ready(t.Context()))
	token, err := os.ReadFile(filepath.Join(h.Data, "admin-token"))
	check(t, err)
	h.token = strings.TrimSpace(string(token))
	return h
}

// takeDown deletes what was made, of which some may be in an engine that others
// use, too, and stops everything.
func (h *house) takeDown(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer cancel()
	if err := h.deleteProjects(ctx); err != nil {
		t.Errorf("delete projects: %v", err)
	}
	if out, err := h.Command(ctx, "stop", "--all").CombinedOutput(); err != nil {
		t.Errorf("davit stop --all: %v: %s", err, out)
		check(t, h.Kill())
	}
	if err := h.Wait(); err != nil {
		t.Errorf("davit serve ended with %v", err)
	}
}

func (h *house) deleteProjects(ctx context.Context) error {
	api, err := client.New("http://"+h.API, h.token)
	if err != nil {
		return err
	}
	var out struct {
		Workspace struct {
			Projects struct{ Nodes []struct{ ID, Slug string } }
		}
	}
	const all = `{workspace(slug:"default"){projects(first:100){nodes{id slug}}}}`
	if err := api.Do(ctx, all, nil, &out); err != nil {
		return err
	}
	for _, p := range out.Workspace.Projects.Nodes {
		input := client.Variables{"projectId": p.ID, "confirmSlug": p.Slug}
		var gone struct{}
		if err := api.Do(ctx, `mutation($input:DeleteProjectInput!){deleteProject(input:$input){operation{id}}}`, client.Variables{"input": input}, &gone); err != nil {
			return err
		}
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for len(out.Workspace.Projects.Nodes) > 0 {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d are still there: %w", len(out.Workspace.Projects.Nodes), ctx.Err())
		case <-tick.C:
		}
		if err := api.Do(ctx, all, nil, &out); err != nil {
			return err
		}
	}
	return nil
}

// tell runs a story of web/test in a browser that is signed in by a claim link
// of its own.
func (h *house) tell(t *testing.T, story string, args ...string) {
	t.Helper()
	scripts := t.TempDir()
	chromium, err := still.Browser(scripts)
	if errors.Is(err, exec.ErrNotFound) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	check(t, err)
	check(t, os.CopyFS(filepath.Join(scripts, "test"), os.DirFS("../../web/test")))
	for _, name := range []string{"package.json", "package-lock.json"} {
		text, err := os.ReadFile(filepath.Join("../../web", name))
		check(t, err)
		check(t, os.WriteFile(filepath.Join(scripts, name), text, 0o600))
	}
	link, err := h.Command(t.Context(), "console", "--no-open").Output()
	check(t, err)
	cmd := npm.Command(t, scripts, "test/"+story, append([]string{strings.TrimSpace(string(link))}, args...)...)
	cmd.Env = append(os.Environ(), "CHROMIUM="+chromium, "DAVIT_TOKEN="+h.token)
	cmd.Stdout = t.Output()
	start := time.Now()
	err = cmd.Run()
	t.Logf("%s took %s", story, time.Since(start).Round(time.Millisecond))
	check(t, err)
}

// needs says where a service of the tests is. Without it the test fails where
// tests have to run and is skipped elsewhere.
func needs(t *testing.T, name string) string {
	t.Helper()
	v := os.Getenv(name)
	if v == "" {
		if os.Getenv("CI") != "" {
			t.Fatalf("%s is not set; use make test", name)
		}
		t.Skipf("%s is not set; use make test", name)
	}
	return v
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
