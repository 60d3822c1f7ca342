package main

import (
	"net/http/httptest"
	"net/url"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestPrivateRepositoriesWantTheToken(t *testing.T) {
	t.Parallel()

	root := t.TempDir()
	for _, repo := range []string{"open.git", "private/closed.git"} {
		git(t, "init", "--quiet", "--bare", filepath.Join(root, repo))
	}
	h, err := handler(root, "right")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	defer server.Close()

	tests := []struct {
		path, token string
		ok          bool
	}{
		{"open.git", "", true},
		{"private/closed.git", "", false},
		{"private/closed.git", "wrong", false},
		{"private/closed.git", "right", true},
		{"x/../private/closed.git", "", false},
		{"private%2fclosed.git", "", false},
	}
	for _, tt := range tests {
		u, err := url.Parse(server.URL + "/" + tt.path)
		if err != nil {
			t.Fatal(err)
		}
		if tt.token != "" {
			u.User = url.UserPassword("any", tt.token)
		}
		cmd := exec.CommandContext(t.Context(), "git", "ls-remote", u.String())
		cmd.Env = append(cmd.Environ(), "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_GLOBAL=/dev/null")
		out, err := cmd.CombinedOutput()
		if (err == nil) != tt.ok {
			t.Errorf("%s with token %q: %v: %s", tt.path, tt.token, err, out)
		}
	}
}

func git(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "git", args...).CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v: %s", args, err, out)
	}
}
