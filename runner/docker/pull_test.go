package docker_test

import (
	"context"
	"errors"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/moby/moby/client"

	"github.com/davitdev/davit/runner"
	"github.com/davitdev/davit/runner/docker"
)

// puller is an engine and a registry it can reach.
type puller struct {
	*docker.Engine
	t   *testing.T
	api *client.Client
	reg *registryServer
}

func newPuller(t *testing.T) *puller {
	t.Helper()
	return &puller{Engine: newEngine(t, "docker-pull"), t: t, api: engine(t), reg: newRegistry(t)}
}

// forgetLater removes an image in the end.
func (p *puller) forgetLater(ref string) {
	p.t.Cleanup(func() {
		_, _ = p.api.ImageRemove(context.WithoutCancel(p.t.Context()), ref, client.ImageRemoveOptions{Force: true, PruneChildren: true})
	})
}

func TestPull(t *testing.T) {
	p := newPuller(t)
	ref := p.reg.host + "/app:v1"
	want := p.reg.push("app:v1", runtime.GOARCH, slices.Concat([]byte("one"), make([]byte, 4<<20)))
	p.forgetLater(ref)

	var told []runner.Progress
	img, err := p.Pull(t.Context(), ref, nil, func(s runner.Progress) { told = append(told, s) })
	if err != nil {
		t.Fatal(err)
	}
	if img.Digest != want || img.User != "1000" || !slices.Equal(img.Ports, []int{9000}) || !slices.Equal(img.Cmd, []string{"/tool", "sleep"}) || img.Local != "" {
		t.Errorf("%+v, want digest %s", img, want)
	}
	p.forgetLater(img.ID) // when the tag has moved
	for _, s := range told {
		if s.Current > s.Total || s.Total > 5<<20 {
			t.Errorf("progress %+v", s)
		}
	}
	t.Run("a second time it is the same", func(t *testing.T) {
		again, err := p.Pull(t.Context(), ref, nil, nil)
		if err != nil || again.ID != img.ID || again.Digest != want {
			t.Errorf("%+v, %v", again, err)
		}
	})
	t.Run("a tag that moved is followed", func(t *testing.T) {
		moved := p.reg.push("app:v1", runtime.GOARCH, []byte("two"))
		again, err := p.Pull(t.Context(), ref, nil, nil)
		if err != nil || again.ID == img.ID || again.Digest != moved {
			t.Errorf("%+v, %v", again, err)
		}
	})
	t.Run("a digest that is here needs no registry that is away", func(t *testing.T) {
		p.reg.Close()
		again, err := p.Pull(t.Context(), p.reg.host+"/app@"+want, nil, nil)
		if err != nil || again.ID != img.ID || again.Digest != want || again.Local != "" {
			t.Errorf("%+v, %v", again, err)
		}
	})
	t.Run("a pulled image is not taken without its registry", func(t *testing.T) {
		_, err := p.Pull(t.Context(), ref, nil, nil)
		if !errors.Is(err, runner.ErrRegistry) {
			t.Errorf("%v: it may have been pulled with somebody else's password", err)
		}
	})
}

func TestPullFailsAsItShould(t *testing.T) {
	p := newPuller(t)
	other := map[string]string{"amd64": "arm64"}[runtime.GOARCH]
	if other == "" {
		other = "amd64"
	}
	p.reg.push("app:other", other, []byte("x"))
	private := newRegistry(t)
	private.login = true
	sum := private.push("app:v1", runtime.GOARCH, []byte("private"))
	p.forgetLater(p.reg.host + "/app:other")
	p.forgetLater(private.host + "/app:v1")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := ln.Addr().String()
	ln.Close()

	right, wrong := &runner.Credential{Username: user, Password: secret}, &runner.Credential{Username: user, Password: "wrong"}
	tests := []struct {
		name, ref string
		cred      *runner.Credential
		want      error
	}{
		{"an unknown tag", p.reg.host + "/app:nope", nil, runner.ErrImageNotFound},
		{"an unknown repository", p.reg.host + "/nope", nil, runner.ErrImageNotFound},
		{"an unknown digest", p.reg.host + "/app@sha256:" + strings.Repeat("0", 64), nil, runner.ErrImageNotFound},
		{"no login", private.host + "/app:v1", nil, runner.ErrImageUnauthorized},
		{"a wrong login", private.host + "/app:v1", wrong, runner.ErrImageUnauthorized},
		{"the right login", private.host + "/app:v1", right, nil},
		{"no login, once the image is here", private.host + "/app:v1", nil, runner.ErrImageUnauthorized},
		{"the right login, by digest", private.host + "/app@" + sum, right, nil},
		{"no login, by digest", private.host + "/app@" + sum, nil, runner.ErrImageUnauthorized},
		{"no login, by tag and digest", private.host + "/app:v1@" + sum, nil, runner.ErrImageUnauthorized},
		{"another platform", p.reg.host + "/app:other", nil, runner.ErrImageUnsupported},
		{"a broken registry", p.reg.host + "/broken/app", nil, runner.ErrRegistry},
		{"no registry", nobody + "/app", nil, runner.ErrRegistry},
		{"an option", "--help", nil, runner.ErrImageNotFound},
		{"a path", "../../etc/passwd", nil, runner.ErrImageNotFound},
		{"a URL", "http://127.0.0.1/app", nil, runner.ErrImageNotFound},
		{"a query", "app?fromSrc=http://127.0.0.1", nil, runner.ErrImageNotFound},
		{"an ID", strings.Repeat("0", 64), nil, runner.ErrImageNotFound},
		{"nothing", "", nil, runner.ErrImageNotFound},
		{"a reserved name", "scratch", nil, runner.ErrImageNotFound},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := p.Pull(t.Context(), tt.ref, tt.cred, nil)
			if !errors.Is(err, tt.want) {
				t.Errorf("%v, want %v", err, tt.want)
			}
			if err != nil && (strings.Contains(err.Error(), secret) || errors.Is(err, runner.ErrUnavailable)) {
				t.Errorf("it says %v", err)
			}
		})
	}
}

