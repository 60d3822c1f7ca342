//go:build unix

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rs/cors"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/davitdev/davit/graph"
	"github.com/davitdev/davit/internal/config"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/memory"
	"github.com/davitdev/davit/internal/principal"
	"github.com/davitdev/davit/web"
)

func serveCommand(getenv func(string) string) *cobra.Command {
	c := config.Defaults()
	var envErr error // of the environment, which is read before the command runs
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run Davit on this machine",
		Long: "Runs the API, the worker and, as a process of its own, the proxy.\n" +
			"Everything is kept in the data directory. Ctrl-C ends the control plane;\n" +
			"applications and the proxy go on, and the next davit serve finds them again.",
		Example: "  davit serve\n  davit serve --data /var/lib/davit --base-domain apps.example.com --proxy-listen :80",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := errors.Join(envErr, c.Validate()); err != nil {
				return err
			}
			level := slog.LevelInfo
			if getenv("DAVIT_DEBUG") != "" {
				level = slog.LevelDebug
			}
			log := slog.New(slog.NewJSONHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: level}))
			return serve(cmd.Context(), c, getenv, log, func(format string, args ...any) { fmt.Fprintf(cmd.OutOrStdout(), format+"\n", args...) })
		},
	}
	f := cmd.Flags()
	str := func(p *string, name, usage string) {
		env := variableOf(name)
		if v := getenv(env); v != "" {
			*p = v
		}
		f.StringVar(p, name, *p, usage+" ($"+env+")")
	}
	str(&c.Data, "data", "directory of everything that must outlive a restart")
	str(&c.Listen, "listen", "address of the API and the console")
	str(&c.ProxyListen, "proxy-listen", "address applications are served on")
	str(&c.BaseDomain, "base-domain", "host names of applications are below it")
	str(&c.AppScheme, "app-scheme", "how browsers reach applications: http, or https where a proxy in front has the certificate")
	str(&c.Runner, "runner", "auto, docker or process")
	addressFlag(cmd, getenv, &c.DatabaseURL, "database-url", "PostgreSQL that has the rows; without it they are in the data directory")
	addressFlag(cmd, getenv, &c.RedisURL, "redis-url", "Redis that has the queue; without it the queue is in this process")
	addressFlag(cmd, getenv, &c.LokiURL, "loki-url", "Loki 3 that logs are kept in; without it they stay in the data directory")
	str(&c.LokiTenant, "loki-tenant", "whose the logs are, where that Loki serves many tenants")
	count := func(p *int, name, usage string) {
		env := variableOf(name)
		if v := getenv(env); v != "" {
			*p, _ = strconv.Atoi(v) // what is no number fails like 0
		}
		f.IntVar(p, name, *p, usage+" ($"+env+")")
	}
	count(&c.Kept, "keep-deployments", "successful deployments of a service that can be rolled back to")
	count(&c.MaxBuilds, "max-builds", "builds that run at a time; others wait")
	count(&c.MaxLogs, "max-logs", "GiB of logs, compressed, that the data directory has at most; the oldest go first")
	list := func(p *[]string, name, usage string) {
		env := variableOf(name)
		if v := getenv(env); v != "" {
			*p = strings.Split(v, ",")
		}
		f.StringSliceVar(p, name, *p, usage+" ($"+env+")")
	}
	list(&c.AllowedOrigins, "allowed-origins", "exact origins of other sites that may use the API from a browser")
	list(&c.TrustedProxies, "trusted-proxies", "addresses and ranges of proxies in front of the applications, whose X-Forwarded-* headers are passed on")
	allow, err := strconv.ParseBool(cmp.Or(getenv("DAVIT_ALLOW_PRIVATE_NETWORKS"), "false"))
	if err != nil {
		envErr = fault.New(fault.Invalid, "DAVIT_ALLOW_PRIVATE_NETWORKS is neither true nor false.")
	}
	f.BoolVar(&c.AllowPrivateNetworks, "allow-private-networks", allow, "let sources be on this machine and its network, and git use plain http ($DAVIT_ALLOW_PRIVATE_NETWORKS)")
	c.AdminToken = getenv("DAVIT_ADMIN_TOKEN")
	return cmd
}

