package worker

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/serviceinstance"
	"github.com/davitdev/davit/internal/auth"
	"github.com/davitdev/davit/internal/build"
	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/ident"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/logs"
	"github.com/davitdev/davit/internal/project"
	"github.com/davitdev/davit/internal/proxy"
	"github.com/davitdev/davit/internal/secret"
	"github.com/davitdev/davit/internal/site"
	"github.com/davitdev/davit/internal/source"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
	"github.com/davitdev/davit/internal/wake/redistest"
	"github.com/davitdev/davit/runner"
	"github.com/davitdev/davit/runner/runnertest"
	"github.com/davitdev/davit/worker/queue"
)

// patience is how long a test waits for what must happen.
const patience = 90 * time.Second

// house is an installation with everything real but the engine: rows, logs, a
// proxy that serves, and a queue. Workers come and go on it.
type house struct {
	t        *testing.T
	ctx      context.Context
	db       *store.DB
	fake     *runnertest.Fake
	engine   runner.Runner // what workers get: the fake, or something around it
	rows     *store.DB     // likewise: the database, or something around it
	builder  build.Builder // likewise, if one builds
	uploads  *source.Store
	sites    *site.Store
	verbs    *deploy.Service
	projects *project.Service
	project  *ent.Project
	install  string
	redis    string // URL, "" for the embedded one
	logDir   string
	data     string // directory of the proxy
	client   *proxy.Client
	proxy    func(context.Context) (*proxy.Client, error) // finds or starts it
	http     *http.Client
	log      *slog.Logger
}

// said collects what is logged, and shows it when the test fails.
type said struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(p)
}

func newLog(t *testing.T) *slog.Logger {
	out := &said{}
	t.Cleanup(func() {
		out.mu.Lock()
		defer out.mu.Unlock()
		if t.Failed() {
			text := out.buf.String()
			t.Logf("the log ends:\n%s", text[max(0, len(text)-8<<10):])
		}
	})
	return slog.New(slog.NewTextHandler(out, nil))
}

func newHouse(t *testing.T, db *store.DB) *house {
	t.Helper()
	h := &house{t: t, ctx: storetest.System(t), db: db, logDir: t.TempDir(), log: newLog(t)}
	keys, err := secret.New(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	installation, err := (&auth.Service{DB: db}).Install(h.ctx, "token-of-the-operator", "check")
	if err != nil {
		t.Fatal(err)
	}
	h.install = installation.ID
	h.fake = runnertest.NewFake(h.install)
	t.Cleanup(h.fake.Close)
	h.engine, h.rows = h.fake, db
	if h.uploads, err = source.OpenStore(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.uploads.Close() })
	if h.sites, err = site.OpenStore(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.sites.Close() })
	h.verbs = &deploy.Service{DB: db, Keys: keys, Log: h.log}
	h.projects = &project.Service{DB: db, Keys: keys}
	h.startProxy()
	workspace, err := db.Workspace.Query().First(h.ctx)
	if err != nil {
		t.Fatal(err)
	}
	if h.project, err = h.projects.Create(h.ctx, project.New{WorkspaceID: workspace.ID, Name: "shop"}); err != nil {
		t.Fatal(err)
	}
	return h
}

// startProxy serves on loopback until the test ends.
func (h *house) startProxy() {
	h.t.Helper()
	dir, err := os.MkdirTemp("", "davit-") // short: a socket's path has 108 bytes
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(h.ctx))
	in, out := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- proxy.Run(ctx, proxy.Options{Data: dir, Listen: "127.0.0.1:0", Grace: time.Second, Report: out, Log: h.log})
	}()
	h.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			h.t.Errorf("proxy: %v", err)
		}
		os.RemoveAll(dir)
	})
	if _, err := io.ReadAll(in); err != nil {
		h.t.Fatal(err)
	}
	h.data, h.client = dir, proxy.NewClient(dir)
	h.proxy = func(context.Context) (*proxy.Client, error) { return h.client, nil }
	hello, err := h.client.Hello(h.ctx)
	if err != nil {
		h.t.Fatal(err)
	}
	transport := &http.Transport{
		MaxIdleConnsPerHost: 32,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", hello.Addrs[0])
		},
	}
	h.t.Cleanup(transport.CloseIdleConnections)
	h.http = &http.Client{Transport: transport, Timeout: 10 * time.Second}
}

// process is a worker at work.
type process struct {
	*Worker
	h      *house
	logDir string
	cancel context.CancelFunc
	done   chan struct{}
	closer func()
}

