// Package repository makes git repositories on the git server of the tests.
package repository

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Repository is a working tree, and the bare repository it is pushed to.
type Repository struct {
	Dir  string // working tree
	Bare string
	URL  string // of Bare, by http

	t *testing.T
}

// New makes a repository on the git server of the tests. below is
// "private" for one that wants a token.
func New(t *testing.T, below string) *Repository {
	t.Helper()
	root, base := os.Getenv("TEST_GIT_ROOT"), os.Getenv("TEST_GIT")
	if root == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("TEST_GIT_ROOT is not set")
		}
		t.Skip("make test starts a git server")
	}
	name := filepath.Join(below, "git-"+strings.ToLower(rand.Text())+".git")
	r := &Repository{t: t, Dir: t.TempDir(), Bare: filepath.Join(root, name), URL: base + "/" + name}
	t.Cleanup(func() {
		if err := os.RemoveAll(r.Bare); err != nil {
			t.Error(err)
		}
	})
	r.Git("init", "--quiet", "--bare", "--initial-branch=main", r.Bare)
	r.Git("init", "--quiet", "--initial-branch=main", r.Dir)
	r.Git("remote", "add", "origin", r.Bare)
	return r
}

// Git runs git in the working tree and returns what it prints.
func (r *Repository) Git(args ...string) string {
	r.t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(r.t.Context()), "git", args...)
	cmd.Dir = r.Dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com",
		"GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %q: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// Copy writes the files of a directory, which must not be there yet.
func (r *Repository) Copy(dir string) {
	r.t.Helper()
	if err := os.CopyFS(r.Dir, os.DirFS(dir)); err != nil {
		r.t.Fatal(err)
	}
}

// Commit writes files, commits and pushes them, and returns the hash.
func (r *Repository) Commit(message string, files map[string]string) string {
	r.t.Helper()
	for name, text := range files {
		path := filepath.Join(r.Dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			r.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			r.t.Fatal(err)
		}
	}
	r.Git("add", "--all")
	r.Git("commit", "--quiet", "--message", message)
	r.Git("push", "--quiet", "--force", "origin", "HEAD")
	return r.Git("rev-parse", "HEAD")
}

// Link commits and pushes a symbolic link.
func (r *Repository) Link(name, target string) {
	r.t.Helper()
	if err := os.Symlink(target, filepath.Join(r.Dir, name)); err != nil {
		r.t.Fatal(err)
	}
	r.Commit("a link", nil)
}

// Submodule commits and pushes a submodule at a path. Its address is a command
// that whoever fetches it would run; the test fails at its end if one did.
func (r *Repository) Submodule(path string) {
	r.t.Helper()
	ran := filepath.Join(r.t.TempDir(), "ran")
	r.t.Cleanup(func() {
		if _, err := os.Lstat(ran); !errors.Is(err, fs.ErrNotExist) {
			r.t.Errorf("the address of the submodule was run: %v", err)
		}
	})
	sha := r.Commit("beside the submodule", map[string]string{".gitmodules": "[submodule \"s\"]\n\tpath = " + path + "\n\turl = ext::touch " + ran + "\n"})
	r.Git("update-index", "--add", "--cacheinfo", "160000,"+sha+","+path)
	r.Git("commit", "--quiet", "--message", "submodule")
	r.Git("push", "--quiet", "origin", "HEAD")
}
