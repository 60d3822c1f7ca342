package worker

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/deployment"
	"github.com/davitdev/davit/ent/serviceinstance"
	"github.com/davitdev/davit/internal/build"
	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

// gate lets builds begin, and end when they are told to.
type gate struct {
	build.Builder
	begun chan string // deployment
	end   chan struct{}
}

func (g *gate) Build(ctx context.Context, req build.Request, sink build.Sink) (build.Result, error) {
	g.begun <- req.Deployment
	select {
	case <-g.end:
	case <-ctx.Done():
		return build.Result{}, context.Cause(ctx)
	}
	return g.Builder.Build(ctx, req, sink)
}

// building is the build of a deployment.
func (h *house) building(d *ent.Deployment) *ent.Build {
	h.t.Helper()
	b, err := h.db.Deployment.Query().Where(deployment.ID(d.ID)).QueryBuild().Only(h.ctx)
	if err != nil && !ent.IsNotFound(err) {
		h.t.Fatal(err)
	}
	return b
}

func TestBuildsWaitForASlotInOrder(t *testing.T) {
	t.Parallel()

	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newStage(t, db)
		g := &gate{Builder: s.builder, begun: make(chan string), end: make(chan struct{})}
		s.builder = g
		p := s.start()
		var all []*ent.Deployment
		waits := func(d *ent.Deployment, ahead int) func() bool {
			return func() bool {
				b := s.building(d)
				return b != nil && b.Status == lifecycle.BuildQueued && b.Ahead == ahead
			}
		}
		for n := range 5 {
			d := s.request(s.uploaded(fmt.Sprint("app ", n)), "")
			all = append(all, d)
			if n < 2 {
				if got := <-g.begun; got != d.ID {
					t.Fatalf("%s began, want %s", got, d.ID)
				}
				continue
			}
			s.until(fmt.Sprintf("build %d waits behind %d", n, n-2), waits(d, n-2))
		}
		image := s.deploy(s.service("registry.test/app:v1", nil), s.house.version("image", nil))
		if *image.Conclusion != lifecycle.Succeeded {
			t.Errorf("what needs no build waited for builds: %+v", image.Failure)
		}
		if said := strings.Join(p.output(all[3], "SYSTEM"), "\n"); !strings.Contains(said, "Waiting: 2 builds run at a time, and 1 wait before this one.") {
			t.Errorf("it does not say why it waits: %s", said)
		}
		if _, err := s.verbs.Cancel(s.ctx, all[3].ID); err != nil {
			t.Fatal(err)
		}
		if d := s.house.completed(all[3].ID); *d.Conclusion != lifecycle.Canceled {
			t.Errorf("one that waits and is canceled ends as %s", *d.Conclusion)
		}
		for _, next := range []int{2, 4} {
			g.end <- struct{}{}
			if got := <-g.begun; got != all[next].ID {
				t.Fatalf("%s began, want %s", got, all[next].ID)
			}
		}
		g.end <- struct{}{}
		g.end <- struct{}{}
		for _, n := range []int{0, 1, 2, 4} {
			if d := s.house.completed(all[n].ID); *d.Conclusion != lifecycle.Succeeded {
				t.Errorf("build %d ended as %s: %+v", n, *d.Conclusion, d.Failure)
			}
		}
		s.until("no source is left", func() bool { // it goes right after the row says that all is done
			left, err := os.ReadDir(p.Builds.Scratch)
			return err == nil && len(left) == 0
		})
	})
}

