package worker

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/project"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
	"github.com/davitdev/davit/runner"
	"github.com/davitdev/davit/runner/runnertest"
)

// configure sets what a config file of the next deployments holds.
func (h *house) configure(i *ent.ServiceInstance, path, content string) {
	h.t.Helper()
	_, err := h.projects.UpdateInstance(h.ctx, project.ChangeInstance{ID: i.ID, Apply: func(s spec.Settings) spec.Settings {
		s.ConfigFiles = []spec.ConfigFile{{Path: path, Mode: 0o640, Content: &content, Size: len(content)}}
		return s
	}})
	if err != nil {
		h.t.Fatal(err)
	}
}

// file is what each replica of an instance answers about a config file.
func (h *house) file(i *ent.ServiceInstance, path string) []string {
	h.t.Helper()
	var out []string
	for _, r := range h.live(i) {
		if r.Addr == nil {
			continue
		}
		res, err := http.Get("http://" + *r.Addr + "/file?path=" + path)
		if err != nil {
			h.t.Fatal(err)
		}
		text, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil {
			h.t.Fatal(err)
		}
		out = append(out, string(text))
	}
	return out
}

// noted is an engine that remembers which containers it was to make.
type noted struct {
	runner.Runner
	mu    sync.Mutex
	specs map[string]runner.Spec
}

func (n *noted) Create(ctx context.Context, s runner.Spec) (runner.Container, error) {
	n.mu.Lock()
	n.specs[s.Name] = s
	n.mu.Unlock()
	return n.Runner.Create(ctx, s)
}

func TestConfigFiles(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h := newHouse(t, db)
		engine := &noted{Runner: h.fake, specs: map[string]runner.Spec{}}
		h.engine = engine
		h.start()
		i := h.service(h.version("v1", nil), works("worker", 1))
		h.configure(i, "/etc/app", "hunter2")
		first := h.deploy(i, "")
		before := h.running(i, 2)
		want := func(text string) {
			t.Helper()
			h.running(i, 2)
			if got := h.file(i, "/etc/app"); len(got) != 1 || got[0] != "640 "+text {
				t.Errorf("the service has %q, want %q", got, text)
			}
		}
		want("hunter2")
		h.configure(i, "/etc/app", "swordfish")
		want("hunter2")
		d := h.deploy(i, "")
		want("swordfish")
		if h.running(i, 2)[0].ID == before[0].ID {
			t.Error("its replicas are the old ones")
		}
		if shown := fmt.Sprintf("%+v", h.row(d.ID)); strings.Contains(shown, "swordfish") {
			t.Errorf("the row of a deployment shows %s", shown)
		}
		back, err := h.verbs.Rollback(h.ctx, first.ID)
		if err != nil {
			t.Fatal(err)
		}
		h.completed(back.ID)
		want("hunter2")

		// Whatever else is made for it has them too.
		h.ended(h.command(i, time.Minute, "--exit-after", "0s").ID)
		_, err = h.projects.UpdateInstance(h.ctx, project.ChangeInstance{ID: i.ID, Apply: func(s spec.Settings) spec.Settings {
			s.PreDeployCommand = []string{runnertest.FakeProgram, "--exit-after", "0s"}
			return s
		}})
		if err != nil {
			t.Fatal(err)
		}
		h.deploy(i, "")
		want("swordfish")
		engine.mu.Lock()
		defer engine.mu.Unlock()
		for name, s := range engine.specs {
			if len(s.Files) != 1 || s.Files[0].Path != "/etc/app" || s.Files[0].Mode != 0o640 || s.Files[0].Content == "" {
				t.Errorf("%s, which runs %q, has %+v", name, s.Command, s.Files)
			}
		}
		if len(engine.specs) != 10 { // two replicas of each of four deployments, two commands
			t.Errorf("%d containers were made", len(engine.specs))
		}
	})
}

func TestAFileThatCannotBePutIsTheUsersToChange(t *testing.T) {
	t.Parallel()
	h := newHouse(t, storetest.SQLite(t))
	h.engine = &refusing{h.fake}
	h.start()
	i := h.service(h.version("v1", nil), nil)
	h.configure(i, "/usr", "hunter2")
	d := h.completed(h.request(i, "").ID)
	if *d.Conclusion != lifecycle.Failed || d.Failure.Code != fault.AppCannotStart || !strings.Contains(d.Failure.Message, "/usr") || len(d.Phases) == 0 {
		t.Errorf("it ended as %s: %+v", *d.Conclusion, d.Failure)
	}
	h.tidy()
}

// What a service is made of may be lost. Nobody is told that it serves then, and
// setting the file again makes it whole.
func TestAFileThatIsLost(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h := newHouse(t, db)
		h.start()
		i := h.service(h.version("v1", nil), nil)
		h.configure(i, "/etc/app", "hunter2")
		h.deploy(i, "")
		if _, err := db.Exec(h.ctx, "DELETE FROM file_versions"); err != nil {
			t.Fatal(err)
		}
		r := h.running(i, 1)[0]
		if err := h.fake.Remove(h.ctx, r.ContainerName); err != nil {
			t.Fatal(err)
		}
		h.until("it is said that nothing serves", func() bool {
			now := h.instance(i)
			return now.Health != lifecycle.HealthHealthy && now.Status != lifecycle.InstanceRunning
		})
		h.configure(i, "/etc/app", "hunter2")
		h.deploy(i, "")
		h.running(i, 1)
	})
}

// refusing is an engine with something in the way of each file.
type refusing struct{ runner.Runner }

func (r *refusing) Create(ctx context.Context, s runner.Spec) (runner.Container, error) {
	c, err := r.Runner.Create(ctx, s)
	if err == nil && len(s.Files) > 0 {
		err = fmt.Errorf("docker: %w", &runner.FileError{Path: s.Files[0].Path, Message: "cannot overwrite"})
	}
	return c, err
}
