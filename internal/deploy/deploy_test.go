package deploy

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/davitdev/davit/ent/deployment"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/ident"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/principal"
	"github.com/davitdev/davit/internal/project"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

func TestRequest(t *testing.T) {
	t.Parallel()

	t.Run("those who ask at once get dense numbers, and under SUPERSEDE only the newest waits", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			w := newWorld(t, db)
			const n = 12
			var wg sync.WaitGroup
			for range n {
				wg.Go(func() {
					if _, err := w.Request(w.ctx, w.order()); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			rows := must(w.DB.Deployment.Query().Order(deployment.ByNumber()).All(w.ctx))(t)
			if len(rows) != n {
				t.Fatalf("%d rows, want %d", len(rows), n)
			}
			for i, d := range rows {
				if d.Number != i+1 {
					t.Errorf("#%d is at place %d", d.Number, i+1)
				}
				last := i == n-1
				if waits := d.Status == lifecycle.Queued; waits != last {
					t.Errorf("#%d is %s", d.Number, d.Status)
				}
				if !last && (d.Conclusion == nil || *d.Conclusion != lifecycle.Skipped || d.Failure.Code != fault.Superseded) {
					t.Errorf("#%d ended as %v: %+v", d.Number, d.Conclusion, d.Failure)
				}
			}
		})
	})

	t.Run("a retry with its key makes nothing new, and the key serves nothing else", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			w := newWorld(t, db)
			ctx := principal.WithIdempotencyKey(w.ctx, "key")
			var ids [6]string
			var wg sync.WaitGroup
			for i := range ids {
				wg.Go(func() {
					d, err := w.Request(ctx, w.order())
					if err != nil {
						t.Error(err)
						return
					}
					ids[i] = d.ID
				})
			}
			wg.Wait()
			if slices.ContainsFunc(ids[:], func(id string) bool { return id != ids[0] }) {
				t.Errorf("one key made %v", ids)
			}
			other := w.order()
			other.SkipBuildCache = true
			_, err := w.Request(ctx, other)
			wantFault(t, "another request", err, fault.IdempotencyKeyReused)
			_, err = w.Redeploy(ctx, Again{DeploymentID: ids[0]})
			wantFault(t, "another mutation", err, fault.IdempotencyKeyReused)
			if n := must(w.DB.Deployment.Query().Count(w.ctx))(t); n != 1 {
				t.Errorf("%d deployments", n)
			}
		})
	})

	t.Run("what cannot be deployed is refused, and leaves no row", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			w := newWorld(t, db)
			empty := w.service("empty", spec.Source{Upload: &spec.UploadSource{}})
			announced := must(w.projects.CreateUpload(w.ctx, project.NewUpload{
				ServiceID: empty.ServiceID, Filename: "src.tar.gz", SizeBytes: 9, SHA256: strings.Repeat("a", 64),
			}))(t).Artifact
			nul, long := "a\x00b", strings.Repeat("x", maxMessage+1)
			for what, tt := range map[string]struct {
				order Order
				code  fault.Code
			}{
				"no such instance":           {Order{InstanceID: ident.New(ident.Instance)}, fault.NotFound},
				"an id of another kind":      {Order{InstanceID: w.project.ID}, fault.NotFound},
				"an image and an artifact":   {Order{InstanceID: w.instance.ID, Image: "a", ArtifactID: announced.ID}, fault.Invalid},
				"what is no image":           {Order{InstanceID: w.instance.ID, Image: "--help"}, fault.Invalid},
				"a message with a NUL":       {Order{InstanceID: w.instance.ID, Message: &nul}, fault.Invalid},
				"a message too long":         {Order{InstanceID: w.instance.ID, Message: &long}, fault.Invalid},
				"nothing to deploy":          {Order{InstanceID: empty.ID}, fault.SourceMissing},
				"an upload not yet sent":     {Order{InstanceID: empty.ID, ArtifactID: announced.ID}, fault.Conflict},
				"another service's artifact": {Order{InstanceID: w.instance.ID, ArtifactID: announced.ID}, fault.NotFound},
				"no such artifact":           {Order{InstanceID: empty.ID, ArtifactID: ident.New(ident.Artifact)}, fault.NotFound},
			} {
				tt.order.Trigger = lifecycle.API
				_, err := w.Request(w.ctx, tt.order)
				wantFault(t, what, err, tt.code)
			}
			must(w.projects.DeleteService(w.ctx, w.instance.ServiceID))(t)
			_, err := w.Request(w.ctx, w.order())
			wantFault(t, "a service that is being deleted", err, fault.Conflict)
			if n := must(w.DB.Deployment.Query().Count(w.ctx))(t); n != 0 {
				t.Errorf("%d deployments", n)
			}
		})
	})
}

// What a newer deployment does to an older one, by the older one's status.
func TestANewerDeployment(t *testing.T) {
	t.Parallel()

	for _, policy := range []lifecycle.Policy{lifecycle.Supersede, lifecycle.InOrder} {
		for _, status := range reached {
			t.Run(string(policy)+" one that is "+string(status), func(t *testing.T) {
				t.Parallel()
				storetest.Each(t, func(t *testing.T, db *store.DB) {
					w := newWorld(t, db)
					if policy == lifecycle.InOrder {
						w.inOrder()
					}
					c := w.at(status)
					before := w.row(c.ID)
					w.request()
					after := w.row(c.ID)
					switch {
					case policy == lifecycle.Supersede && status == lifecycle.Queued:
						if after.Conclusion == nil || *after.Conclusion != lifecycle.Skipped {
							t.Errorf("it ended as %v", after.Conclusion)
						}
						wantError(t, "its worker", w.Begin(w.ctx, c, 0), ErrOvertaken)
					case policy == lifecycle.Supersede && (status == lifecycle.Preparing || status == lifecycle.Building):
						if after.Status != status || after.CancelReason == nil || *after.CancelReason != string(fault.Superseded) {
							t.Errorf("it is %s, to stop for %v", after.Status, after.CancelReason)
						}
						if stop, err := w.Renew(w.ctx, c); err != nil || stop != fault.Superseded {
							t.Errorf("its worker is told %q, %v", stop, err)
						}
					default:
						if after.Status != before.Status || after.CancelReason != nil || after.Epoch != before.Epoch || after.IsActive != before.IsActive {
							t.Errorf("it was %+v, is %+v", before, after)
						}
					}
				})
			})
		}
	}
}