// idle makes a worker that does only what the test calls.
func (h *house) idle() *process {
	h.t.Helper()
	q, err := queue.Open(h.ctx, queue.Options{RedisURL: h.redis, Log: h.log})
	if err != nil {
		h.t.Fatal(err)
	}
	book, err := logs.Open(h.ctx, logs.Options{Dir: h.logDir, Logger: h.log})
	if err != nil {
		h.t.Fatal(err)
	}
	recorder := &Recorder{Logs: book, Runner: h.engine, Log: h.log, CatchUp: patience}
	verbs := &deploy.Service{DB: h.rows, Keys: h.verbs.Keys, Log: h.log}
	p := &process{h: h, logDir: h.logDir, done: make(chan struct{}), Worker: &Worker{
		Deploy: verbs, Auth: &auth.Service{DB: h.rows}, Runner: h.engine, Recorder: recorder, Queue: q, Wakes: q.Wake(),
		Builds: &Builds{Uploads: h.uploads, Sites: h.sites, Builder: h.builder, Scratch: h.t.TempDir(), Limit: time.Minute, AtOnce: 2, Space: h.free},
		Owner:  ident.New("own"), Limits: DefaultLimits(), Log: h.log,
		Router: &Router{
			Deploy: verbs, Proxy: h.proxy,
			Runner: h.engine, Wakes: q.Wake(), Installation: h.install, BaseDomain: "localhost", Sites: h.sites.Dir(), Log: h.log,
		},
	}}
	p.cancel = func() { close(p.done) }
	p.closer = sync.OnceFunc(func() {
		p.cancel()
		<-p.done
		recorder.Close()
		if err := book.Close(context.WithoutCancel(h.ctx)); err != nil {
			h.t.Errorf("close logs: %v", err)
		}
		if err := q.Close(); err != nil {
			h.t.Errorf("close queue: %v", err)
		}
	})
	h.t.Cleanup(p.closer)
	return p
}

// start runs a worker, which ends with the test at the latest.
func (h *house) start() *process {
	h.t.Helper()
	p := h.idle()
	p.work()
	return p
}

// work lets an idle worker work.
func (p *process) work() {
	h := p.h
	h.db.Publish = p.Queue.Wake().Publish
	p.Deploy.DB.Publish = h.db.Publish
	p.run(func() { h.db.Publish = func(...string) {} })
}

// run lets a worker work that is woken already, and calls ended at its end.
func (p *process) run(ended func()) {
	var ctx context.Context
	ctx, p.cancel = context.WithCancel(context.WithoutCancel(p.h.ctx))
	go func() {
		defer close(p.done)
		if err := p.Run(ctx); err != nil {
			p.h.t.Errorf("Run: %v", err)
		}
		ended()
	}()
}

// fleet runs workers beside each other, each with a log of its own: four over
// one Redis, or the one that an embedded database may have.
func (h *house) fleet() []*process {
	h.t.Helper()
	out := make([]*process, 1)
	if !h.db.Embedded() {
		h.redis = redistest.Start(h.t).URL()
		out = make([]*process, 4)
	}
	for i := range out {
		h.logDir = h.t.TempDir()
		out[i] = h.idle()
	}
	h.db.Publish = out[0].Queue.Wake().Publish
	for _, p := range out {
		p.run(func() {})
	}
	return out
}

// stop ends the worker in good order.
func (p *process) stop() { p.closer() }

// quick is a health check that does not make a test wait.
func quick() *spec.HealthCheck {
	return &spec.HealthCheck{Kind: spec.CheckHTTP, Path: "/healthz", StartPeriod: 5 * time.Second, Interval: time.Second, Timeout: time.Second}
}

// service makes a web service of image, whose instance it returns.
func (h *house) service(image string, change func(*project.NewService)) *ent.ServiceInstance {
	h.t.Helper()
	in := project.NewService{
		ProjectID: h.project.ID, Name: "web", Kind: spec.Web, Source: spec.Source{Image: &spec.ImageSource{Image: image}},
		Settings: spec.Settings{HealthCheck: quick(), DrainTimeout: 2 * time.Second},
	}
	if change != nil {
		change(&in)
	}
	s, err := h.projects.CreateService(h.ctx, in)
	if err != nil {
		h.t.Fatal(err)
	}
	i, err := h.db.ServiceInstance.Query().Where(serviceinstance.ServiceID(s.ID)).First(h.ctx)
	if err != nil {
		h.t.Fatal(err)
	}
	return i
}

// version makes an image that answers with a text.
func (h *house) version(text string, change func(*runnertest.FakeImage)) string {
	image := runnertest.FakeImage{Env: map[string]string{"APP_VERSION": text}}
	if change != nil {
		change(&image)
	}
	ref := "registry.test/app:" + text
	h.fake.SetImage(ref, image)
	return ref
}

// request queues a deployment of an image.
func (h *house) request(i *ent.ServiceInstance, image string) (d *ent.Deployment) {
	h.t.Helper()
	h.answered(func() (err error) {
		d, err = h.verbs.Request(h.ctx, deploy.Order{InstanceID: i.ID, Image: image, Trigger: lifecycle.API})
		return err
	})
	return d
}

// deploy deploys an image and waits until it has gone live.
func (h *house) deploy(i *ent.ServiceInstance, image string) *ent.Deployment {
	h.t.Helper()
	d := h.completed(h.request(i, image).ID)
	if *d.Conclusion != lifecycle.Succeeded {
		h.t.Fatalf("the deployment ended as %s: %+v", *d.Conclusion, d.Failure)
	}
	return d
}

// free is a disk with space on it.
func (h *house) free(context.Context) (int64, error) { return 1 << 40, nil }
