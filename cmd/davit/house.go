//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/graph"
	"github.com/davitdev/davit/graph/transport"
	"github.com/davitdev/davit/internal/auth"
	"github.com/davitdev/davit/internal/config"
	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/git"
	"github.com/davitdev/davit/internal/ident"
	"github.com/davitdev/davit/internal/logs"
	"github.com/davitdev/davit/internal/outbound"
	"github.com/davitdev/davit/internal/principal"
	"github.com/davitdev/davit/internal/project"
	"github.com/davitdev/davit/internal/proxy"
	gitrepository "github.com/davitdev/davit/internal/repository"
	"github.com/davitdev/davit/internal/secret"
	"github.com/davitdev/davit/internal/site"
	"github.com/davitdev/davit/internal/source"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/runner"
	"github.com/davitdev/davit/schema"
	"github.com/davitdev/davit/worker"
	"github.com/davitdev/davit/worker/queue"
)

// house is everything a server is made of.
type house struct {
	config     config.Config
	db         *store.DB
	auth       *auth.Service
	api        *graph.Server
	uploads    *uploads
	sdl        http.Handler
	worker     *worker.Worker
	runner     runner.Runner
	guard      *proxy.Guard
	runnerNote string
	claim      string      // secret of the link that the first start shows, "" later
	queueNote  string      // how the queue's Redis is, "" of the embedded one
	held       *os.File    // the lock of the data directory
	hold       *store.Hold // of the database, nil where that is in the data directory
	closers    []func() error
	getenv     func(string) string
	log        *slog.Logger
}

// close takes the house down, the newest part first.
func (h *house) close() {
	for i := len(h.closers) - 1; i >= 0; i-- {
		if err := h.closers[i](); err != nil {
			h.log.Warn("shutdown", "err", err)
		}
	}
}

func (h *house) onClose(fn func() error) { h.closers = append(h.closers, fn) }

// build makes the house from the bottom up. It is the only place that knows
// which implementation stands behind an interface.
func build(ctx context.Context, c config.Config, getenv func(string) string, log *slog.Logger) (_ *house, err error) {
	h := &house{config: c, getenv: getenv, log: log}
	defer func() {
		if err != nil {
			h.close()
		}
	}()
	if h.config.Data, err = filepath.Abs(c.Data); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	c = h.config
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	if err := h.lock(ctx); err != nil {
		return nil, err
	}
	keys, installation, verbs, err := h.rows(ctx)
	if err != nil {
		return nil, err
	}
	q, err := queue.Open(ctx, queue.Options{RedisURL: c.RedisURL, Installation: installation.ID, Log: log})
	if err != nil {
		return nil, err
	}
	h.onClose(q.Close)
	if c.RedisURL != "" {
		h.queueNote = "Redis at " + c.RedisAddress()
		if _, err := q.Inspect(ctx); err != nil {
			h.queueNote += ", which does not answer: work goes on without it"
		}
	}
	wakes := q.Wake()
	h.db.Publish = wakes.Publish
	book, err := logs.Open(ctx, logs.Options{Dir: c.Logs(), Logger: log, Loki: h.loki(), Retention: h.retention()})
	if err != nil {
		return nil, err
	}
	h.onClose(func() error {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
		defer cancel()
		return book.Close(last)
	})
	archives, err := source.OpenStore(c.Uploads())
	if err != nil {
		return nil, err
	}
	h.onClose(archives.Close)
	sites, err := site.OpenStore(c.Sites())
	if err != nil {
		return nil, err
	}
	h.onClose(sites.Close)
	h.guard = proxy.NewGuard(proxy.NewClient(c.Data))
	builder, err := h.pickRunner(ctx, keys, installation.ID)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(os.RemoveAll(c.Scratch()), os.MkdirAll(c.Scratch(), 0o700)); err != nil {
		return nil, fmt.Errorf("scratch directory: %w", err)
	}
	repositories, err := h.git()
	if err != nil {
		return nil, err
	}
	recorder := &worker.Recorder{Logs: book, Runner: h.runner, Log: log, CatchUp: worker.CatchUpLimit}
	h.onClose(func() error { recorder.Close(); return nil })
	limits := worker.DefaultLimits()
	h.worker = &worker.Worker{
		Deploy: verbs, Auth: h.auth, Runner: h.runner, Recorder: recorder, Queue: q, Wakes: wakes, Owner: ident.New("own"), Limits: limits, Log: log,
		Builds: &worker.Builds{Uploads: archives, Sites: sites, Git: repositories, Builder: builder, Scratch: c.Scratch(), Limit: limits.Build, AtOnce: c.MaxBuilds, Space: h.space},
		Router: &worker.Router{
			Deploy: verbs, Proxy: h.proxy, Runner: h.runner, Wakes: wakes, Installation: installation.ID, BaseDomain: c.BaseDomain, Sites: sites.Dir(), Log: log,
		},
	}
	if h.sdl, err = schema.Handler(); err != nil {
		return nil, err
	}
	projects := &project.Service{DB: h.db, Keys: keys}
	h.uploads = &uploads{
		projects: projects, store: archives, log: log,
		receipts: receipts{space: func() (int64, error) { return freeSpace(c.Data) }},
	}
	h.api = graph.NewServer(&graph.Resolver{
		DB: h.db.Client, Auth: h.auth, Projects: projects, Deployments: verbs, Wakes: wakes,
		Repositories: &gitrepository.Reader{DB: h.db.Client, Git: repositories, Scratch: c.Scratch(), Limits: gitrepository.DefaultLimits()},
		Logs:         book, Site: h.site(q, book), Log: log,
	}, h.originAllowed)
	return h, nil
}

