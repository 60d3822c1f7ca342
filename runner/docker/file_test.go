package docker_test

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moby/moby/client"

	"github.com/davitdev/davit/runner"
)

// fileImage has an account, a link into itself, and links that try to leave.
func (p *place) fileImage(tool []byte, outside string, settings ...string) string {
	p.t.Helper()
	return importLinked(p.t, p.api, "", map[string][]byte{
		"tool": tool, "data/there": []byte("there"), strings.TrimPrefix(outside, "/") + "/there": nil,
		"etc/passwd": []byte("root:x:0:0::/:\napp:x:1234:567::/:\n"), "etc/group": []byte("root:x:0:\nstaff:x:89:app\n"),
	}, map[string]string{
		"etc/app": "/data", "etc/config": "../data/there", "out": strings.Repeat("../", 20) + outside, "abs": outside, "nowhere": "/no/such",
	}, append(settings, `CMD ["/tool", "sleep"]`)...)
}

func TestFilesBelongToTheUserOfTheImage(t *testing.T) {
	p := newPlace(t)
	tool := program(t, "testdata/tool")
	for account, want := range map[string]string{
		"app:staff": "1234:89", "1234": "1234:567", "4321": "4321:0", "4321:8": "4321:8",
	} {
		name := p.run(runner.Spec{
			Image:   p.fileImage(tool, "none", "USER "+account),
			Files:   []runner.File{{Path: "/etc/conf/deep/secret", Mode: 0o400, Content: "hunter2"}, {Path: "/run", Mode: 0o751}},
			Command: []string{"/tool", "stat", "/etc/conf/deep/secret", "/run", "/etc", "/etc/conf", "/etc/conf/deep"},
		})
		p.ended(name)
		if got, want := p.text(name, runner.Position{}), []string{
			"/etc/conf/deep/secret -r-------- " + want, "/run -rwxr-x--x " + want,
			"/etc drwxr-xr-x 0:0", "/etc/conf drwxr-xr-x 0:0", "/etc/conf/deep drwxr-xr-x 0:0",
		}; !slices.Equal(got, want) {
			t.Errorf("for %q: %q, want %q", account, got, want)
		}
	}
	name := p.run(runner.Spec{
		Image: p.fileImage(tool, "none", "USER app"), Files: []runner.File{{Path: "/secret", Mode: 0o400, Content: "hunter2"}},
		Command: []string{"/tool", "cat", "/secret"},
	})
	if c := p.ended(name); c.ExitCode != 0 || !slices.Equal(p.text(name, runner.Position{}), []string{"hunter2"}) {
		t.Errorf("it cannot be read: %+v", c)
	}
}

// Wherever the links of an image lead, they lead there inside the container.
func TestFilesStayInTheContainer(t *testing.T) {
	outside := t.TempDir()
	p := newPlace(t)
	name := p.run(runner.Spec{Image: p.fileImage(program(t, "testdata/tool"), outside, `VOLUME ["/data"]`), Files: []runner.File{
		{Path: "/etc/app/new", Mode: 0o644, Content: "by a link"},
		{Path: "/etc/config", Mode: 0o644, Content: "not a link"},
		{Path: "/out/escaped", Mode: 0o644, Content: "outside"},
		{Path: "/abs/escaped", Mode: 0o644, Content: "outside"},
	}, Command: []string{"/tool", "cat", "/data/new", "/etc/app/new", "/etc/config", "/data/there", filepath.Join(outside, "escaped")}})
	p.ended(name)
	if got := p.text(name, runner.Position{}); !slices.Equal(got, []string{"by a link", "by a link", "not a link", "there", "outside"}) {
		t.Errorf("it sees %q", got)
	}
	if _, err := os.Stat(filepath.Join(outside, "escaped")); err == nil {
		t.Error("it was written outside of the container")
	}
}

