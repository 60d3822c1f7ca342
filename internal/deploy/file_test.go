package deploy

import (
	"context"
	"slices"
	"testing"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/project"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

// configure sets what the config file of the instance holds.
func (w *world) configure(content string) {
	w.t.Helper()
	_, err := w.projects.UpdateInstance(w.ctx, project.ChangeInstance{ID: w.instance.ID, Apply: func(s spec.Settings) spec.Settings {
		s.ConfigFiles = []spec.ConfigFile{{Path: "/etc/app", Mode: 0o600, Content: &content, Size: len(content)}}
		return s
	}})
	w.must(err)
}

func TestConfigFilesAreOfTheDeployment(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		w.Kept = 2
		opened := func(id string) string {
			t.Helper()
			contents := must(w.OpenFiles(w.ctx, w.row(id).Settings.ConfigFiles))(t)
			if len(contents) != 1 {
				t.Fatalf("%s has %q", id, contents)
			}
			return contents[0]
		}
		w.configure("one")
		first := w.live()
		w.configure("two")
		second := w.live()
		if opened(first.ID) != "one" || opened(second.ID) != "two" {
			t.Errorf("they hold %q and %q", opened(first.ID), opened(second.ID))
		}
		if a, b := must(w.BuildKey(w.ctx, first))(t), must(w.BuildKey(w.ctx, second))(t); a != b {
			t.Errorf("a config file makes another build: %q and %q", a, b)
		}
		w.must(w.ForgetFiles(w.ctx)) // both are kept
		back := must(w.Rollback(w.ctx, first.ID))(t)
		if got := opened(back.ID); got != "one" {
			t.Errorf("the rollback has %q", got)
		}
		w.carry(must(w.Claim(w.ctx, back.ID, "worker"))(t), lifecycle.Completed)
		w.configure("three") // staged only
		w.must(w.ForgetFiles(w.ctx))
		if n := must(db.FileVersion.Query().Count(w.ctx))(t); n != 3 {
			t.Errorf("%d versions are there: those of the kept deployments and of the settings are 3", n)
		}

		// One is forgotten when nothing can need it any more.
		w.live()
		w.live()
		w.must(w.ForgetFiles(w.ctx))
		ids := must(db.FileVersion.Query().IDs(w.ctx))(t)
		if now := w.now().Settings.ConfigFiles; !slices.Equal(ids, versionsOf(now)) {
			t.Errorf("there are %v, needed are %v", ids, versionsOf(now))
		}
		_, err := w.Rollback(w.ctx, first.ID)
		wantFault(t, "a rollback to forgotten files", err, fault.Conflict)
		_, err = w.OpenFiles(w.ctx, first.Settings.ConfigFiles)
		wantFault(t, "opening forgotten files", err, fault.Conflict)
	})
}

// A rollback that is accepted while files are being forgotten keeps its own.
func TestForgettingFilesSparesAnAcceptedRollback(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		w.Kept = 1
		w.configure("one")
		first := w.live()
		w.configure("two")
		w.live()
		var back *ent.Deployment
		db.Deployment.Intercept(ent.InterceptFunc(func(next ent.Querier) ent.Querier {
			return ent.QuerierFunc(func(ctx context.Context, q ent.Query) (ent.Value, error) {
				rows, err := next.Query(ctx, q)
				if back == nil { // what is kept was just read
					back = &ent.Deployment{}
					back = must(w.Rollback(ctx, first.ID))(t)
				}
				return rows, err
			})
		}))
		w.must(w.ForgetFiles(w.ctx))
		if got := must(w.OpenFiles(w.ctx, back.Settings.ConfigFiles))(t); !slices.Equal(got, []string{"one"}) {
			t.Errorf("the rollback has %q", got)
		}
	})
}
