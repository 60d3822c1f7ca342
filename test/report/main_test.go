package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Each case is the test file of a module of its own.
func TestVerdict(t *testing.T) {
	tests := []struct {
		name    string
		body    string
		noSkip  bool
		ok      bool
		says    string
		closing string
		limit   string // of go test
	}{
		{"a pass", `func TestA(t *testing.T) { t.Run("b", func(t *testing.T) {}) }`, true, true, "ok    sample", "2 passed, 0 failed", "1m"},
		{"a failure", `func TestA(t *testing.T) { t.Error("broken mast") }`, false, false, "broken mast", "0 passed, 1 failed", "1m"},
		{"a panic", `func TestA(t *testing.T) { panic("broken mast") }`, false, false, "broken mast", "0 passed, 1 failed", "1m"},
		{"what does not build", `func TestA(t *testing.T) { mast() }`, false, false, "undefined: mast", "0 passed, 1 failed", "1m"},
		{"an exit outside of tests", `func TestMain(m *testing.M) { println("broken mast"); os.Exit(3) }`, false, false, "broken mast", "0 passed, 1 failed", "1m"},
		{"a test that never ends", `func TestA(t *testing.T) { <-make(chan int) }`, false, false, "sample.TestA(", "0 passed, 1 failed", "2s"},
		{"a test that never ends and prints a lot", `func TestA(t *testing.T) { for range 1000 { println("wave") }; os.Exit(3) }`, false, false, "unended sample TestA:", "0 passed, 1 failed", "1m"},
		{"a skip that is allowed", `func TestA(t *testing.T) {}; func TestB(t *testing.T) { t.Skip("no wind") }`, false, true, "no wind", "1 passed, 0 failed", "1m"},
		{"a skip that is not", `func TestA(t *testing.T) {}; func TestB(t *testing.T) { t.Skip("no wind") }`, true, false, "skip  sample TestB", "1 passed, 0 failed", "1m"},
		{"no test", ``, false, false, "no test ran", "0 passed, 0 failed", "1m"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out := judge(t, tt.body, options{noSkip: tt.noSkip}, tt.limit, tt.ok, tt.says, tt.closing)
			if n := strings.Count(out, "\n"); n > lastWords+20 {
				t.Errorf("it says %d lines", n)
			}
		})
	}
}

// once is the body of a test that fails the first time it runs.
const once = `{ _, err := os.Stat("ran"); os.WriteFile("ran", nil, 0o600); if err != nil { t.Error("broken mast") } }`

func TestAgain(t *testing.T) {
	var failing strings.Builder
	for i := range mostRetried {
		fmt.Fprintf(&failing, "; func TestB%d(t *testing.T) { t.Error() }", i)
	}
	tests := []struct {
		name, body string
		ok         bool
		says, not  string
		closing    string
	}{
		{
			"a part that fails once", `func TestA(t *testing.T) { t.Run("b", func(t *testing.T) ` + once + `); t.Run("c", func(t *testing.T) {}) }; func TestAB(t *testing.T) {}`, true,
			"flaky sample TestA: failed", "again sample TestA/b", "4 passed, 0 failed",
		},
		{
			"one that fails twice", `func TestA(t *testing.T) { t.Error("broken mast") }; func TestB(t *testing.T) {}`, false,
			"again sample TestA", "flaky", "1 passed, 1 failed",
		},
		{
			"one that once skips instead", `func TestA(t *testing.T) { if _, err := os.Stat("ran"); err == nil { t.Skip() }; os.WriteFile("ran", nil, 0o600); t.Error() }`, false,
			"again sample TestA", "flaky", "0 passed, 1 failed",
		},
		{
			"a panic", `func TestA(t *testing.T) { if _, err := os.Stat("ran"); err != nil { os.WriteFile("ran", nil, 0o600); panic("broken mast") } }`, false,
			"broken mast", "again", "0 passed, 1 failed",
		},
		{
			"a race", `func TestA(t *testing.T) { println("WARNING: DATA RACE"); t.Error() }`, false,
			"DATA RACE", "again", "0 passed, 1 failed",
		},
		{
			"too many", `func TestA(t *testing.T) { t.Error("broken mast") }` + failing.String(), false,
			"broken mast", "again", fmt.Sprintf("0 passed, %d failed", mostRetried+1),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out := judge(t, tt.body, options{again: true}, "1m", tt.ok, tt.says, tt.closing)
			if strings.Contains(out, tt.not) {
				t.Errorf("it says %q:\n%s", tt.not, out)
			}
		})
	}
}

// Of two runs, each test is run again as it was run.
func TestAgainInTheSecondRun(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "go.mod", "module sample\n\ngo 1.26\n")
	write(t, "a_test.go", "package sample\n\nimport (\"flag\"; \"os\"; \"testing\")\n\nvar second = flag.Bool(\"second\", false, \"\")\n\n"+
		"func TestA(t *testing.T) { if *second { t.Error() } }\n\nfunc TestB(t *testing.T) { if !*second { t.Error() }; "+once[1:]+"\n")
	var out strings.Builder
	ok := run(t.Context(), &out, options{again: true}, []string{"-run=TestA", "./...", "--", "-run=TestB", "-second=true", "./..."})
	if !ok || !strings.Contains(out.String(), "flaky sample TestB") || !strings.HasSuffix(out.String(), "2 passed, 0 failed\n") {
		t.Errorf("%t, %s", ok, out.String())
	}
}

// judge runs a module of one test file and returns what is printed of it, after
// a look at the verdict, at what it says somewhere, and at its last line.
func judge(t *testing.T, body string, o options, limit string, ok bool, says, closing string) string {
	t.Helper()
	t.Chdir(t.TempDir())
	write(t, "go.mod", "module sample\n\ngo 1.26\n")
	write(t, "a_test.go", "package sample\n\nimport (\"os\"; \"testing\")\n\nvar _ = os.Exit\nvar _ testing.TB\n\n"+body+"\n")
	var out strings.Builder
	if got := run(t.Context(), &out, o, []string{"-timeout", limit, "./..."}); got != ok {
		t.Errorf("verdict %v, want %v", got, ok)
	}
	if !strings.Contains(out.String(), says) {
		t.Errorf("it does not say %q", says)
	}
	if !strings.HasSuffix(out.String(), closing+"\n") {
		t.Errorf("the last line is not %q", closing)
	}
	if t.Failed() {
		t.Log(out.String())
	}
	return out.String()
}

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Clean(name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