// A container whose maker was killed before the files were there gets them from
// whoever goes on; one that ran keeps what it has.
func TestAContainerWithoutItsFilesGetsThem(t *testing.T) {
	p := newPlace(t)
	spec := runner.Spec{
		Name: p.network, Network: p.network, Image: p.toolImage(),
		Files: []runner.File{{Path: "/etc/secret", Mode: 0o644, Content: "hunter2"}}, Command: []string{"/tool", "cat", "/etc/secret"},
	}
	if _, err := p.Create(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	whole, err := p.api.ContainerInspect(t.Context(), spec.Name, client.ContainerInspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if text, err := json.Marshal(whole); err != nil || strings.Contains(string(text), "hunter2") {
		t.Errorf("whoever inspects it sees its secrets: %s, %v", text, err)
	}
	if err := p.Remove(t.Context(), spec.Name); err != nil {
		t.Fatal(err)
	}
	bare, err := p.api.ContainerCreate(t.Context(), client.ContainerCreateOptions{
		Name: spec.Name, Config: whole.Container.Config, HostConfig: whole.Container.HostConfig,
	})
	if err != nil {
		t.Fatal(err)
	}
	if c, err := p.Create(t.Context(), spec); err != nil || c.ID != bare.ID {
		t.Fatalf("Create: %+v, %v, want %s", c, err, bare.ID)
	}
	p.run(spec)
	if c := p.ended(spec.Name); c.ExitCode != 0 || !slices.Equal(p.text(spec.Name, runner.Position{}), []string{"hunter2"}) {
		t.Errorf("it ended with %d: %q", c.ExitCode, p.text(spec.Name, runner.Position{}))
	}
}

// holds reports whether a file is there. Since 29.0 an engine makes the
// directories that a link leads to.
func (p *place) holds(container, path string) bool {
	p.t.Helper()
	res, err := p.api.CopyFromContainer(p.t.Context(), container, client.CopyFromContainerOptions{SourcePath: path})
	if err != nil {
		return false
	}
	defer res.Content.Close()
	h, err := tar.NewReader(res.Content).Next()
	return err == nil && h.Typeflag == tar.TypeReg
}

func TestWhatIsInTheWayOfAFileIsNamed(t *testing.T) {
	p := newPlace(t)
	image := p.fileImage(nil, "none")
	for path, want := range map[string]string{"/data": "cannot overwrite", "/tool/x": "not a directory", "/nowhere/x": "no such file"} {
		spec := runner.Spec{
			Name: p.network, Network: p.network, Image: image,
			Files: []runner.File{{Path: "/fine", Mode: 0o644}, {Path: path, Mode: 0o644, Content: "hunter2"}},
		}
		_, err := p.Create(t.Context(), spec)
		failed, ok := errors.AsType[*runner.FileError](err)
		if made := err == nil && path == "/nowhere/x" && p.holds(spec.Name, path); !made && (!ok || failed.Path != path || !strings.Contains(failed.Message, want)) {
			t.Errorf("Create with %s: %v", path, err)
		}
		if err := p.Remove(context.WithoutCancel(t.Context()), spec.Name); err != nil {
			t.Error(err)
		}
	}
	_, err := p.Create(t.Context(), runner.Spec{
		Name: p.network, Network: p.network, Image: p.fileImage(nil, "none", "USER nobody-knows"), Files: []runner.File{{Path: "/fine", Mode: 0o644}},
	})
	if failed, ok := errors.AsType[*runner.FileError](err); !ok || !strings.Contains(failed.Message, `"nobody-knows"`) {
		t.Errorf("an account that is not there: %v", err)
	}
	if err := p.Remove(context.WithoutCancel(t.Context()), p.network); err != nil {
		t.Error(err)
	}
}

// Images of Nix have their accounts behind links.
func TestAccountsBehindLinksAreFound(t *testing.T) {
	p := newPlace(t)
	tool := program(t, "testdata/tool")
	for account, want := range map[string]string{"app:staff": "1234:89", "1234": "1234:567"} {
		name := p.run(runner.Spec{
			Image: importLinked(t, p.api, "", map[string][]byte{
				"tool": tool, "nix/store/passwd": []byte("app:x:1234:567::/:\n"), "nix/store/group": []byte("staff:x:89:app\n"),
			}, map[string]string{
				"etc/passwd": "/current/passwd", "etc/group": "static", "etc/static": "../../../nix/store/group", "current": "nix/store",
			}, "USER "+account, `CMD ["/tool", "sleep"]`),
			Files: []runner.File{{Path: "/secret", Mode: 0o400}}, Command: []string{"/tool", "stat", "/secret"},
		})
		p.ended(name)
		if got := p.text(name, runner.Position{}); !slices.Equal(got, []string{"/secret -r-------- " + want}) {
			t.Errorf("for %q: %q, want %s", account, got, want)
		}
	}
}
