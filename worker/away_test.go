package worker

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/proxy"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
	"github.com/davitdev/davit/runner"
)

// fragile is an engine that goes away at the first call of a method.
type fragile struct {
	runner.Runner
	once sync.Once
	at   string
	away func()
}

func (f *fragile) call(method string) {
	if method == f.at {
		f.once.Do(f.away)
	}
}

func (f *fragile) Pull(ctx context.Context, ref string, c *runner.Credential, p func(runner.Progress)) (runner.Image, error) {
	f.call("Pull")
	return f.Runner.Pull(ctx, ref, c, p)
}

func (f *fragile) Create(ctx context.Context, s runner.Spec) (runner.Container, error) {
	f.call("Create")
	return f.Runner.Create(ctx, s)
}

func (f *fragile) Start(ctx context.Context, name string) error {
	f.call("Start")
	return f.Runner.Start(ctx, name)
}

func (f *fragile) Stop(ctx context.Context, name string, grace time.Duration) error {
	f.call("Stop")
	return f.Runner.Stop(ctx, name, grace)
}

// An engine that is away for half a minute fails no deployment, whatever that
// was about to do. No request to what serves fails meanwhile.
func TestAnEngineThatIsAwayForHalfAMinute(t *testing.T) {
	t.Parallel()

	for _, method := range []string{"Pull", "Create", "Start", "Stop"} {
		t.Run("from "+method+" on", func(t *testing.T) {
			t.Parallel()
			storetest.Each(t, func(t *testing.T, db *store.DB) {
				h := newHouse(t, db)
				quiet := h.start()
				i := h.service(h.version("v1", nil), nil)
				h.deploy(i, "")
				quiet.stop()
				stop := h.hammer(i)
				h.engine = &fragile{Runner: h.fake, at: method, away: func() { h.fake.SetAway(true) }}
				p := h.start()
				d := h.request(i, h.version("v2", nil))
				var waited time.Duration
				for attempt := 1; waited < 30*time.Second; attempt++ {
					h.until("it has met the lost engine again", func() bool { return h.row(d.ID).Attempt == attempt })
					waited += lifecycle.Backoff(attempt) // this test does not wait for it
					if waited < 30*time.Second {
						if _, err := db.Exec(h.ctx, "UPDATE deployments SET due_at = 0 WHERE id = ?", d.ID); err != nil {
							t.Fatal(err)
						}
					}
				}
				h.fake.SetAway(false)
				if _, err := db.Exec(h.ctx, "UPDATE deployments SET due_at = 0 WHERE id = ?", d.ID); err != nil {
					t.Fatal(err)
				}
				if d = h.completed(d.ID); *d.Conclusion != lifecycle.Succeeded {
					t.Fatalf("it ended as %s: %+v", *d.Conclusion, d.Failure)
				}
				h.running(i, 1)
				h.serves(i, "v2")
				h.sound(p)
				stop()
			})
		})
	}
}

// What the rows say reaches the proxy also while the engine is away.
func TestRoutesNeedNoEngine(t *testing.T) {
	t.Parallel()

	h := newHouse(t, storetest.SQLite(t))
	p := h.start()
	i := h.service(h.version("v1", nil), nil)
	h.deploy(i, "")
	h.fake.SetAway(true)
	if err := h.verbs.ChangeRoutes(h.ctx); err != nil {
		t.Fatal(err)
	}
	if err := p.Router.Sync(h.ctx); err != nil {
		t.Errorf("Sync: %v", err)
	}
	h.serves(i, "v1")
}

// A cancel is not held up by an engine that hangs.
func TestCancelWhileTheEngineHangs(t *testing.T) {
	t.Parallel()

	h := newHouse(t, storetest.SQLite(t))
	h.engine = &hanging{Runner: h.fake}
	h.start()
	i := h.service(h.version("v1", neverWell), patient)
	d := h.request(i, "")
	h.until("its container runs", func() bool { return len(h.containers()) == 1 && h.row(d.ID).Status == lifecycle.Deploying })
	if _, err := h.verbs.Cancel(h.ctx, d.ID); err != nil {
		t.Fatal(err)
	}
	h.within(h.row(d.ID).Settings.DrainTimeout+5*time.Second, "it ends", func() bool { return h.row(d.ID).Status == lifecycle.Completed })
}

// deaf is an engine that answers no question about what there is.
type deaf struct {
	runner.Runner
	now   atomic.Bool
	asked atomic.Bool // since then
	lists atomic.Bool // its networks
}

func (d *deaf) wait(ctx context.Context) error {
	if d.now.Load() {
		d.asked.Store(true)
		<-ctx.Done()
	}
	return ctx.Err()
}

