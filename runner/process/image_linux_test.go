package process_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/davitdev/davit/runner"
	"github.com/davitdev/davit/runner/process"
)

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

func TestInstallIsByContent(t *testing.T) {
	t.Parallel()

	r := newRunner(t, filepath.Join(t.TempDir(), "runner"))
	cfg := process.ImageConfig{Cmd: []string{"./run"}, Ports: []int{443, 80}}
	files := func(change func(dir string, cfg *process.ImageConfig)) (string, process.ImageConfig) {
		dir, c := t.TempDir(), cfg
		write(t, filepath.Join(dir, "run"), "#!/bin/sh\n", 0o700)
		write(t, filepath.Join(dir, "a", "b"), "x", 0o600)
		change(dir, &c)
		return dir, c
	}
	install := func(change func(dir string, cfg *process.ImageConfig)) runner.Image {
		t.Helper()
		dir, c := files(change)
		img, err := r.Install(t.Context(), dir, c)
		if err != nil {
			t.Fatal(err)
		}
		return img
	}
	first := install(func(string, *process.ImageConfig) {})
	if again := install(func(string, *process.ImageConfig) {}); again.ID != first.ID {
		t.Errorf("the same twice: %s and %s", first.ID, again.ID)
	}
	if got, err := r.Image(t.Context(), first.ID); err != nil || got.Size != 11 || len(got.Ports) != 2 || got.Ports[0] != 80 {
		t.Errorf("%+v, %v", got, err)
	}
	if pulled, err := r.Pull(t.Context(), first.ID, nil, nil); err != nil || pulled.ID != first.ID {
		t.Errorf("Pull: %+v, %v", pulled, err)
	}
	for what, change := range map[string]func(dir string, cfg *process.ImageConfig){
		"a byte":    func(dir string, _ *process.ImageConfig) { write(t, filepath.Join(dir, "a", "b"), "y", 0o600) },
		"a place":   func(dir string, _ *process.ImageConfig) { os.Rename(filepath.Join(dir, "a"), filepath.Join(dir, "c")) },
		"a mode":    func(dir string, _ *process.ImageConfig) { os.Chmod(filepath.Join(dir, "run"), 0o600) },
		"a link":    func(dir string, _ *process.ImageConfig) { os.Symlink("run", filepath.Join(dir, "link")) },
		"a command": func(_ string, cfg *process.ImageConfig) { cfg.Cmd = []string{"./run", "x"} },
		"an empty directory": func(dir string, _ *process.ImageConfig) {
			os.Mkdir(filepath.Join(dir, "empty"), 0o700)
		},
	} {
		if img := install(change); img.ID == first.ID {
			t.Errorf("%s makes no difference", what)
		}
	}
	for what, change := range map[string]func(dir string, cfg *process.ImageConfig){
		"no command":     func(_ string, cfg *process.ImageConfig) { cfg.Cmd = nil },
		"a way out":      func(_ string, cfg *process.ImageConfig) { cfg.Workdir = "../.." },
		"a way from top": func(_ string, cfg *process.ImageConfig) { cfg.Workdir = "/etc" },
		"a pipe":         func(dir string, _ *process.ImageConfig) { syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600) },
	} {
		dir, c := files(change)
		if _, err := r.Install(t.Context(), dir, c); !errors.Is(err, runner.ErrImageUnsupported) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := r.Pull(t.Context(), "nginx", nil, nil); !errors.Is(err, runner.ErrImageUnsupported) {
		t.Errorf("an image of a registry: %v", err)
	}
	for range 2 {
		if err := r.RemoveImage(t.Context(), first.ID); err != nil {
			t.Error(err)
		}
	}
	if _, err := r.Image(t.Context(), first.ID); !errors.Is(err, runner.ErrImageNotFound) {
		t.Errorf("removed: %v", err)
	}
}

// A link in an image is a link: what it points to outside is not copied in.
func TestInstallFollowsNoLink(t *testing.T) {
	t.Parallel()

	secret := filepath.Join(t.TempDir(), "secret")
	write(t, secret, "hunter2", 0o600)
	dir := t.TempDir()
	if err := os.Symlink(secret, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	home := filepath.Join(t.TempDir(), "runner")
	img, err := newRunner(t, home).Install(t.Context(), dir, process.ImageConfig{Cmd: []string{"true"}})
	if err != nil || img.Size != 0 {
		t.Fatalf("%+v, %v", img, err)
	}
	found, err := filepath.Glob(filepath.Join(home, "images", "*", "files", "link"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%v, %v", found, err)
	}
	if target, err := os.Readlink(found[0]); err != nil || target != secret {
		t.Errorf("%q, %v", target, err)
	}
}

// A program writes into its own copy.
func TestAContainerDoesNotChangeItsImage(t *testing.T) {
	t.Parallel()

	p := newPlace(t)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "sub", "file"), "as built\n", 0o600)
	img, err := p.Install(t.Context(), dir, process.ImageConfig{Cmd: []string{"sh", "-c", "cat file; echo changed >file; cat file"}, Workdir: "sub", Env: map[string]string{"OWN": "image"}})
	if err != nil {
		t.Fatal(err)
	}
	p.image = img.ID
	for _, name := range []string{"one", "two"} {
		p.run(name, 0)
		if out := p.output(name, 2); out[0] != "as built" || out[1] != "changed" {
			t.Errorf("%s: %q", name, out)
		}
	}
}
