package worker

import (
	"slices"
	"strings"
	"testing"

	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/project"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
	"github.com/davitdev/davit/runner"
	"github.com/davitdev/davit/runner/runnertest"
)

func TestRunDeployment(t *testing.T) {
	t.Parallel()

	t.Run("an image goes live and answers through the proxy", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			h := newHouse(t, db)
			h.start()
			i := h.service(h.version("v1", nil), nil)
			d := h.deploy(i, "")
			h.serves(i, "v1")
			if !d.IsActive || d.Image == nil || d.Image.Digest == "" {
				t.Errorf("got %+v", d)
			}
			for _, p := range d.Phases {
				if p.Status != lifecycle.PhaseSucceeded {
					t.Errorf("phase %s is %s", p.Name, p.Status)
				}
			}
			h.running(i, 1)
			h.tidy()
		})
	})

	t.Run("a second deployment replaces the first without a failed request", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			h := newHouse(t, db)
			h.start()
			i := h.service(h.version("v1", nil), nil)
			first := h.deploy(i, "")
			stop := h.hammer(i)
			h.deploy(i, h.version("v2", nil))
			h.serves(i, "v2")
			if n := stop(); n < 50 {
				t.Errorf("only %d requests were sent", n)
			}
			if h.row(first.ID).IsActive {
				t.Error("both are active")
			}
			h.running(i, 1)
			h.tidy()
		})
	})
}

// failing is how a deployment of a badly behaved application ends.
type failing struct {
	name    string
	image   func(*runnertest.FakeImage)
	command string
	port    int
	code    fault.Code
	domain  fault.Domain
	exit    int // -1: none
	says    string
	tries   int // visible as attempts of START
}

func TestApplicationsThatDoNotComeUp(t *testing.T) {
	t.Parallel()

	env := func(kv ...string) func(*runnertest.FakeImage) {
		return func(i *runnertest.FakeImage) {
			for n := 0; n < len(kv); n += 2 {
				i.Env[kv[n]] = kv[n+1]
			}
		}
	}
	for _, tt := range []failing{
		{"it exits", env("APP_EXIT_AFTER", "0s", "APP_EXIT_CODE", "3", "APP_PRINT", "2"), "", 0, fault.AppExited, fault.User, 3, "line 2", 3},
		{"it listens nowhere", env("APP_LISTEN", "127.0.0.1:1", "APP_PRINT", "2"), "", 0, fault.AppNotListening, fault.User, -1, "line 2", 1},
		{"it stays unhealthy", env("APP_UNHEALTHY_FOR", "-1s", "APP_PRINT", "2"), "", 0, fault.AppUnhealthy, fault.User, -1, "line 2", 1},
		{"its command does not exist", env(), "/nowhere --serve", 0, fault.AppCannotStart, fault.User, -1, "", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, storetest.SQLite(t))
			p := h.start()
			i := h.service(h.version("good", nil), nil)
			h.deploy(i, "")
			if tt.command != "" {
				_, err := h.projects.UpdateInstance(h.ctx, project.ChangeInstance{ID: i.ID, Apply: func(s spec.Settings) spec.Settings {
					s.StartCommand = tt.command
					return s
				}})
				if err != nil {
					t.Fatal(err)
				}
			}
			d := h.completed(h.request(i, h.version("bad", tt.image)).ID)
			f := d.Failure
			if *d.Conclusion != lifecycle.Failed || f == nil || f.Code != tt.code || f.Domain != tt.domain || f.Hint == nil || f.Retryable {
				t.Fatalf("it ended as %s: %+v", *d.Conclusion, f)
			}
			if got := f.ExitCode; (got == nil) != (tt.exit < 0) || got != nil && *got != tt.exit {
				t.Errorf("the exit code is %v, want %d", got, tt.exit)
			}
			if tt.says != "" && !slices.ContainsFunc(f.Excerpt, func(l lifecycle.ExcerptLine) bool { return strings.Contains(l.Message, tt.says) }) {
				t.Errorf("%q is not in the excerpt %v", tt.says, f.Excerpt)
			}
			for _, phase := range d.Phases {
				if phase.Name == lifecycle.PhaseStart && phase.Attempt != tt.tries {
					t.Errorf("it was started %d times, want %d", phase.Attempt, tt.tries)
				}
			}
			h.serves(i, "good")
			h.tidy()
			if n := len(h.live(i)); n != 1 {
				t.Errorf("%d replicas are left, want the one that serves", n)
			}
			if lines := p.output(d); !slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, f.Message) }) {
				t.Errorf("the log does not say %q: %q", f.Message, lines)
			}
			h.until("the log of the failed deployment ends", func() bool { return p.ended(d) })
		})
	}
}

func TestPull(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct {
		name   string
		err    error
		code   fault.Code
		domain fault.Domain
	}{
		{"an image that does not exist", runner.ErrImageNotFound, fault.ImageNotFound, fault.User},
		{"an image that may not be read", runner.ErrImageUnauthorized, fault.ImageUnauthorized, fault.User},
		{"an image of another platform", runner.ErrImageUnsupported, fault.ImageUnsupported, fault.User},
	} {
		t.Run(tt.name+" fails at once", func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, storetest.SQLite(t))
			h.start()
			i := h.service(h.version("v1", func(img *runnertest.FakeImage) { img.PullErr = tt.err }), nil)
			d := h.completed(h.request(i, "").ID)
			if *d.Conclusion != lifecycle.Failed || d.Failure.Code != tt.code || d.Failure.Domain != tt.domain || d.Failure.Hint == nil {
				t.Errorf("it ended as %s: %+v", *d.Conclusion, d.Failure)
			}
			if len(h.containers()) != 0 {
				t.Error("a container is left")
			}
		})
	}

	t.Run("a registry that is away is asked again, and a deployment goes on when it is back", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, storetest.SQLite(t))
		h.start()
		i := h.service(h.version("v1", func(img *runnertest.FakeImage) { img.PullErr = runner.ErrRegistry }), nil)
		d := h.request(i, "")
		h.until("the deployment waits for its next attempt", func() bool { return h.row(d.ID).Attempt == 1 })
		h.version("v1", nil)
		if d = h.completed(d.ID); *d.Conclusion != lifecycle.Succeeded {
			t.Fatalf("it ended as %s: %+v", *d.Conclusion, d.Failure)
		}
		h.serves(i, "v1")
	})

	t.Run("a registry that stays away fails the deployment after the last attempt", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, storetest.SQLite(t))
		h.start()
		i := h.service(h.version("v1", func(img *runnertest.FakeImage) { img.PullErr = runner.ErrRegistry }), nil)
		d := h.request(i, "")
		h.until("it has ended", func() bool {
			if _, err := h.db.Exec(h.ctx, "UPDATE deployments SET due_at = 0 WHERE id = ?", d.ID); err != nil { // do not wait
				t.Fatal(err)
			}
			return h.row(d.ID).Status == lifecycle.Completed
		})
		if d = h.row(d.ID); *d.Conclusion != lifecycle.Failed || d.Failure.Code != fault.RegistryAway || d.Attempt != deploy.MaxAttempts-1 {
			t.Errorf("it ended as %s after %d: %+v", *d.Conclusion, d.Attempt, d.Failure)
		}
	})
}