func TestPullTakesWhatSomebodyMadeHere(t *testing.T) {
	p := newPuller(t)
	tool := map[string][]byte{"tool": []byte("x")}
	unknown, away := p.reg.host+"/made-here:v1", "127.0.0.1:1/made-here:v1"
	id := importImage(t, p.api, unknown, tool, `CMD ["/tool"]`)
	if _, err := p.api.ImageTag(t.Context(), client.ImageTagOptions{Source: id, Target: away}); err != nil {
		t.Fatal(err)
	}
	for ref, says := range map[string]string{unknown: "does not have it", away: "does not answer"} {
		img, err := p.Pull(t.Context(), ref, nil, nil)
		if err != nil || img.ID != id || img.Digest != "" || !strings.Contains(img.Local, says) {
			t.Errorf("%s: %+v, %v", ref, img, err)
		}
	}
	// What Davit built belongs to a project.
	built := p.reg.host + "/built-here:v1"
	importImage(t, p.api, built, tool, `CMD ["/tool"]`, "LABEL davit.installation=any")
	if img, err := p.Pull(t.Context(), built, nil, nil); !errors.Is(err, runner.ErrImageNotFound) {
		t.Errorf("%+v, %v", img, err)
	}
}

func TestRemoveImageLeavesNoName(t *testing.T) {
	p := newPuller(t)
	ref := p.reg.host + "/gone:v1"
	id := importImage(t, p.api, ref, map[string][]byte{"tool": []byte("x")}, `CMD ["/tool"]`)
	for range 2 {
		if err := p.RemoveImage(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{id, ref} {
		if _, err := p.Image(t.Context(), name); !errors.Is(err, runner.ErrImageNotFound) {
			t.Errorf("Image(%s): %v", name, err)
		}
	}
}

// The registries of test/services answer in the words of a real one.
func TestPullFromRealRegistries(t *testing.T) {
	open, closed := os.Getenv("TEST_REGISTRY"), os.Getenv("TEST_REGISTRY_AUTH")
	if open == "" || closed == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("TEST_REGISTRY and TEST_REGISTRY_AUTH are not set; use test/services run")
		}
		t.Skip("TEST_REGISTRY and TEST_REGISTRY_AUTH are not set")
	}
	api := engine(t)
	p := &puller{Engine: newEngine(t, "docker-pull"), t: t, api: api}
	login := &runner.Credential{Username: os.Getenv("TEST_REGISTRY_USER"), Password: os.Getenv("TEST_REGISTRY_PASSWORD")}
	for _, tt := range []struct {
		ref  string
		cred *runner.Credential
		want error
	}{
		{open + "/davit-test/app:v1", nil, nil},
		{open + "/davit-test/app:nope", nil, runner.ErrImageNotFound},
		{open + "/nope/nope", nil, runner.ErrImageNotFound},
		{closed + "/davit-test/app:v1", login, nil},
		{closed + "/davit-test/app:v1", nil, runner.ErrImageUnauthorized},
		{closed + "/davit-test/app:v1", &runner.Credential{Username: login.Username, Password: "wrong"}, runner.ErrImageUnauthorized},
		{closed + "/davit-test/app:nope", login, runner.ErrImageNotFound},
	} {
		img, err := p.Pull(t.Context(), tt.ref, tt.cred, nil)
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.ref, err, tt.want)
		}
		if err == nil && (!strings.HasPrefix(img.Digest, "sha256:") || len(img.Cmd) == 0 || img.Local != "") {
			t.Errorf("%s: %+v", tt.ref, img)
		}
	}
}
