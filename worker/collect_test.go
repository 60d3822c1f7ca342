package worker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/artifact"
	"github.com/davitdev/davit/internal/build"
	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/ident"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/logs"
	"github.com/davitdev/davit/internal/outbound"
	"github.com/davitdev/davit/internal/project"
	"github.com/davitdev/davit/internal/source"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
	"github.com/davitdev/davit/runner"
	"github.com/davitdev/davit/runner/docker"
	"github.com/davitdev/davit/runner/runnertest"
)

// A session whose time is over is no row for longer than a clean-up takes.
func TestCollectSessions(t *testing.T) {
	t.Parallel()

	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newStage(t, db)
		p := s.start()
		token := db.APIToken.Create().SetUser(db.User.Create().SetUsername("ann").SetDisplayName("Ann").SaveX(s.ctx)).
			SetName("ci").SetHash("x").SetScopes([]string{"READ"}).SaveX(s.ctx)
		var ids []string
		for n, left := range []time.Duration{-time.Minute, time.Minute} {
			row := db.LoginSession.Create().SetUserID(token.UserID).SetToken(token).SetHash(fmt.Sprint(n)).SetExpiresAt(time.Now().UTC().Add(left)).SaveX(s.ctx)
			ids = append(ids, row.ID)
		}
		if err := p.collect(s.ctx); err != nil {
			t.Fatal(err)
		}
		if left := db.LoginSession.Query().IDsX(s.ctx); len(left) != 1 || left[0] != ids[1] {
			t.Errorf("left are %v, want the second of %v", left, ids)
		}
	})
}

// builds deploys n versions of an uploaded source.
func (s *stage) builds(n int) []*ent.Deployment {
	s.t.Helper()
	var out []*ent.Deployment
	for v := range n {
		if v > 0 {
			s.upload(s.instance, map[string]string{"Dockerfile": fmt.Sprintf("FROM scratch\n# %d\n", v)})
		}
		out = append(out, s.deploy(s.instance, ""))
	}
	return out
}

// has reports whether the engine has the image of a deployment.
func (s *stage) has(d *ent.Deployment) bool {
	s.t.Helper()
	_, err := s.fake.Image(s.ctx, d.Image.ID)
	return err == nil
}

// P3: what was built or sent goes with the last deployment that can be rolled
// back to it, and nothing else goes.
func TestCollect(t *testing.T) {
	t.Parallel()

	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newStage(t, db)
		s.verbs.Kept = 2
		p := s.start()
		p.Deploy.Kept = 2
		s.instance = s.uploaded("app")
		ds := s.builds(4)
		pulled := s.deploy(s.service(s.house.version("v1", nil), nil), "")
		foreign, err := s.fake.As("another").Build(s.ctx, "davit/ins_x:dep_x", runnertest.FakeImage{Size: 77})
		if err != nil {
			t.Fatal(err)
		}
		crashed, err := s.fake.Build(s.ctx, build.Reference(s.instance.ID, ident.New(ident.Deployment)), runnertest.FakeImage{Size: 78})
		if err != nil {
			t.Fatal(err)
		}
		lost := ident.New(ident.Instance)
		if err := p.Recorder.Logs.System(s.ctx, logs.Source{Group: lost, ID: ds[0].ID}, logs.SeverityInfo, "late"); err != nil {
			t.Fatal(err)
		}
		scratch := filepath.Join(p.Builds.Scratch, ds[0].ID+"-1")
		if err := os.Mkdir(scratch, 0o700); err != nil {
			t.Fatal(err)
		}
		inUse := []string{"davit-ssh", "git-1234", "look-5678"}
		for _, name := range inUse {
			if err := os.Mkdir(filepath.Join(p.Builds.Scratch, name), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		collect := func() {
			t.Helper()
			if err := p.collect(s.ctx); err != nil {
				t.Fatal(err)
			}
		}
		collect()
		for n, d := range ds {
			if want := n >= 2; s.has(d) != want {
				t.Errorf("the image of #%d is there: %t", d.Number, !want)
			}
		}
		if !s.has(pulled) {
			t.Error("an image of a registry was removed")
		}
		if _, err := s.fake.Image(s.ctx, foreign.ID); err != nil {
			t.Error("another installation's image was removed")
		}
		if _, err := s.fake.Image(s.ctx, crashed.ID); err == nil {
			t.Error("the image of a deployment that is gone is left")
		}
		for what, path := range map[string]string{"log": filepath.Join(s.logDir, lost), "scratch": scratch} {
			if _, err := os.Stat(path); !os.IsNotExist(err) {
				t.Errorf("the %s of what is gone is left: %v", what, err)
			}
		}
		for _, name := range inUse {
			if _, err := os.Stat(filepath.Join(p.Builds.Scratch, name)); err != nil {
				t.Errorf("what is in use was removed: %v", err)
			}
		}
		if _, err := os.Stat(filepath.Join(s.logDir, s.instance.ID)); err != nil {
			t.Errorf("the log of what is there was removed: %v", err)
		}

		// All uploads are young, so that they are kept.
		if n := s.archives(); n != len(ds) {
			t.Errorf("%d archives, want %d", n, len(ds))
		}
		s.age(2 * deploy.UploadGrace)
		announced, err := s.projects.CreateUpload(s.ctx, project.NewUpload{ServiceID: s.instance.ServiceID, Filename: "late", SizeBytes: 1, SHA256: strings.Repeat("a", 64)})
		if err != nil {
			t.Fatal(err)
		}
		collect()
		if n := s.archives(); n != 2 {
			t.Errorf("%d archives, want those of the 2 deployments that are kept", n)
		}
		if n, err := db.Artifact.Query().Where(artifact.ID(announced.Artifact.ID)).Count(s.ctx); err != nil || n != 1 {
			t.Errorf("an upload that is expected was forgotten: %v", err)
		}

		_, err = s.verbs.Rollback(s.ctx, ds[1].ID)
		f, ok := errors.AsType[*fault.Error](err)
		if !ok || f.Code != fault.ImageNotKept || !strings.Contains(f.Hint, "#4, #3.") {
			t.Errorf("Rollback to what is gone: %v", err)
		}
		_, err = s.verbs.Redeploy(s.ctx, deploy.Again{DeploymentID: ds[0].ID, ReuseImage: true})
		if !fault.Is(err, fault.ImageNotKept) {
			t.Errorf("Redeploy with an image that is gone: %v", err)
		}
		_, err = s.verbs.Redeploy(s.ctx, deploy.Again{DeploymentID: ds[0].ID})
		if !fault.Is(err, fault.UploadExpired) {
			t.Errorf("Redeploy of a source that is gone: %v", err)
		}
		back, err := s.verbs.Rollback(s.ctx, ds[2].ID)
		if err != nil {
			t.Fatal(err)
		}
		if d := s.house.completed(back.ID); *d.Conclusion != lifecycle.Succeeded {
			t.Fatalf("the rollback ended as %s: %+v", *d.Conclusion, d.Failure)
		}
		s.serves(s.instance, "built "+ds[2].ID)

		op, err := s.projects.DeleteService(s.ctx, s.instance.ServiceID)
		if err != nil {
			t.Fatal(err)
		}
		s.done(op.ID)
		collect()
		if s.has(ds[2]) || s.has(ds[3]) || s.archives() != 0 {
			t.Errorf("images or %d archives of a service that is gone are left", s.archives())
		}
	})
}

