package git

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/davitdev/davit/internal/outbound"
	"github.com/davitdev/davit/internal/spec"
)

// TestMain lets the test binary be what git runs for ssh.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == SSHProgram {
		os.Exit(SSH(context.Background(), os.Args[1:], os.Getenv))
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
	return &Git{SSH: link, KnownHosts: filepath.Join(dir, "known_hosts"), Scratch: dir, Outbound: outbound.Policy{AllowPrivate: true}, Getenv: os.Getenv}
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