// shutdownGrace is how long requests and sockets may take to end.
const shutdownGrace = 10 * time.Second

// serve runs until ctx ends. say tells a person what happens.
func serve(ctx context.Context, c config.Config, getenv func(string) string, log *slog.Logger, say func(string, ...any)) error {
	ctx = principal.AsSystem(ctx)
	h, err := build(ctx, c, getenv, log)
	if err != nil {
		return err
	}
	defer h.close()
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return portFault(err, "listen", c.Listen)
	}
	srv := &http.Server{
		Handler: h.routes(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		// Requests speak for whoever sends them, never for the system.
		BaseContext: func(net.Listener) context.Context {
			return context.WithoutCancel(principal.With(ctx, principal.Principal{}))
		},
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	if _, err := h.proxy(ctx); err != nil {
		ln.Close()
		return err
	}
	if err := (holder{PID: os.Getpid(), Listen: ln.Addr().String(), Kept: c.Kept, Redis: c.RedisAddress()}).write(h.held); err != nil {
		ln.Close()
		return err
	}
	say("Davit %s is ready.", Version)
	origin := "http://" + ln.Addr().String()
	if h.claim != "" {
		say("  console       %s (signs you in, once and within an hour)", graph.ClaimURL(origin, h.claim))
	} else {
		say("  console       %s (\"davit console\" signs you in)", graph.ConsoleURL(origin))
	}
	say("  API           %s/graphql", origin)
	say("  GraphiQL      %s/graphiql", graph.ConsoleURL(origin))
	say("  applications  %s", c.AppURL("<service>-<project>."+c.BaseDomain))
	if h.hold != nil {
		say("  rows          PostgreSQL at %s", c.DatabaseAddress())
	}
	if h.queueNote != "" {
		say("  queue         %s", h.queueNote)
	}
	say("  runner        %s", h.runnerNote)
	say("  token         in %s", c.TokenFile())

	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return h.worker.Run(ctx) })
	g.Go(func() error { memory.Tend(ctx); return nil })
	g.Go(func() error { h.guard.Run(ctx); return nil })
	if h.hold != nil {
		g.Go(func() error { return h.hold.Keep(ctx, log) })
	}
	g.Go(func() error {
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve API: %w", err)
		}
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
		defer cancel()
		// Whoever is still at it then was asked to end, and asks the next one again.
		if err := errors.Join(h.api.Shutdown(grace), srv.Shutdown(grace)); !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		return srv.Close()
	})
	err = g.Wait()
	say("The control plane has ended. Applications and the proxy go on: \"davit serve\" finds them again.")
	return err
}

// routes are the paths of the API's server.
func (h *house) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/graphql", withOrigin(h.api))
	mux.Handle("/graphql/", http.NotFoundHandler()) // none of these is a page
	mux.Handle(graph.UploadPath, http.NotFoundHandler())
	mux.Handle(graph.UploadPath+"{token}", h.uploads)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := h.db.Ping(r.Context()); err != nil {
			http.Error(w, "the database does not answer", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.Handle("GET /schema.graphql", h.sdl)
	mux.Handle("GET /graphiql", web.GraphiQL())
	mux.Handle("GET /graphiql/", web.GraphiQL())
	mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }) // of what is no page
	mux.Handle("/", web.Console())
	return allowOrigins(h.config.AllowedOrigins, mux)
}

// allowOrigins lets browsers show pages of these origins, and of no others, what
// next answers. Cookies are not sent.
func allowOrigins(origins []string, next http.Handler) http.Handler {
	if len(origins) == 0 { // which cors would take for all
		return next
	}
	return cors.New(cors.Options{
		AllowedOrigins: origins, AllowedMethods: []string{http.MethodGet, http.MethodPost},
		AllowedHeaders: []string{"Authorization", "Content-Type", "Idempotency-Key"}, ExposedHeaders: []string{"X-Request-Id"},
	}).Handler(next)
}