// archives counts the uploads that are kept.
func (s *stage) archives() int {
	s.t.Helper()
	list, err := s.uploads.List()
	if err != nil {
		s.t.Fatal(err)
	}
	return len(list)
}

// age makes all uploads older.
func (s *stage) age(d time.Duration) {
	s.t.Helper()
	if err := s.db.Artifact.Update().SetReceivedAt(time.Now().UTC().Add(-d)).Exec(s.ctx); err != nil {
		s.t.Fatal(err)
	}
}

// What a build under way has made is nobody's yet, and stays.
func TestCollectLeavesABuildUnderWay(t *testing.T) {
	t.Parallel()

	s := newStage(t, storetest.SQLite(t))
	p := s.idle()
	s.instance = s.uploaded("app")
	d := s.request(s.instance, "")
	made, err := s.fake.Build(s.ctx, build.Reference(s.instance.ID, d.ID), runnertest.FakeImage{Size: 79})
	if err != nil {
		t.Fatal(err)
	}
	nameless := &anonymous{Fake: s.fake}
	for _, engine := range []runner.Runner{s.fake, nameless} {
		p.Runner = engine
		if err := p.collect(s.ctx); err != nil {
			t.Fatal(err)
		}
		if _, err := s.fake.Image(s.ctx, made.ID); err != nil {
			t.Error("it was removed")
		}
	}
}

// anonymous is an engine that does not know what its images were built for.
type anonymous struct{ *runnertest.Fake }

func (a *anonymous) Images(ctx context.Context) ([]runner.BuiltImage, error) {
	list, err := a.Fake.Images(ctx)
	for i := range list {
		list[i].Deployment = ""
	}
	return list, err
}

// The same with a real engine and a real builder.
func TestCollectOnDocker(t *testing.T) {
	t.Parallel()

	if os.Getenv("DOCKER_HOST") == "" && os.Getenv("CI") == "" {
		t.Skip("no Docker engine: run the tests with \"make test\"")
	}
	s := newStage(t, storetest.SQLite(t))
	engine, err := docker.New(docker.Options{Installation: s.install})
	if err != nil {
		t.Fatal(err)
	}
	p := s.idle()
	p.Runner = engine
	s.instance = s.uploaded("app")
	builder := &build.BuildKit{Dial: engine.DialBuild, DialSession: engine.DialSession, AllowHost: outbound.Policy{}.Allow, Installation: s.install, Digest: func(string) string { return "" }}
	built := func(deployment string) string {
		t.Helper()
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM scratch\nCOPY Dockerfile /\nCMD [\"/none\"]\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		tree, err := source.OpenTree(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer tree.Close()
		plan, err := build.Detect(tree.FS(), build.Options{})
		if err != nil {
			t.Fatal(err)
		}
		r, err := builder.Build(s.ctx, build.Request{Tree: tree, Plan: plan, Instance: s.instance.ID, Deployment: deployment}, silent{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = engine.RemoveImage(context.WithoutCancel(s.ctx), r.Image) })
		return r.Image
	}
	d := s.request(s.instance, "")
	kept, gone := built(d.ID), built(ident.New(ident.Deployment))
	if err := p.collect(s.ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := engine.Image(s.ctx, kept); err != nil {
		t.Errorf("what a deployment under way has built: %v", err)
	}
	if _, err := engine.Image(s.ctx, gone); err == nil {
		t.Error("what nobody needs is left")
	}
	if _, err := s.verbs.Cancel(s.ctx, d.ID); err != nil {
		t.Fatal(err)
	}
	if err := p.collect(s.ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := engine.Image(s.ctx, kept); err == nil {
		t.Error("what a canceled deployment has built is left")
	}
}

// silent is a sink that hears nothing.
type silent struct{}

func (silent) Step(build.Step)  {}
func (silent) Log([]build.Line) {}
