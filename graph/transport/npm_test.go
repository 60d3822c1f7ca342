package transport_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql/handler"

	"github.com/davitdev/davit/graph/transport"
	"github.com/davitdev/davit/internal/fault"
)

// node returns a command that runs a script of testdata/npm with the packages
// its lock file names. Without npm the test fails in CI and is skipped
// elsewhere.
func node(t *testing.T, script string, args ...string) *exec.Cmd {
	t.Helper()
	missing := t.Skipf
	if os.Getenv("CI") != "" {
		missing = t.Fatalf
	}
	if _, err := exec.LookPath("node"); err != nil {
		missing("node: %v", err)
	}
	modules, err := packages(t.Context())
	if err != nil {
		missing("npm: %v", err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/npm")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", append([]string{filepath.Join(dir, script)}, args...)...)
	cmd.Stderr = t.Output()
	return cmd
}

// packages installs what testdata/npm asks for, once for every lock file, and
// returns the folder of modules.
func packages(ctx context.Context) (string, error) {
	lock, err := os.ReadFile("testdata/npm/package-lock.json")
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	home := filepath.Join(cache, "davit", "npm", fmt.Sprintf("%x", sha256.Sum256(lock)))
	modules := filepath.Join(home, "node_modules")
	if _, err := os.Stat(modules); !errors.Is(err, fs.ErrNotExist) {
		return modules, err
	}
	if err := os.MkdirAll(filepath.Dir(home), 0o755); err != nil {
		return "", err
	}
	fresh, err := os.MkdirTemp(filepath.Dir(home), "new")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(fresh)
	if err := os.CopyFS(fresh, os.DirFS("testdata/npm")); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = fresh
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	if err := os.Rename(fresh, home); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err // another test was faster otherwise
	}
	return modules, nil
}

func TestHTTPPassesAllAudits(t *testing.T) {
	s := serve(t, listen(t), nil)
	out, err := node(t, "audit.mjs", s.url()).Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	passed := 0
	for line := range bytes.Lines(out) {
		var audit struct{ ID, Name, Status, Reason string }
		if err := json.Unmarshal(line, &audit); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		if audit.Status != "ok" {
			t.Errorf("%s %s: %s, %s", audit.ID, audit.Name, audit.Status, audit.Reason)
			continue
		}
		passed++
	}
	if passed != 61 {
		t.Errorf("%d audits passed, want 61", passed)
	}
}

func TestWebSocketWithTheReferenceClient(t *testing.T) {
	s := serve(t, listen(t), func(ws *transport.WebSocket, _ *handler.Server) {
		let := ws.Init
		ws.Init = func(ctx context.Context, payload map[string]any) (context.Context, error) {
			if payload["authorization"] == "nobody" {
				return nil, fault.New(fault.Unauthenticated, "This token is not valid.")
			}
			return let(ctx, payload)
		}
	})
	cmd := node(t, "client.mjs", strings.Replace(s.url(), "http", "ws", 1))
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	if lines.Scan(); lines.Text() == "idle" {
		<-s.ended // the one the client left
		if err := s.ws.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if lines.Scan(); !regexp.MustCompile(`^1012 Service restart: retry after \d+ ms$`).MatchString(lines.Text()) {
			t.Errorf("the client saw %q", lines.Text())
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("client.mjs: %v", err)
	}
}