func TestTheSameSourceAndSettingsAreNotBuiltTwice(t *testing.T) {
	t.Parallel()

	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newStage(t, db)
		p := s.start()
		i := s.uploaded("app")
		first := s.deploy(i, "")
		again := func(o deploy.Order) *ent.Deployment {
			t.Helper()
			o.InstanceID, o.Trigger = i.ID, lifecycle.Manual
			d, err := s.verbs.Request(s.ctx, o)
			if err != nil {
				t.Fatal(err)
			}
			if d = s.house.completed(d.ID); *d.Conclusion != lifecycle.Succeeded {
				t.Fatalf("it ended as %s: %+v", *d.Conclusion, d.Failure)
			}
			return d
		}
		set := func(change func(*spec.Settings)) {
			t.Helper()
			settings := s.house.instance(i).Settings
			change(&settings)
			if err := s.db.ServiceInstance.Update().Where(serviceinstance.ID(i.ID)).SetSettings(settings).Exec(s.ctx); err != nil {
				t.Fatal(err)
			}
		}
		set(func(c *spec.Settings) {
			c.DrainTimeout, c.Resources.MemoryBytes, c.TimeZone = 1e9, 64<<20, "Europe/Berlin"
		})
		d := again(deploy.Order{})
		if s.building(d) != nil || d.Image.ID != first.Image.ID {
			t.Errorf("it was built again: %+v", d.Image)
		}
		s.serves(i, "built "+first.ID)
		if said := strings.Join(p.output(d, "SYSTEM"), "\n"); !strings.Contains(said, "those of deployment #1: its image is used again") {
			t.Errorf("it does not say so: %s", said)
		}
		anew := again(deploy.Order{SkipBuildCache: true})
		if s.building(anew) == nil {
			t.Error("asked for a new build, it used the old one")
		}
		set(func(c *spec.Settings) { c.BuildArgs = []spec.KeyValue{{Key: "A", Value: "1"}} })
		if d = again(deploy.Order{}); s.building(d) == nil {
			t.Error("with other settings it was not built")
		}
		s.upload(i, map[string]string{"Dockerfile": "FROM scratch\n# another\n"})
		if d = again(deploy.Order{}); s.building(d) == nil {
			t.Error("another source was not built")
		}
		set(func(c *spec.Settings) { c.BuildArgs = nil })
		for _, id := range []string{first.Image.ID, anew.Image.ID} {
			if err := s.fake.RemoveImage(s.ctx, id); err != nil {
				t.Fatal(err)
			}
		}
		if d = again(deploy.Order{ArtifactID: first.Source.Upload.ArtifactID}); s.building(d) == nil {
			t.Error("its image is gone, and was not built again")
		}
		for skip, want := range map[bool]bool{false: false, true: true} {
			d, err := s.verbs.Redeploy(s.ctx, deploy.Again{DeploymentID: anew.ID, SkipBuildCache: skip})
			if err != nil {
				t.Fatal(err)
			}
			if d = s.house.completed(d.ID); *d.Conclusion != lifecycle.Succeeded || (s.building(d) != nil) != want || d.SkipBuildCache != want {
				t.Errorf("redeployed, skipping the cache %t, it ended as %s and was built %t", skip, *d.Conclusion, s.building(d) != nil)
			}
		}
	})
}

func TestABuildWithoutSpaceFailsBeforeItBegins(t *testing.T) {
	t.Parallel()

	s := newStage(t, storetest.SQLite(t))
	p := s.idle()
	d := s.request(s.uploaded("app"), "")
	free := []int64{1 << 20, 2 << 20, 1 << 20, 1 << 40}
	p.Builds.Space = func(context.Context) (int64, error) {
		n := free[0]
		free = free[1:]
		return n, nil
	}
	c := &deploy.Claim{ID: d.ID, Row: d}
	if err := p.makeSpace(s.ctx, c, minSpace); !fault.Is(err, fault.DiskFull) || !strings.Contains(err.Error(), "Only 2 MB are free") {
		t.Errorf("it fails with %v", err)
	}
	if err := p.makeSpace(s.ctx, c, minSpace); err != nil {
		t.Errorf("after the clean-up made space: %v", err)
	}
	free = []int64{1 << 20, 1 << 40, 1 << 20, 2 << 20}
	p.Builds.Scratch = filepath.Join(t.TempDir(), "gone") // as if its disk took nothing
	if err := p.collect(s.ctx); err == nil {
		t.Error("all was cleaned up")
	}
	if err := p.makeSpace(s.ctx, c, minSpace); err != nil {
		t.Errorf("after a clean-up that made space and failed: %v", err)
	}
	if err := p.makeSpace(s.ctx, c, minSpace); !fault.Is(err, fault.DiskFull) {
		t.Errorf("after a clean-up that failed: %v", err)
	}
}