func (d *deaf) List(ctx context.Context) ([]runner.Container, error) {
	if err := d.wait(ctx); err != nil {
		return nil, err
	}
	return d.Runner.List(ctx)
}

func (d *deaf) Networks(ctx context.Context) ([]runner.Network, error) {
	d.lists.Store(d.now.Load())
	if err := d.wait(ctx); err != nil {
		return nil, err
	}
	return d.Runner.Networks(ctx)
}

// P1: neither deadlines nor routes wait for an engine that hangs.
func TestDeadlinesAndRoutesWaitForNoEngine(t *testing.T) {
	t.Parallel()

	h := newHouse(t, storetest.SQLite(t))
	engine := &deaf{Runner: h.fake}
	h.engine = engine
	p := h.start()
	i := h.service(h.version("v1", nil), patient)
	h.deploy(i, "")
	d := h.request(i, h.version("v2", neverWell))
	h.until("it waits for its application", func() bool { return h.row(d.ID).Status == lifecycle.Deploying })
	engine.now.Store(true)
	h.until("the engine is asked", engine.asked.Load)
	if _, err := h.db.Exec(h.ctx, "UPDATE deployments SET deadline_at = 1 WHERE id = ?", d.ID); err != nil {
		t.Fatal(err)
	}
	h.within(10*time.Second, "its deadline ends it", func() bool { return h.row(d.ID).Status == lifecycle.Completed })
	if f := h.row(d.ID).Failure; f == nil || f.Code != fault.DeadlineExceeded {
		t.Errorf("it ended with %+v", f)
	}
	if _, err := h.verbs.Stop(h.ctx, i.ID); err != nil {
		t.Fatal(err)
	}
	h.within(2*listTime+5*time.Second, "its route says that it is stopped", func() bool {
		status, _ := h.get(h.host(i), "/")
		return status == http.StatusServiceUnavailable
	})
	engine.now.Store(false)
	h.until("the table is right again", func() bool {
		p.Router.mu.Lock()
		defer p.Router.mu.Unlock()
		return !p.Router.stale
	})
}

// hanging is an engine that does not answer a stop.
type hanging struct{ runner.Runner }

func (h *hanging) Stop(ctx context.Context, _ string, _ time.Duration) error {
	<-ctx.Done()
	return ctx.Err()
}

// uneven makes one replica of two take longer to become healthy.
type uneven struct {
	runner.Runner
	mu   sync.Mutex
	slow string
}

func (u *uneven) Create(ctx context.Context, s runner.Spec) (runner.Container, error) {
	u.mu.Lock()
	if u.slow == "" {
		u.slow = s.Name
	}
	if u.slow == s.Name {
		s.Env = maps.Clone(s.Env)
		s.Env["APP_UNHEALTHY_FOR"] = "700ms"
	}
	u.mu.Unlock()
	return u.Runner.Create(ctx, s)
}

// A replica that was healthy and dies before the other one is healthy is not
// switched to.
func TestAReplicaThatDiesBeforeTheSwitch(t *testing.T) {
	t.Parallel()

	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h := newHouse(t, db)
		quiet := h.start()
		i := h.service(h.version("v1", nil), nil)
		h.deploy(i, "")
		h.scale(i, 2)
		h.running(i, 2)
		quiet.stop()
		h.engine = &uneven{Runner: h.fake}
		h.start()
		stop := h.hammer(i)
		d := h.request(i, h.version("v2", nil))
		var died *ent.Replica
		h.until("one of the two is healthy", func() bool {
			for _, r := range h.live(i) {
				if r.DeploymentID == d.ID && r.Status == lifecycle.ReplicaRunning {
					died = r
				}
			}
			return died != nil
		})
		h.fake.Kill(died.ContainerName, 1, false)
		if d = h.completed(d.ID); *d.Conclusion != lifecycle.Succeeded {
			t.Fatalf("it ended as %s: %+v", *d.Conclusion, d.Failure)
		}
		h.running(i, 2)
		stop()
	})
}

// dying is an engine that dies once it has been asked so often how those are
// which it counts.
type dying struct {
	runner.Runner
	left   atomic.Int64
	counts func(name string) bool
	die    func()
}

func (d *dying) Inspect(ctx context.Context, name string) (runner.Container, error) {
	c, err := d.Runner.Inspect(ctx, name)
	if d.left.Load() > 0 && d.counts(name) && d.left.Add(-1) == 0 {
		d.die()
	}
	return c, err
}

