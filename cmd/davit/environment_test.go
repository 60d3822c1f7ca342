//go:build unix

package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

var (
	variable      = regexp.MustCompile(`^DAVIT_[A-Z_]+$`)
	ofFlag        = regexp.MustCompile(`\$(DAVIT_[A-Z_]+)`)
	exampleSaying = regexp.MustCompile(`(?m)^# ([^\n]+\.)\n#(DAVIT_[A-Z_]+)=(.*)$`)
)

// variablesRead returns the variables that the program reads: their names are
// whole string literals of its sources, or stand in the usage of flags.
func variablesRead(t *testing.T) []string {
	t.Helper()
	seen := map[string]bool{}
	walk := func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if text, err := strconv.Unquote(lit.Value); err == nil && variable.MatchString(text) {
					seen[text] = true
				}
			}
			return true
		})
		return nil
	}
	for _, dir := range []string{".", "../../internal", "../../graph", "../../worker", "../../runner"} {
		if err := filepath.WalkDir(dir, walk); err != nil {
			t.Fatal(err)
		}
	}
	maps.DeleteFunc(seen, func(name string, _ bool) bool {
		return strings.HasPrefix(name, "DAVIT_SSH_") || name == "DAVIT_FILES" // what Davit tells itself, by way of git, and applications
	})
	eachFlag(root(func(string) string { return "" }), func(_ *cobra.Command, f *pflag.Flag) {
		for _, m := range ofFlag.FindAllStringSubmatch(f.Usage, -1) {
			seen[m[1]] = true
		}
	})
	return slices.Sorted(maps.Keys(seen))
}

func eachFlag(cmd *cobra.Command, do func(*cobra.Command, *pflag.Flag)) {
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) { do(cmd, f) })
	for _, c := range cmd.Commands() {
		eachFlag(c, do)
	}
}

func TestTheExampleNamesEveryVariableWithItsDefault(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../davit.env.example")
	if err != nil {
		t.Fatal(err)
	}
	defaults := map[string]string{}
	for _, m := range exampleSaying.FindAllStringSubmatch(string(text), -1) {
		defaults[m[2]] = m[3]
	}
	if n := strings.Count(string(text), "\n#DAVIT_"); n != len(defaults) {
		t.Errorf("%d variables have a line of their own that says what they are, of %d", len(defaults), n)
	}
	if diff := cmp.Diff(variablesRead(t), slices.Sorted(maps.Keys(defaults))); diff != "" {
		t.Errorf("the program reads (-), the example has (+):\n%s", diff)
	}
	eachFlag(root(func(string) string { return "" }), func(cmd *cobra.Command, f *pflag.Flag) {
		m := ofFlag.FindStringSubmatch(f.Usage)
		if m == nil || f.Name == "git" { // a flag beside its token
			return
		}
		if got, want := defaults[m[1]], strings.Trim(f.DefValue, "[]"); got != want {
			t.Errorf("%s is %q in the example, and --%s of %s has %q", m[1], got, f.Name, cmd.CommandPath(), want)
		}
	})
}

func TestTheReadmeNamesEveryVariableOfTheServer(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	serveCommand(func(string) string { return "" }).LocalFlags().VisitAll(func(f *pflag.Flag) {
		m := ofFlag.FindStringSubmatch(f.Usage)
		if m == nil {
			return
		}
		seen++
		value := strings.Trim(f.DefValue, "[]")
		if value != "" {
			value = "`" + value + "` "
		}
		if row := "| `--" + f.Name + "` | `" + m[1] + "` | " + value + "|"; !strings.Contains(string(text), row) {
			t.Errorf("the README lacks %s", row)
		}
	})
	if seen < 8 {
		t.Errorf("only %d flags were looked at", seen)
	}
}
