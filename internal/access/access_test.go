package access_test

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/davitdev/davit/ent"
	. "github.com/davitdev/davit/internal/access"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/ident"
	"github.com/davitdev/davit/internal/principal"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

var all = []Action{Read, ReadLogs, Write, Deploy, Rollback, Exec, Delete, AdministerPlatform}

func TestRolesAndActions(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newTenant(t, db, "mine").workspace
		allowed := map[principal.Role][]Action{
			principal.Viewer:     {Read, ReadLogs},
			principal.Editor:     {Read, ReadLogs, Write, Deploy, Rollback, Exec},
			principal.Maintainer: {Read, ReadLogs, Write, Deploy, Rollback, Exec, Delete},
			principal.Owner:      {Read, ReadLogs, Write, Deploy, Rollback, Exec, Delete},
		}
		for role, may := range allowed {
			ctx := as(t, member(t, db, string(role), role, w), principal.Admin)
			for _, a := range all {
				want := fault.Forbidden
				if slices.Contains(may, a) {
					want = ""
				}
				if got := fault.CodeOf(Can(ctx, db.Client, a, w)); got != want {
					t.Errorf("%s may %s: %q, want %q", role, a, got, want)
				}
			}
		}
		stranger := as(t, member(t, db, "stranger", "", ""), principal.Admin)
		admin := member(t, db, "admin", "", "")
		admin.IsPlatformAdmin = true
		for _, a := range all {
			if err := Can(stranger, db.Client, a, w); !fault.Is(err, fault.NotFound) && a != AdministerPlatform {
				t.Errorf("a stranger may %s: %v, want %s", a, err, fault.NotFound)
			}
			if err := Can(as(t, admin, principal.Admin), db.Client, a, w); err != nil {
				t.Errorf("a platform administrator may not %s: %v", a, err)
			}
			if err := Can(storetest.System(t), db.Client, a, w); err != nil {
				t.Errorf("Davit itself may not %s: %v", a, err)
			}
			if err := Can(t.Context(), db.Client, a, w); !fault.Is(err, fault.Unauthenticated) {
				t.Errorf("nobody may %s: %v", a, err)
			}
		}
	})
}

// A token never allows more than its user may, nor more than its scopes say.
func TestScopes(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newTenant(t, db, "mine").workspace
		owner, viewer := member(t, db, "owner", principal.Owner, w), member(t, db, "viewer", principal.Viewer, w)
		admin := member(t, db, "admin", "", "")
		admin.IsPlatformAdmin = true
		tests := map[principal.Scope][]Action{
			principal.Read: {Read}, principal.Logs: {ReadLogs}, principal.Write: {Write, Delete},
			principal.Deploy: {Deploy, Rollback, Exec}, principal.Secrets: {}, principal.Admin: all,
		}
		for scope, may := range tests {
			for _, a := range all {
				want := slices.Contains(may, a)
				if err := Can(as(t, admin, scope), db.Client, a, w); (err == nil) != want {
					t.Errorf("an administrator's token with %s may %s: %v", scope, a, err)
				}
				if a == AdministerPlatform {
					want = false
				}
				if err := Can(as(t, owner, scope), db.Client, a, w); (err == nil) != want {
					t.Errorf("an owner's token with %s may %s: %v", scope, a, err)
				}
				want = want && (a == Read || a == ReadLogs)
				if err := Can(as(t, viewer, scope), db.Client, a, w); (err == nil) != want {
					t.Errorf("a viewer's token with %s may %s: %v", scope, a, err)
				}
			}
		}
		if err := Can(as(t, owner), db.Client, Read, w); !fault.Is(err, fault.Forbidden) {
			t.Errorf("a token without scopes may read: %v", err)
		}
	})
}

// loaders are all ways to get at a row, each with how to get its id.
var loaders = map[ident.Kind]struct {
	id   func(tenant) string
	load func(context.Context, *ent.Client, Action, string) (any, error)
}{
	ident.Workspace:          {func(t tenant) string { return t.workspace }, loader(Workspace)},
	ident.Project:            {func(t tenant) string { return t.project }, loader(Project)},
	ident.Environment:        {func(t tenant) string { return t.environment }, loader(Environment)},
	ident.Service:            {func(t tenant) string { return t.service }, loader(Service)},
	ident.Instance:           {func(t tenant) string { return t.instance }, loader(Instance)},
	ident.Deployment:         {func(t tenant) string { return t.deployment }, loader(Deployment)},
	ident.Build:              {func(t tenant) string { return t.build }, loader(Build)},
	ident.Replica:            {func(t tenant) string { return t.replica }, loader(Replica)},
	ident.RegistryCredential: {func(t tenant) string { return t.credential }, loader(RegistryCredential)},
	ident.Operation:          {func(t tenant) string { return t.operation }, loader(Operation)},
}