// Replicas that end with their engine after they were all found healthy, and
// whose addresses are others' by then, are not switched to.
func TestReplicasThatLoseTheirAddressesBeforeTheSwitch(t *testing.T) {
	t.Parallel()

	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h := newHouse(t, db)
		quiet := h.start()
		i := h.service(h.version("v1", nil), nil)
		h.deploy(i, "")
		h.scale(i, 2)
		h.running(i, 2)
		quiet.stop()
		var id atomic.Value
		fresh := func() (out []*ent.Replica) {
			for _, r := range h.live(i) {
				if r.DeploymentID == id.Load() {
					out = append(out, r)
				}
			}
			return out
		}
		engine := &dying{Runner: h.fake, die: func() {
			for _, r := range fresh() {
				h.fake.Kill(r.ContainerName, 137, false)
			}
			if _, err := db.Exec(h.ctx, "UPDATE replicas SET addr = NULL WHERE deployment_id = ?", id.Load()); err != nil {
				t.Error(err)
			}
		}, counts: func(name string) bool {
			healthy, among := 0, false
			for _, r := range fresh() {
				among = among || r.ContainerName == name
				if r.Status == lifecycle.ReplicaRunning && r.Health == lifecycle.HealthHealthy {
					healthy++
				}
			}
			return among && healthy == 2
		}}
		engine.left.Store(2) // both are looked at again before the switch
		h.engine = engine
		d := h.request(i, h.version("v2", nil))
		id.Store(d.ID)
		stop := h.hammer(i)
		h.start()
		if d = h.completed(d.ID); *d.Conclusion != lifecycle.Succeeded {
			t.Fatalf("it ended as %s: %+v", *d.Conclusion, d.Failure)
		}
		if engine.left.Load() > 0 {
			t.Error("the engine did not die")
		}
		h.running(i, 2)
		h.serves(i, "v2")
		stop()
	})
}

// P9, from the other side: a proxy that is killed is back within two seconds, at
// the same address, whoever notices first.
func TestAKilledProxyIsBack(t *testing.T) {
	t.Parallel()

	h := newHouse(t, storetest.SQLite(t))
	s := h.proxyProcess()
	p := h.start()
	i := h.service(h.version("v1", nil), nil)
	h.deploy(i, "")
	kill := func() {
		t.Helper()
		hello, err := h.client.Hello(h.ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(hello.PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	host := h.host(i)
	answers := func(version string) func() bool {
		return func() bool { status, body := h.get(host, "/"); return status == http.StatusOK && body == version }
	}
	for range 3 {
		kill()
		h.within(2*time.Second, "it serves again", answers("v1"))
	}
	for n, when := range []lifecycle.Status{lifecycle.Preparing, lifecycle.Deploying, lifecycle.Finalizing} {
		version := "switch-" + string('a'+rune(n))
		d := h.request(i, h.version(version, nil))
		h.until("it is "+string(when)+" or beyond", func() bool {
			now := h.row(d.ID)
			return now.Status == when || now.Status == lifecycle.Finalizing || now.Status == lifecycle.Completed
		})
		kill()
		h.within(2*time.Second, "it serves again", func() bool { status, _ := h.get(host, "/"); return status == http.StatusOK })
		if d = h.completed(d.ID); *d.Conclusion != lifecycle.Succeeded {
			t.Fatalf("it ended as %s: %+v", *d.Conclusion, d.Failure)
		}
		h.within(2*time.Second, "the new version serves", answers(version))
	}
	p.stop()
	if _, err := os.Stat(s.LogFile); err != nil {
		t.Error(err)
	}
}

// proxyProcess serves by a process of its own from now on.
func (h *house) proxyProcess() proxy.Spawn {
	h.t.Helper()
	binary, err := os.Executable()
	if err != nil {
		h.t.Fatal(err)
	}
	data, err := os.MkdirTemp("", "davit-")
	if err != nil {
		h.t.Fatal(err)
	}
	ln, err := (&net.ListenConfig{}).Listen(h.ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		h.t.Fatal(err)
	}
	addr := ln.Addr().String()
	ln.Close()
	s := proxy.Spawn{
		Data: data, Listen: addr, Version: "test", LogFile: filepath.Join(data, "proxy.log"),
		Command: []string{binary, "proxy", data, addr}, Env: []string{"GORACE=atexit_sleep_ms=0"},
	}
	h.proxy = func(ctx context.Context) (*proxy.Client, error) {
		c, _, err := proxy.EnsureRunning(ctx, s)
		return c, err
	}
	h.client = proxy.NewClient(data)
	h.http = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", addr)
		},
	}}
	h.t.Cleanup(func() {
		if err := h.client.Quit(context.WithoutCancel(h.ctx)); err != nil && !errors.Is(err, os.ErrNotExist) {
			h.t.Error(err)
		}
		os.RemoveAll(data)
	})
	return s
}