// hoard is a builder with a cache.
type hoard struct {
	build.Builder
	bytes, asked int64
}

func (h *hoard) Prune(_ context.Context, bytes int64) (int64, error) {
	removed := min(bytes, h.bytes)
	h.asked, h.bytes = bytes, h.bytes-removed
	return removed, nil
}

func TestTheBuildCacheGoesBeforeABuildFails(t *testing.T) {
	t.Parallel()

	s := newStage(t, storetest.SQLite(t))
	p := s.idle()
	d := s.request(s.uploaded("app"), "")
	cache := &hoard{bytes: 3 << 30}
	p.Builds.Builder = cache
	p.Builds.Space = func(context.Context) (int64, error) { return 3<<30 + 512<<20 - cache.bytes, nil }
	c := &deploy.Claim{ID: d.ID, Row: d}
	if err := p.makeSpace(s.ctx, c, minSpace); err != nil || cache.bytes != 3<<29 {
		t.Errorf("it fails with %v, and %d MB of the cache are left", err, cache.bytes>>20)
	}
	if err := p.makeSpace(s.ctx, c, minSpace); err != nil || cache.bytes != 3<<29 {
		t.Errorf("with space there is: %v, and %d MB of the cache are left", err, cache.bytes>>20)
	}
	if err := p.makeSpace(s.ctx, c, 4<<30); !fault.Is(err, fault.DiskFull) || cache.bytes != 0 {
		t.Errorf("there is not enough, and it says %v, with %d MB of the cache left", err, cache.bytes>>20)
	}
}

func TestWaitingSourcesHaveABound(t *testing.T) {
	t.Parallel()

	s := newStage(t, storetest.SQLite(t))
	g := &gate{Builder: s.builder, begun: make(chan string), end: make(chan struct{})}
	s.builder = g
	p := s.idle()
	p.Builds.waiting.of("dep_huge").size = maxWaiting
	if !p.Builds.waiting.wait("dep_huge", "somewhere", 0) || !p.Builds.waiting.kept("dep_huge") {
		t.Fatal("what just fits is not kept")
	}
	p.work()
	var all []*ent.Deployment
	for n := range 3 {
		all = append(all, s.request(s.uploaded(fmt.Sprint("app ", n)), ""))
		if n < 2 {
			<-g.begun
		}
	}
	s.until("one waits, and its source is gone", func() bool {
		b := s.building(all[2])
		left, err := os.ReadDir(p.Builds.Scratch)
		return err == nil && b != nil && b.Status == lifecycle.BuildQueued && len(left) == 2
	})
	g.end <- struct{}{}
	if got := <-g.begun; got != all[2].ID {
		t.Fatalf("%s began, want %s", got, all[2].ID)
	}
	g.end <- struct{}{}
	g.end <- struct{}{}
	for n, d := range all {
		if d := s.house.completed(d.ID); *d.Conclusion != lifecycle.Succeeded {
			t.Errorf("build %d ended as %s: %+v", n, *d.Conclusion, d.Failure)
		}
	}
	if said := strings.Count(strings.Join(p.output(all[2], "SYSTEM"), "\n"), "Waiting: "); said != 1 {
		t.Errorf("it says %d times that it waits", said)
	}
	p.Builds.waiting.forget("dep_huge")
	s.until("no build is remembered", func() bool {
		p.Builds.waiting.mu.Lock()
		defer p.Builds.waiting.mu.Unlock()
		return len(p.Builds.waiting.byID) == 0
	})
}

func TestASourceIsUnpackedOnlyWhereThereIsRoom(t *testing.T) {
	t.Parallel()

	s := newStage(t, storetest.SQLite(t))
	p := s.idle()
	d := s.request(s.uploaded("app"), "")
	p.Builds.Space = func(context.Context) (int64, error) { return minSpace, nil } // for a build, and nothing else
	if tree, err := p.fetch(s.ctx, &deploy.Claim{ID: d.ID, Row: d}); !fault.Is(err, fault.DiskFull) {
		t.Errorf("it was unpacked: %v, %v", tree, err)
	}
	if left, err := os.ReadDir(p.Builds.Scratch); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}
