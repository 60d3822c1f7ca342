package graph_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/graph"
	"github.com/davitdev/davit/graph/model"
	"github.com/davitdev/davit/graph/transport"
	"github.com/davitdev/davit/internal/auth"
	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/git"
	"github.com/davitdev/davit/internal/logs"
	"github.com/davitdev/davit/internal/principal"
	"github.com/davitdev/davit/internal/project"
	"github.com/davitdev/davit/internal/repository"
	"github.com/davitdev/davit/internal/secret"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
	"github.com/davitdev/davit/internal/wake"
)

// world is an API on a real server, with everything real behind it but the
// worker.
type world struct {
	testing.TB
	db       *store.DB
	book     *logs.Log
	projects *project.Service
	verbs    *deploy.Service
	http     *httptest.Server
	system   context.Context
	wakes    *countedHub
	resolver *graph.Resolver
	server   *graph.Server
}

func newWorld(t testing.TB, db *store.DB) *world {
	t.Helper()
	keys, err := secret.New(make([]byte, secret.KeySize))
	check(t, err)
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	hub := &countedHub{}
	db.Publish = hub.Publish
	book, err := logs.Open(t.Context(), logs.Options{Dir: t.TempDir(), Logger: log})
	check(t, err)
	w := &world{
		TB: t, db: db, book: book, system: storetest.System(t),
		projects: &project.Service{DB: db, Keys: keys}, verbs: &deploy.Service{DB: db, Keys: keys, Log: log}, wakes: hub,
	}
	w.resolver = &graph.Resolver{
		DB: db.Client, Auth: &auth.Service{DB: db}, Projects: w.projects, Deployments: w.verbs, Wakes: hub, Logs: book, Log: log,
		Repositories: &repository.Reader{
			DB: db.Client, Scratch: t.TempDir(), Limits: repository.DefaultLimits(),
			Git: &git.Git{SSH: "/nonexistent", KnownHosts: filepath.Join(t.TempDir(), "known_hosts"), Scratch: t.TempDir(), Getenv: os.Getenv},
		},
		Site: graph.Site{
			Version: "1.2.3", Commit: "abc", BaseDomain: "example.test",
			URL:        func(host string) string { return "http://" + host },
			Components: func(context.Context) []*model.ComponentHealth { return []*model.ComponentHealth{} },
			Queues:     func(context.Context) ([]*model.QueueStats, error) { return []*model.QueueStats{}, nil },
		},
	}
	api := graph.NewServer(w.resolver, transport.SameOrigin)
	w.server = api
	w.http = httptest.NewServer(api)
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		if err := api.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		w.http.Close()
		if err := book.Close(ctx); err != nil {
			t.Errorf("close the log: %v", err)
		}
	})
	return w
}

// countedHub knows how many subscriptions there are.
type countedHub struct {
	wake.Hub
	live atomic.Int64
}

func (h *countedHub) Subscribe(ctx context.Context, topics ...string) <-chan struct{} {
	h.live.Add(1)
	context.AfterFunc(ctx, func() { h.live.Add(-1) })
	return h.Hub.Subscribe(ctx, topics...)
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// user makes a person with a token of all scopes but the operator's.
func (w *world) user(name string) *person {
	w.Helper()
	u := w.db.User.Create().SetUsername(name).SetDisplayName(name).SaveX(w.system)
	return &person{world: w, User: u, token: w.token(u, principal.Read, principal.Write, principal.Deploy, principal.Logs, principal.Secrets)}
}

// token makes a token for u.
func (w *world) token(u *ent.User, scopes ...principal.Scope) string {
	w.Helper()
	token := auth.NewToken()
	var names []string
	for _, s := range scopes {
		names = append(names, string(s))
	}
	w.db.APIToken.Create().SetUser(u).SetName("test").SetHash(hashOf(token)).SetScopes(names).ExecX(w.system)
	return token
}

// hashOf is what is kept of a token.
func hashOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// workspace makes a workspace that p owns.
func (w *world) workspace(slug string, p *person) *ent.Workspace {
	w.Helper()
	ws := w.db.Workspace.Create().SetSlug(slug).SetName(slug).SaveX(w.system)
	w.join(ws, p, principal.Owner)
	return ws
}

func (w *world) join(ws *ent.Workspace, p *person, role principal.Role) {
	w.db.Membership.Create().SetWorkspace(ws).SetUser(p.User).SetRole(role).ExecX(w.system)
}

// person is somebody who uses the API, by a token or with a browser: a page of
// an origin, and the secret of a session in its cookie.
type person struct {
	*world
	*ent.User
	token, origin, cookie string
}

// header is that of a request of the person.
func (p *person) header() http.Header {
	h := http.Header{"Content-Type": {"application/json"}, "Accept": {"application/graphql-response+json"}}
	if p.token != "" {
		h.Set("Authorization", "Bearer "+p.token)
	}
	p.browse(h)
	return h
}

// browse adds what a browser does.
func (p *person) browse(h http.Header) {
	if p.origin != "" {
		h.Set("Origin", p.origin)
	}
	if p.cookie != "" {
		h.Set("Cookie", "__Host-davit="+p.cookie)
	}
}

// dump is everything in a table, as text.
func dump(t testing.TB, db *store.DB, table string) string {
	t.Helper()
	rows, err := db.QueryContext(storetest.System(t), "SELECT * FROM "+table)
	check(t, err)
	defer rows.Close()
	columns, err := rows.Columns()
	check(t, err)
	var out strings.Builder
	for rows.Next() {
		values, into := make([][]byte, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		check(t, rows.Scan(into...))
		for i, v := range values {
			out.WriteString(columns[i] + "=" + string(v) + "\n")
		}
	}
	check(t, rows.Err())
	return out.String()
}
