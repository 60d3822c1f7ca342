package main

import (
	"errors"
	"os"
	"testing"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/internal/config"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/principal"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
	"github.com/davitdev/davit/worker"
)

// Who may not see an environment does not learn its name from what is wrong
// with it.
func TestThePlatformNamesEnvironmentsWithoutANameServer(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		system := storetest.System(t)
		environment := func(mark string) (*ent.Environment, *ent.Workspace) {
			ws := db.Workspace.Create().SetSlug(mark).SetName(mark).SaveX(system)
			p := db.Project.Create().SetWorkspace(ws).SetSlug(mark + "-shop").SetName(mark).SaveX(system)
			return db.Environment.Create().SetProject(p).SetSlug("production").SetName("p").SetKind(spec.Production).SaveX(system), ws
		}
		mine, ws := environment("mine")
		other, _ := environment("other")
		u := db.User.Create().SetUsername("ann").SetDisplayName("Ann").SaveX(system)
		db.Membership.Create().SetWorkspace(ws).SetUser(u).SetRole(principal.Viewer).ExecX(system)
		problems := []worker.NameServerProblem{
			{EnvironmentID: mine.ID, Message: "listen udp 10.0.0.1:53: permission denied"},
			{EnvironmentID: other.ID, Message: "listen udp 10.0.1.1:53: address in use"},
		}
		for name, c := range map[string]struct {
			who  principal.Principal
			want string
		}{
			"a member": {
				principal.Principal{Kind: principal.User, UserID: u.ID},
				"Services do not find each other by name in 1 environment: mine-shop/production.",
			},
			"a stranger": {
				principal.Principal{Kind: principal.User, UserID: "usr_nobody"},
				"Services do not find each other by name in some environments.",
			},
			"the operator": {
				principal.Principal{Kind: principal.User, UserID: "usr_root", PlatformAdmin: true},
				"Services do not find each other by name in 2 environments: mine-shop/production (listen udp 10.0.0.1:53: permission denied), " +
					"other-shop/production (listen udp 10.0.1.1:53: address in use).",
			},
		} {
			ctx := principal.With(t.Context(), c.who)
			got, err := nameServers(ctx, db.Client, problems)
			if got != c.want || !errors.Is(err, errNameServer) {
				t.Errorf("%s reads %q, %v", name, got, err)
			}
			if got, err := nameServers(ctx, db.Client, nil); got != "" || err != nil {
				t.Errorf("%s reads %q, %v where all listen", name, got, err)
			}
		}
	})
}

// A start that is given up after the two seconds of a question would end a proxy
// that the router is about to use.
func TestAskingHowTheProxyIsStartsNone(t *testing.T) {
	t.Parallel()

	h := &house{config: config.Config{Data: t.TempDir(), ProxyListen: "127.0.0.1:0"}}
	if note, err := h.listens(t.Context()); note != "" || !fault.Is(err, fault.Unavailable) {
		t.Errorf("no proxy is said to be as %q, %v", note, err)
	}
	files, err := os.ReadDir(h.config.Data)
	if err != nil || len(files) > 0 {
		t.Errorf("a question left %v, %v", files, err)
	}
}
