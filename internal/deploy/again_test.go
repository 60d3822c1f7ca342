package deploy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/ident"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/project"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

// change gives the instance other settings and another variable than its last
// deployment had.
func (w *world) change() {
	w.t.Helper()
	must(w.projects.UpdateInstance(w.ctx, project.ChangeInstance{ID: w.instance.ID, Apply: func(s spec.Settings) spec.Settings {
		s.Port = 9000
		return s
	}}))(w.t)
	must(w.Scale(w.ctx, w.instance.ID, "", 3))(w.t)
}

func TestWhatADeploymentIsMadeOfAgain(t *testing.T) {
	t.Parallel()

	for _, tt := range []struct {
		name     string
		make     func(w *world, first *ent.Deployment) (*ent.Deployment, error)
		trigger  lifecycle.Trigger
		image    string // whose, "" if none
		settings string // whose
	}{
		{"a rollback has the image and the settings of its time", func(w *world, first *ent.Deployment) (*ent.Deployment, error) {
			return w.Rollback(w.ctx, first.ID)
		}, lifecycle.Rollback, "first", "first"},
		{"a redeployment makes its image anew, with today's settings", func(w *world, first *ent.Deployment) (*ent.Deployment, error) {
			return w.Redeploy(w.ctx, Again{DeploymentID: first.ID})
		}, lifecycle.Redeploy, "", "now"},
		{"a redeployment may have its image again, with today's settings", func(w *world, first *ent.Deployment) (*ent.Deployment, error) {
			return w.Redeploy(w.ctx, Again{DeploymentID: first.ID, ReuseImage: true})
		}, lifecycle.Redeploy, "first", "now"},
		{"a change of settings has the image that serves", func(w *world, _ *ent.Deployment) (*ent.Deployment, error) {
			return w.Apply(w.ctx, w.instance.ID)
		}, lifecycle.ConfigChange, "second", "now"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			storetest.Each(t, func(t *testing.T, db *store.DB) {
				w := newWorld(t, db)
				of := map[string]*ent.Deployment{"first": w.live(), "second": w.live(), "now": {}}
				w.change()
				of["now"].Settings = must(w.DB.ServiceInstance.Get(w.ctx, w.instance.ID))(t).Settings
				d := must(tt.make(w, of["first"]))(t)
				if d.Trigger != tt.trigger || d.Number != 3 || d.Status != lifecycle.Queued || (d.RolledBackFromID != nil) != (tt.trigger == lifecycle.Rollback) {
					t.Errorf("got %+v", d)
				}
				if diff := cmp.Diff(of[tt.settings].Settings, d.Settings); diff != "" {
					t.Errorf("settings (-want +got)\n%s", diff)
				}
				var image *spec.ImageRef
				if tt.image != "" {
					image = of[tt.image].Image
				}
				if diff := cmp.Diff(image, d.Image); diff != "" {
					t.Errorf("image (-want +got)\n%s", diff)
				}
				if shares := must(w.SharesOf(w.ctx, d))(t); len(shares) != 1 || shares[0].Replicas != 3 {
					t.Errorf("%v are wanted, not today's 3", shares)
				}
			})
		})
	}

	t.Run("a deployment can be rolled back to again and again", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			w := newWorld(t, db)
			first := w.live()
			for range 3 {
				d := must(w.Rollback(w.ctx, first.ID))(t)
				if d.RolledBackFromID == nil || *d.RolledBackFromID != first.ID {
					t.Errorf("it is rolled back from %v", d.RolledBackFromID)
				}
			}
		})
	})

	t.Run("what never was cannot be again", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			w := newWorld(t, db)
			if d, err := w.Apply(w.ctx, w.instance.ID); d != nil || err != nil {
				t.Errorf("where nothing serves: %v, %v", d, err)
			}
			failed := w.at(lifecycle.Preparing)
			w.must(w.Complete(w.ctx, failed, lifecycle.Failed, userFailure()))
			_, err := w.Rollback(w.ctx, failed.ID)
			wantFault(t, "Rollback to one that failed", err, fault.Conflict)
			_, err = w.Redeploy(w.ctx, Again{DeploymentID: failed.ID, ReuseImage: true})
			wantFault(t, "Redeploy without an image", err, fault.Conflict)
			_, err = w.Rollback(w.ctx, ident.New(ident.Deployment))
			wantFault(t, "Rollback to nothing", err, fault.NotFound)
			under := w.at(lifecycle.Deploying)
			_, err = w.Rollback(w.ctx, under.ID)
			wantFault(t, "Rollback to one under way", err, fault.Conflict)
		})
	})
}

