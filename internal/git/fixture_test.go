package git

import (
	"context"
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/davitdev/davit/internal/outbound"
	"github.com/davitdev/davit/internal/spec"
)

// TestMain lets the test binary be what git runs for ssh.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == SSHProgram {
		os.Exit(SSH(os.Args[1:], os.Getenv))
	}
	os.Exit(m.Run())
}

// newGit is a Git that may reach this machine.
func newGit(t *testing.T) *Git {
	t.Helper()
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, SSHProgram)
	if err := os.Symlink(self, link); err != nil {
		t.Fatal(err)
	}
	return &Git{SSH: link, KnownHosts: filepath.Join(dir, "known_hosts"), Scratch: dir, Outbound: outbound.Policy{AllowPrivate: true}}
}

// work is a repository with a working tree, and a bare one it is pushed to.
type work struct {
	*testing.T
	dir  string
	bare string
	url  string // of the bare one, by http
}

// newWork makes a repository on the git server of the tests. below is
// "private" for one that wants a token.
func newWork(t *testing.T, below string) *work {
	t.Helper()
	root, base := os.Getenv("TEST_GIT_ROOT"), os.Getenv("TEST_GIT")
	if root == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("TEST_GIT_ROOT is not set")
		}
		t.Skip("make test starts a git server")
	}
	name := filepath.Join(below, "git-"+strings.ToLower(rand.Text())+".git")
	w := &work{T: t, dir: t.TempDir(), bare: filepath.Join(root, name), url: base + "/" + name}
	t.Cleanup(func() { os.RemoveAll(w.bare) })
	w.git("init", "--quiet", "--bare", "--initial-branch=main", w.bare)
	w.git("init", "--quiet", "--initial-branch=main", w.dir)
	w.git("remote", "add", "origin", w.bare)
	return w
}

func (w *work) git(args ...string) string {
	w.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(w.Context()), "git", args...)
	cmd.Dir = w.dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com",
		"GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.Fatalf("git %q: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// commit writes files, commits and pushes them, and returns the hash.
func (w *work) commit(message string, files map[string]string) string {
	w.Helper()
	for name, text := range files {
		path := filepath.Join(w.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			w.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			w.Fatal(err)
		}
	}
	w.git("add", "--all")
	w.git("commit", "--quiet", "--message", message)
	w.git("push", "--quiet", "--force", "origin", "HEAD")
	return w.git("rev-parse", "HEAD")
}

// remote is the address raw with a credential.
func remote(t *testing.T, raw string, c Credential) Remote {
	t.Helper()
	r, err := spec.ParseRepository("repository", raw)
	if err != nil {
		t.Fatal(err)
	}
	return Remote{Repository: r, Credential: c}
}
