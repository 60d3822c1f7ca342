// Package repository makes git repositories on the git server of the tests.
package repository

import (
	"context"
	"crypto/rand"
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
