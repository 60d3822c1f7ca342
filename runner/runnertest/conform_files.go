package runnertest

import (
	"io/fs"
	"net/http"
	"testing"

	"github.com/davitdev/davit/runner"
)

func (s *suite) files(t *testing.T) {
	config := runner.File{Path: "/etc/app/deep/config.yml", Mode: 0o640, Content: "token: hunter2\n"}
	t.Run("are there before the start, with their mode, and after a second one", func(t *testing.T) {
		t.Parallel()
		b := s.bench(t)
		spec := b.spec()
		spec.Files = []runner.File{config, {Path: "/run.sh", Mode: 0o755, Content: "#!/bin/sh\n"}, {Path: "/etc/app/empty", Mode: 0o400}}
		b.create(spec)
		b.start(spec.Name)
		b.answers(spec.Name)
		b.has(spec.Name, config.Path, "640 token: hunter2\n")
		b.has(spec.Name, "/run.sh", "755 #!/bin/sh\n")
		b.has(spec.Name, "/etc/app/empty", "400 ")
		if err := b.Stop(t.Context(), spec.Name, patience); err != nil {
			t.Fatal(err)
		}
		if c := b.create(spec); c.State != runner.Exited {
			t.Errorf("it was made anew: %+v", c)
		}
		b.start(spec.Name)
		b.answers(spec.Name)
		b.has(spec.Name, config.Path, "640 token: hunter2\n")
	})
	t.Run("make another container when they change, and only then", func(t *testing.T) {
		t.Parallel()
		b := s.bench(t)
		spec := b.spec()
		spec.Files = []runner.File{config}
		first := b.create(spec)
		if again := b.create(spec); again.ID != first.ID {
			t.Errorf("an equal one was made anew: %+v", again)
		}
		for _, change := range []func(*runner.File){
			func(f *runner.File) { f.Content = "token: swordfish\n" },
			func(f *runner.File) { f.Mode = 0o600 },
			func(f *runner.File) { f.Path = "/etc/app/other.yml" },
		} {
			other := config
			change(&other)
			spec.Files = []runner.File{other}
			made := b.create(spec)
			if made.ID == first.ID || made.State != runner.Created {
				t.Errorf("with %+v it stays %+v", other, made)
			}
			first = made
		}
		b.start(spec.Name)
		b.answers(spec.Name)
		if status, _ := b.get(spec.Name, "/file?path="+config.Path); status != http.StatusNotFound {
			t.Errorf("the old file is still there: %d", status)
		}
		b.has(spec.Name, "/etc/app/other.yml", "640 token: hunter2\n")
	})
	t.Run("of a path that cannot be are refused, as is one in the way of another", func(t *testing.T) {
		t.Parallel()
		b := s.bench(t)
		for _, path := range []string{"", "/", "relative", "/a/../../etc/passwd", "/a/", "/a\x00b"} {
			spec := b.spec()
			spec.Files = []runner.File{{Path: path, Mode: 0o644}}
			_, err := b.Create(t.Context(), spec)
			wantErr(t, path, err, runner.ErrSpec)
		}
		for name, files := range map[string][]runner.File{
			"a set-user-ID bit": {{Path: "/set", Mode: 0o644 | fs.ModeSetuid}},
			"a file twice":      {{Path: "/a", Mode: 0o644}, {Path: "/a", Mode: 0o644}},
			"below a file":      {{Path: "/a", Mode: 0o644}, {Path: "/a/b", Mode: 0o644}},
			"above a file":      {{Path: "/a/b", Mode: 0o644}, {Path: "/a", Mode: 0o644}},
		} {
			spec := b.spec()
			spec.Files = files
			_, err := b.Create(t.Context(), spec)
			wantErr(t, name, err, runner.ErrSpec)
		}
	})
}

// has fails the test unless the application sees this file.
func (b *bench) has(name, path, want string) {
	b.t.Helper()
	if status, got := b.get(name, "/file?path="+path); status != http.StatusOK || got != want {
		b.t.Errorf("%s is %d %q, want %q", path, status, got, want)
	}
}