// rows opens the secret key, the database and the operator's token.
func (h *house) rows(ctx context.Context) (*secret.Box, *ent.Installation, *deploy.Service, error) {
	key, err := secret.LoadKey(h.config.SecretKey())
	if err != nil {
		return nil, nil, nil, err
	}
	keys, err := secret.New(key)
	if err != nil {
		return nil, nil, nil, err
	}
	check := keys.Digest(secret.Place{Table: "installations", Row: "1", Field: "key_check"}, "davit")
	if err := h.openDatabase(ctx, check); err != nil {
		return nil, nil, nil, err
	}
	token, first, err := operatorToken(h.config)
	if err != nil {
		return nil, nil, nil, err
	}
	h.auth = &auth.Service{DB: h.db}
	installation, err := h.auth.Install(ctx, token, check)
	if err != nil {
		return nil, nil, nil, err
	}
	if h.hold != nil {
		if err := (databaseMark{h.config.DatabaseAddress(), installation.ID}).write(h.config); err != nil {
			return nil, nil, nil, err
		}
	}
	if first {
		if err := h.makeClaim(ctx, token); err != nil {
			return nil, nil, nil, err
		}
	}
	verbs := &deploy.Service{DB: h.db, Keys: keys, Log: h.log, Kept: h.config.Kept}
	newest, err := verbs.NewestIDs(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	for _, id := range newest {
		ident.After(id)
	}
	// Whoever held a lease is gone, or was cut off and is fenced by its epoch.
	if err := verbs.EndLeases(ctx); err != nil {
		return nil, nil, nil, err
	}
	return keys, installation, verbs, nil
}

// makeClaim makes a link by which somebody signs in as the operator.
func (h *house) makeClaim(ctx context.Context, token string) error {
	operator, err := h.auth.Authenticate(ctx, token)
	if err != nil {
		return err
	}
	h.claim, _, err = h.auth.CreateClaimLink(principal.With(ctx, operator))
	return err
}

// space is how many bytes are free where builds write: in the data directory,
// and where the engine keeps images if that is on this machine.
func (h *house) space(ctx context.Context) (int64, error) {
	free, err := freeSpace(h.config.Data)
	if err != nil {
		return 0, err
	}
	// An engine that is away, or on another machine, has a disk that says nothing.
	if info, err := h.runner.Info(ctx); err == nil {
		if there, err := freeSpace(info.Root); err == nil {
			free = min(free, there)
		}
	}
	return free, nil
}

// proxy returns the control of the data plane, starting it if nobody serves.
func (h *house) proxy(ctx context.Context) (*proxy.Client, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find own program: %w", err)
	}
	client, _, err := proxy.EnsureRunning(ctx, proxy.Spawn{
		Data: h.config.Data, Listen: h.config.ProxyListen, Version: Version + " " + Commit, Trusted: h.config.Trusted(), LogFile: h.config.ProxyLog(),
		Command: []string{self, "proxy", "--data", h.config.Data, "--listen", h.config.ProxyListen},
	})
	return client, err
}

// git reads repositories. What git runs for ssh is this program by another
// name.
func (h *house) git() (*git.Git, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find own program: %w", err)
	}
	g := &git.Git{SSH: filepath.Join(h.config.Scratch(), git.SSHProgram), KnownHosts: h.config.KnownHosts(), Scratch: h.config.Scratch(), Outbound: h.outbound(), Getenv: h.getenv}
	if err := os.Symlink(self, g.SSH); err != nil {
		return nil, fmt.Errorf("scratch directory: %w", err)
	}
	return g, nil
}

// outbound says which hosts users may make this server reach.
func (h *house) outbound() outbound.Policy {
	return outbound.Policy{AllowPrivate: h.config.AllowPrivateNetworks}
}

// originAllowed reports whether a page of r's origin may open a socket.
func (h *house) originAllowed(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	for _, o := range h.config.AllowedOrigins {
		if o == origin {
			return true
		}
	}
	return transport.SameOrigin(r)
}

// portFault explains an address that cannot be listened on.
func portFault(err error, flag, addr string) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fault.New(fault.PortInUse, "Something else listens on %s.", addr).WithHint("Stop it, or choose another address with --%s.", flag).Because(err)
	}
	return fmt.Errorf("listen on %s: %w", addr, err)
}

// askLimit bounds how long a part of Davit may take to say how it is.
const askLimit = 2 * time.Second
