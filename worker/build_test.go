package worker

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/internal/build"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/project"
	"github.com/davitdev/davit/internal/source"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
	"github.com/davitdev/davit/runner/runnertest"
)

// fakeBuilder makes images on the fake engine, and sites, which answer with
// "built" and the id of their deployment.
type fakeBuilder struct {
	house *house
	mu    sync.Mutex
	req   build.Request
	fails error // how every build ends, unless nil
}

// last is what was built last.
func (b *fakeBuilder) last() build.Request {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.req
}

func (b *fakeBuilder) Build(ctx context.Context, req build.Request, sink build.Sink) (build.Result, error) {
	b.mu.Lock()
	b.req = req
	fails := b.fails
	b.mu.Unlock()
	if fails != nil {
		return build.Result{}, fails
	}
	now := time.Now()
	sink.Step(build.Step{ID: "1", Name: "the only one", StartedAt: now})
	sink.Log([]build.Line{{Step: "1", Stream: build.Stdout, Time: now, Text: "building"}})
	sink.Step(build.Step{ID: "1", Name: "the only one", StartedAt: now, FinishedAt: now})
	if req.Export != nil {
		var files bytes.Buffer
		tw := tar.NewWriter(&files)
		text := "built " + req.Deployment
		err := tw.WriteHeader(&tar.Header{Name: "index.html", Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(text))})
		if err == nil {
			_, err = tw.Write([]byte(text))
		}
		if err = errors.Join(err, tw.Close()); err == nil {
			err = req.Export(&files)
		}
		return build.Result{Platform: "linux/amd64", CacheHit: true}, err
	}
	ref := "davit/" + req.Instance + ":" + req.Deployment
	image, err := b.house.fake.Build(ctx, ref, runnertest.FakeImage{Env: map[string]string{"APP_VERSION": "built " + req.Deployment}})
	return build.Result{Image: image.ID, Reference: ref, Platform: "linux/amd64"}, err
}

// upload sends files as the source of an instance's service.
func (h *house) upload(i *ent.ServiceInstance, files map[string]string) *ent.Artifact {
	h.t.Helper()
	dir := h.t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			h.t.Fatal(err)
		}
	}
	var archive bytes.Buffer
	if _, err := source.Pack(h.ctx, dir, &archive, source.PackOptions{}); err != nil {
		h.t.Fatal(err)
	}
	sum := sha256.Sum256(archive.Bytes())
	in := project.NewUpload{ServiceID: i.ServiceID, Filename: "src.tar.gz", SizeBytes: int64(archive.Len()), SHA256: hex.EncodeToString(sum[:])}
	up, err := h.projects.CreateUpload(h.ctx, in)
	if err != nil {
		h.t.Fatal(err)
	}
	if _, err := h.uploads.Receive(h.ctx, &archive, in.SHA256, in.SizeBytes, source.Limits{}); err != nil {
		h.t.Fatal(err)
	}
	a, err := h.projects.ReceiveUpload(h.ctx, up.Artifact.ID)
	if err != nil {
		h.t.Fatal(err)
	}
	return a
}

func TestBuild(t *testing.T) {
	t.Parallel()

	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newStage(t, db)
		p := s.start()
		i := s.uploaded("app")
		d := s.deploy(i, "")
		s.serves(i, "built "+d.ID)
		b, err := d.QueryBuild().Only(s.ctx)
		if err != nil || b.Status != lifecycle.BuildSucceeded || len(b.Steps) != 1 || b.Steps[0].FinishedAt == nil {
			t.Errorf("its build is %+v, %v", b, err)
		}
		if said := p.output(d, "BUILD"); len(said) != 1 || said[0] != "building" {
			t.Errorf("its log says %q", said)
		}
		s.until("nothing is left of its source", func() bool { // which goes after its end is written
			left, err := os.ReadDir(p.Builds.Scratch)
			return err == nil && len(left) == 0
		})
	})
}

// The row of a build that had no end says so, beside the failure of its
// deployment.
func TestABuildThatTakesTooLong(t *testing.T) {
	t.Parallel()

	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h := newHouse(t, db)
		h.builder = &fakeBuilder{house: h, fails: fault.New(fault.BuildTimeout, "The build took longer than a minute.").WithHint("Make it end sooner.")}
		h.start()
		i := h.service("", func(n *project.NewService) { n.Source = spec.Source{Upload: &spec.UploadSource{}} })
		h.upload(i, map[string]string{"Dockerfile": "FROM scratch\n"})
		d := h.completed(h.request(i, "").ID)
		if f := d.Failure; *d.Conclusion != lifecycle.Failed || f == nil || f.Code != fault.BuildTimeout || f.Domain != fault.User || *f.Phase != lifecycle.PhaseBuild || f.Hint == nil {
			t.Errorf("it ended as %s: %+v", *d.Conclusion, f)
		}
		if b := d.QueryBuild().OnlyX(h.ctx); b.Status != lifecycle.BuildTimedOut || b.Failure == nil || b.FinishedAt == nil {
			t.Errorf("its build is %+v", b)
		}
	})
}
