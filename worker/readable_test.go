package worker

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/davitdev/davit/internal/build"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/ident"
	"github.com/davitdev/davit/internal/outbound"
	"github.com/davitdev/davit/internal/source"
	"github.com/davitdev/davit/internal/store/storetest"
	"github.com/davitdev/davit/runner"
	"github.com/davitdev/davit/runner/docker"
	"github.com/davitdev/davit/runner/runnertest"
)

// What one workspace pulled with its password is on the machine, and nobody
// else's.
func TestABuildIsNotMadeOfWhatAnotherWorkspacePulled(t *testing.T) {
	t.Parallel()

	closed := os.Getenv("TEST_REGISTRY_AUTH")
	if closed == "" || os.Getenv("DOCKER_HOST") == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("TEST_REGISTRY_AUTH and DOCKER_HOST are not set; use test/services run")
		}
		t.Skip("TEST_REGISTRY_AUTH and DOCKER_HOST are not set")
	}
	s := newStage(t, storetest.SQLite(t))
	engine, err := docker.New(docker.Options{Installation: s.install})
	if err != nil {
		t.Fatal(err)
	}
	p := s.idle()
	p.Runner = engine
	owner, other := s.project.WorkspaceID, ident.New(ident.Workspace)
	login := &runner.Credential{Username: os.Getenv("TEST_REGISTRY_USER"), Password: os.Getenv("TEST_REGISTRY_PASSWORD")}
	if _, err := s.projects.PutRegistryCredential(s.ctx, owner, closed, login.Username, login.Password); err != nil {
		t.Fatal(err)
	}
	name := closed + "/davit-test/app"
	image, err := engine.Pull(s.ctx, name+":v1", login, nil)
	if err != nil {
		t.Fatal(err)
	}
	builder := &build.BuildKit{Dial: engine.DialBuild, DialSession: engine.DialSession, AllowHost: outbound.Policy{}.Allow, Installation: s.install, Digest: func(string) string { return "" }}
	built := func(workspace, text string) error {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(text+"\nCOPY Dockerfile /\n"), 0o600); err != nil {
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
		r, err := builder.Build(s.ctx, build.Request{
			Tree: tree, Plan: plan, Instance: ident.New(ident.Instance), Deployment: ident.New(ident.Deployment),
			Readable: func(ctx context.Context, image string) error { return p.readable(ctx, workspace, image) },
		}, silent{})
		if err == nil {
			t.Cleanup(func() { _ = engine.RemoveImage(context.WithoutCancel(s.ctx), r.Image) })
		}
		return err
	}
	for _, text := range []string{
		"FROM " + name + ":v1", "FROM " + name + "@" + image.Digest, "FROM " + name + ":v1@" + image.Digest, "FROM scratch\nCOPY --from=" + name + ":v1 / /",
	} {
		if err := built(other, text); !fault.Is(err, fault.ImageUnauthorized) {
			t.Errorf("%s, for another workspace: %v", text, err)
		}
		if err := built(owner, text); err != nil {
			t.Errorf("%s, for the one that pulled it: %v", text, err)
		}
	}
	if err := built(other, "FROM debian:bookworm-slim"); err != nil {
		t.Errorf("an image that is everybody's: %v", err)
	}
}

func TestWithoutTheRegistryWhatIsHereIsForThoseWhoAloneOpenIt(t *testing.T) {
	t.Parallel()

	s := newStage(t, storetest.SQLite(t))
	p := s.idle()
	const mine, nobodys = "mine.test/app:v1", "nobodys.test/app:v1"
	for _, image := range []string{mine, nobodys} {
		s.fake.SetImage(image, runnertest.FakeImage{PullErr: runner.ErrRegistry})
	}
	owner, other := s.project.WorkspaceID, ident.New(ident.Workspace)
	if _, err := s.projects.PutRegistryCredential(s.ctx, owner, "mine.test", "bot", "hunter2"); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		workspace, image string
		want             error
	}{{owner, mine, nil}, {other, mine, runner.ErrRegistry}, {owner, nobodys, nil}, {other, nobodys, nil}} {
		if err := p.readable(s.ctx, tt.workspace, tt.image); !errors.Is(err, tt.want) {
			t.Errorf("%s of %s: %v, want %v", tt.image, tt.workspace, err, tt.want)
		}
	}
	s.fake.SetImage(nobodys, runnertest.FakeImage{PullErr: runner.ErrImageUnauthorized})
	if err := p.readable(s.ctx, owner, nobodys); !errors.Is(err, runner.ErrImageUnauthorized) {
		t.Errorf("a registry that refuses: %v", err)
	}
}
