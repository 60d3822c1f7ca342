package e2e

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/test/server"
	"github.com/davitdev/davit/test/wait"
)

// patience is how long a test waits for what must happen, on a machine that
// has other things to do.
const patience = 3 * time.Minute

// house is an installation of its own on the Docker engine of the tests.
type house struct {
	t         *testing.T
	ctx       context.Context
	srv       *server.Server
	database  string // a URL or the path of a file
	api       *client.Client
	engine    engine
	registry  string // of davit-test/app
	workspace string
	projects  *made
}

// made are the projects of a house, by id with their slugs.
type made struct {
	mu    sync.Mutex
	slugs map[string]string
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

// setting is a number that the environment may set, from 1 on.
func setting(t *testing.T, name string, fallback int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return fallback
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s is %q, want a number from 1 on", name, text)
	}
	return n
}

// newHouse starts a davit serve, with more arguments if it is to have any, and
// takes down at the end of the test what it made. Nothing of it may be left in
// the engine then.
func newHouse(t *testing.T, args ...string) *house {
	t.Helper()
	return newHouseOn(t, "", nil, args...)
}

// newHouseOn is newHouse with its rows in a PostgreSQL, unless that is "", and
// more variables.
func newHouseOn(t *testing.T, database string, env []string, args ...string) *house {
	t.Helper()
	needs(t, "DOCKER_HOST")
	dir := t.TempDir()
	log, err := os.Create(filepath.Join(dir, "serve.log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	ports, err := server.FreePorts(2)
	if err != nil {
		t.Fatal(err)
	}
	h := &house{
		t: t, ctx: t.Context(), database: database, registry: needs(t, "TEST_REGISTRY"), projects: &made{slugs: map[string]string{}},
		srv: &server.Server{
			Program: program, Data: filepath.Join(dir, "data"), API: ports[0], Apps: ports[1],
			Args: append([]string{"--runner", "docker"}, args...), Env: env, Log: log, Out: log,
		},
	}
	t.Cleanup(func() { showLog(t, filepath.Join(dir, "data", "proxy.log")); showLog(t, log.Name()) })
	if database == "" {
		h.database = filepath.Join(h.srv.Data, "davit.db")
	} else {
		h.srv.Env = append(h.srv.Env, "DAVIT_DATABASE_URL="+database)
	}
	t.Cleanup(h.takeDown)
	h.start()
	token, err := os.ReadFile(filepath.Join(h.srv.Data, "admin-token"))
	if err != nil {
		t.Fatal(err)
	}
	if h.api, err = client.New("http://"+h.srv.API, strings.TrimSpace(string(token))); err != nil {
		t.Fatal(err)
	}
	h.engine = newEngine(t, h.installation())
	var out struct{ Workspace struct{ ID string } }
	h.do(`{workspace(slug:"default"){id}}`, nil, &out)
	h.workspace = out.Workspace.ID
	return h
}

// in is h for a subtest.
func (h *house) in(t *testing.T) *house {
	mine := *h
	mine.t, mine.ctx = t, t.Context()
	return &mine
}

func showLog(t *testing.T, path string) {
	if !t.Failed() {
		return
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Logf("%v", err)
	}
	t.Logf("%s ends:\n%s", path, text[max(0, len(text)-8<<10):])
}

func (h *house) start() {
	h.t.Helper()
	if err := h.srv.Start(h.ctx); err != nil {
		h.t.Fatal(err)
	}
	if err := h.srv.Ready(h.ctx); err != nil {
		h.t.Fatal(err)
	}
}

// kill ends davit serve by SIGKILL.
func (h *house) kill() {
	h.t.Helper()
	if err := h.srv.Kill(); err != nil {
		h.t.Fatal(err)
	}
}

// installation reads the id on the labels of what the house makes.
func (h *house) installation() string {
	h.t.Helper()
	db, err := store.OpenToRead(h.ctx, h.database)
	if err != nil {
		h.t.Fatal(err)
	}
	defer db.Close()
	id, _, err := db.InstallationID(h.ctx)
	if err != nil {
		h.t.Fatal(err)
	}
	return id
}

// takeDown deletes the projects, stops everything, and fails the test if
// something of the installation is left in the engine.
func (h *house) takeDown() {
	h.ctx = context.WithoutCancel(h.ctx)
	if h.api == nil { // it never became ready
		h.kill()
		return
	}
	if !h.srv.Serving() { // the test failed after a kill
		if err := errors.Join(h.srv.Start(h.ctx), h.srv.Ready(h.ctx)); err != nil {
			h.t.Errorf("take down: %v", err)
		}
	}
	h.sound()
	if err := h.deleteProjects(); err != nil {
		h.t.Errorf("delete projects: %v", err)
	}
	h.stopAll()
	if left := h.engine.all(h.ctx); len(left) > 0 {
		h.t.Errorf("these are left in the engine: %q", left)
		h.engine.clear(h.ctx)
	}
}

// sound fails the test unless everything in the house is as it is promised to
// be.
func (h *house) sound() {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.ctx, patience)
	defer cancel()
	if err := h.srv.Examine(ctx); err != nil {
		h.t.Error(err) // not Fatal: what the house made is still to be taken down
	}
}

// stopAll runs davit stop --all, after which neither davit serve nor a
// container is left.
func (h *house) stopAll() {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.ctx, patience)
	defer cancel()
	if out, err := h.srv.Command(ctx, "stop", "--all").CombinedOutput(); err != nil {
		h.t.Errorf("davit stop --all: %v\n%s", err, out)
		h.kill()
	}
	if err := h.srv.Wait(); err != nil {
		h.t.Errorf("davit serve ended with %v", err)
	}
	if left := h.engine.containers(h.ctx); len(left) > 0 {
		h.t.Errorf("davit stop --all left %q", left)
	}
}

// deleteProjects deletes all projects of the house and waits until they are
// gone.
func (h *house) deleteProjects() error {
	ctx, cancel := context.WithTimeout(h.ctx, patience)
	defer cancel()
	h.projects.mu.Lock()
	defer h.projects.mu.Unlock()
	var errs []error
	var operations []string
	for id, slug := range h.projects.slugs {
		var out struct {
			DeleteProject struct{ Operation struct{ ID string } }
		}
		err := h.api.Do(ctx, `mutation($input:DeleteProjectInput!){deleteProject(input:$input){operation{id}}}`,
			client.Variables{"input": client.Variables{"projectId": id, "confirmSlug": slug}}, &out)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		operations = append(operations, out.DeleteProject.Operation.ID)
	}
	for _, id := range operations {
		errs = append(errs, h.ended(ctx, id))
	}
	return errors.Join(errs...)
}

// until fails the test unless done holds within the patience of tests.
func (h *house) until(what string, done func() bool) {
	h.t.Helper()
	h.within(patience, what, done)
}

// within fails the test unless done holds before d is over.
func (h *house) within(d time.Duration, what string, done func() bool) {
	h.t.Helper()
	wait.Within(h.t, d, what, done)
}

// ours fails the test unless exactly so many containers of the house run, and
// none is there beside them.
func (h *house) ours(n int) {
	h.t.Helper()
	var left []string
	h.until("as many containers as replicas", func() bool {
		left = h.engine.containers(h.ctx)
		return len(left) == n && !slices.ContainsFunc(left, func(c string) bool { return !strings.HasSuffix(c, " running") })
	})
}
