package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/davitdev/davit/internal/ident"
)

// evil moves the cursor, rings, names the window and asks the terminal, in both
// kinds of control characters.
const evil = "a\x1b]0;owned\x07\x1b[2J\u009b6n\r\x7fb"

func TestTextOfOthersSteersNoTerminal(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		body, _ := io.ReadAll(r.Body)
		answer := `{"errors":[{"message":"EVIL","extensions":{"code":"EVIL","requestId":"EVIL","hint":"EVIL"}}]}`
		switch {
		case strings.Contains(string(body), "query Platform"):
			answer = `{"data":{"platform":{"version":"EVIL","commit":"EVIL","components":[{"name":"EVIL","healthy":false,"message":"EVIL",` +
				`"checkedAt":"2026-01-01T00:00:00Z"}]},"viewer":{"__typename":"User","displayName":"EVIL"}}}`
		case strings.Contains(string(body), "query Logs"):
			answer = `{"data":{"logs":{"lines":[{"cursor":"x","timestamp":"2026-01-01T00:00:00Z","stream":"EVIL","replicaId":null,"severity":"INFO",` +
				`"message":"\u001b[31mred\u001b[0m EVIL\nforged"}],"gaps":[{"from":"y","to":"z","reason":"EVIL","dropped":null}],"pageInfo":{}}}}`
		}
		escaped := strings.NewReplacer("\x1b", `\u001b`, "\x07", `\u0007`, "\r", `\r`).Replace(evil)
		_, _ = io.WriteString(w, strings.ReplaceAll(answer, "EVIL", escaped))
	}))
	t.Cleanup(server.Close)
	l := link{Server: server.URL, ProjectID: ident.New(ident.Project), ServiceID: ident.New(ident.Service), InstanceID: ident.New(ident.Instance)}
	if err := l.write(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "index.html"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	getenv := func(name string) string {
		return map[string]string{"DAVIT_SERVER": server.URL, "DAVIT_DATA": dir}[name]
	}
	for _, args := range [][]string{
		{"doctor"},
		{"doctor", "--json"},
		{"projects"},
		{"services"},
		{"ps"},
		{"status", "-C", dir},
		{"logs", "-C", dir},
		{"logs", "-C", dir, "--json"},
		{"env", "list", "-C", dir},
		{"files", "list", "-C", dir},
		{"deploy", "-y", dir},
		{"cancel", "-C", dir},
		{"open", "-C", dir},
		{"run", "-C", dir, "true"},
		{"__complete", "projects", "--workspace", ""},
	} {
		var out, err strings.Builder
		status := run(t.Context(), args, getenv, &out, &err)
		said := out.String() + err.String()
		if args[0] == "__complete" {
			continue
		}
		if !strings.Contains(said, `\u001b]0;owned`) {
			t.Errorf("davit %s says nothing of what it was told, status %d: %q", strings.Join(args, " "), status, said)
		}
		if args[0] == "logs" && args[len(args)-1] != "--json" {
			if !strings.Contains(said, "\x1b[31mred\x1b[0m") || strings.Contains(said, "\nforged") {
				t.Errorf("a coloured line became %q", said)
			}
			said = colours.ReplaceAllString(said, "")
		}
		if strings.ContainsFunc(said, steers) {
			t.Errorf("davit %s hands on %q", strings.Join(args, " "), said)
		}
	}
}

func TestAnEscaperSeesCharactersThatComeInParts(t *testing.T) {
	t.Parallel()

	for text, want := range map[string]string{
		"a\u009bb": `a\u009bb`, "é\u00a0ü\n": "é\u00a0ü\n", "\xff\x1b\xc3": "\xff" + `\u001b` + "\xc3", "日本\x00": `日本\u0000`,
	} {
		for cut := range len(text) + 1 {
			var out strings.Builder
			s := &escaper{out: &out}
			for _, part := range []string{text[:cut], text[cut:]} {
				if n, err := io.WriteString(s, part); n != len(part) || err != nil {
					t.Errorf("%d of %d bytes, %v", n, len(part), err)
				}
			}
			if out.String() != want {
				t.Errorf("%q cut at %d becomes %q, want %q", text, cut, out.String(), want)
			}
		}
	}
}