func loader[T any](load func(context.Context, *ent.Client, Action, string) (*T, error)) func(context.Context, *ent.Client, Action, string) (any, error) {
	return func(ctx context.Context, c *ent.Client, a Action, id string) (any, error) { return load(ctx, c, a, id) }
}

// What is somebody else's cannot be told from what was never there, whatever
// is asked for and whatever the token may.
func TestStrangersFindNothing(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		mine, theirs := newTenant(t, db, "mine"), newTenant(t, db, "theirs")
		me := member(t, db, "me", principal.Owner, mine.workspace)
		for kind, l := range loaders {
			for _, ctx := range []context.Context{as(t, me, principal.Admin), as(t, me, principal.Read), as(t, me)} {
				for _, a := range all {
					_, absent := l.load(ctx, db.Client, a, ident.New(kind))
					if !fault.Is(absent, fault.NotFound) {
						t.Fatalf("%s, %s: what is not there gives %v", kind, a, absent)
					}
					for _, id := range []string{
						l.id(theirs), "", string(kind), string(kind) + "_\x00", l.id(mine) + "\x00", l.id(mine) + "x", "' OR 1=1 --",
						ident.New("xxx"), "\xff", l.id(mine)[:len(l.id(mine))-1] + "A",
					} {
						if _, err := l.load(ctx, db.Client, a, id); !cmp.Equal(err, absent, cmp.Comparer(sameError)) {
							t.Errorf("%s, %s: %q gives %v, what is not there %v", kind, a, id, err, absent)
						}
					}
				}
			}
			if _, err := l.load(as(t, me, principal.Admin), db.Client, Delete, l.id(mine)); err != nil {
				t.Errorf("%s: its owner cannot load it: %v", kind, err)
			}
			if _, err := l.load(as(t, me, principal.Read), db.Client, Delete, l.id(mine)); !fault.Is(err, fault.Forbidden) {
				t.Errorf("%s: a token that may only read deletes: %v", kind, err)
			}
			for _, id := range []string{l.id(mine), "nonsense"} {
				if _, err := l.load(t.Context(), db.Client, Read, id); !fault.Is(err, fault.Unauthenticated) {
					t.Errorf("%s: nobody loads %q: %v", kind, id, err)
				}
			}
		}
	})
}

func sameError(a, b error) bool {
	return a != nil && b != nil && fault.CodeOf(a) == fault.CodeOf(b) && a.Error() == b.Error()
}

func TestLoadersBringWhatTheVerbsNeed(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		mine := newTenant(t, db, "mine")
		ctx := as(t, member(t, db, "me", principal.Viewer, mine.workspace), principal.Read)
		i, err := Instance(ctx, db.Client, Read, mine.instance)
		if err != nil || i.Edges.Project.ID != mine.project || i.Edges.Environment.ID != mine.environment || i.Edges.Service.ID != mine.service {
			t.Errorf("got %v, %v", i, err)
		}
		d, err := Deployment(ctx, db.Client, Read, mine.deployment)
		if err != nil || d.Edges.Project.ID != mine.project {
			t.Errorf("got %v, %v", d, err)
		}
	})
}

func TestRules(t *testing.T) {
	t.Parallel()
	p, viewer := principal.Principal{Kind: principal.User, Scopes: []principal.Scope{principal.Admin}}, principal.Viewer
	got := Rules(p, &viewer, []Action{Deploy, Read, AdministerPlatform})
	if len(got) != 3 || got[0].Allowed || got[0].Reason == nil || got[0].Action != Deploy || !got[1].Allowed || got[1].Reason != nil || got[2].Allowed {
		t.Errorf("a viewer's rules are %+v", got)
	}
	if got := Rules(p, nil, []Action{Read}); got[0].Allowed || got[0].Reason == nil {
		t.Errorf("a stranger's rules are %+v", got)
	}
}