// What is under way is not lost to a change of settings: it is what serves next.
func TestAChangeOfSettingsKeepsWhatIsUnderWay(t *testing.T) {
	t.Parallel()

	for _, policy := range []lifecycle.Policy{lifecycle.Supersede, lifecycle.InOrder} {
		for _, status := range reached[:5] {
			t.Run(fmt.Sprintf("%s, one that is %s", policy, status), func(t *testing.T) {
				t.Parallel()
				storetest.Each(t, func(t *testing.T, db *store.DB) {
					w := newWorld(t, db)
					w.live()
					if policy == lifecycle.InOrder {
						w.inOrder()
					}
					newer := w.order()
					newer.Image = "registry.test/app:v2"
					c := must(w.Claim(w.ctx, must(w.Request(w.ctx, newer))(t).ID, "worker"))(t)
					w.carry(c, status)
					w.change()
					d := must(w.Apply(w.ctx, w.instance.ID))(t)
					if got := d.Source.Image.Image; got != "registry.test/app:v2" || d.Settings.Port != 9000 {
						t.Errorf("it deploys %s with port %d", got, d.Settings.Port)
					}
					if diff := cmp.Diff(w.row(c.ID).Image, d.Image); diff != "" {
						t.Errorf("image (-want +got)\n%s", diff)
					}
					superseded := policy == lifecycle.Supersede && (status == lifecycle.Queued || policy.YieldsTo(status))
					if got := w.row(c.ID); (got.Conclusion != nil || got.CancelReason != nil) != superseded {
						t.Errorf("the one under way is %s, canceled: %v", got.Status, got.CancelReason)
					}
				})
			})
		}
	}

	t.Run("one that was asked to stop does not come back", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			w := newWorld(t, db)
			served := w.live()
			c := w.at(lifecycle.Deploying)
			must(w.Cancel(w.ctx, c.ID))(t)
			d := must(w.Apply(w.ctx, w.instance.ID))(t)
			if diff := cmp.Diff(served.Image, d.Image); diff != "" {
				t.Errorf("image (-want +got)\n%s", diff)
			}
		})
	})

	t.Run("a rollback under way keeps its image and takes the new settings", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			w := newWorld(t, db)
			first := w.live()
			w.live()
			must(w.Rollback(w.ctx, first.ID))(t)
			w.change()
			d := must(w.Apply(w.ctx, w.instance.ID))(t)
			if diff := cmp.Diff(first.Image, d.Image); diff != "" || d.Settings.Port != 9000 || d.RolledBackFromID != nil {
				t.Errorf("got %+v, image (-want +got)\n%s", d, diff)
			}
		})
	})

	t.Run("the first one is deployed with the new settings", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			w := newWorld(t, db)
			first := w.request()
			w.change()
			d := must(w.Apply(w.ctx, w.instance.ID))(t)
			if d == nil || d.Settings.Port != 9000 || d.Image != nil || *w.row(first.ID).Conclusion != lifecycle.Skipped {
				t.Errorf("got %+v", d)
			}
		})
	})

	t.Run("of a repository it is the same commit", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			w := newWorld(t, db)
			w.instance = w.service("site", spec.Source{Git: &spec.GitSource{Repository: "https://git.test/shop.git", Ref: "main"}})
			order := w.order()
			order.SkipBuildCache = true
			c := must(w.Claim(w.ctx, must(w.Request(w.ctx, order))(t).ID, "worker"))(t)
			w.carry(c, lifecycle.Preparing)
			commit := spec.Commit{SHA: strings.Repeat("a", 40)}
			w.must(w.SetCommit(w.ctx, c, commit))
			w.carry(c, lifecycle.Building)
			d := must(w.Apply(w.ctx, w.instance.ID))(t)
			if d.Source.Git == nil || d.Source.Git.Commit != commit.SHA || d.Source.Git.Ref != "main" || !d.SkipBuildCache {
				t.Errorf("it builds %+v", d.Source.Git)
			}
			if d.Commit == nil || d.Commit.SHA != commit.SHA {
				t.Errorf("its commit is %+v", d.Commit)
			}
		})
	})
}
