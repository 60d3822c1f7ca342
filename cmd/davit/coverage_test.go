package main

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/shlex"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func nothing(string) string { return "" }

// scripted returns what the lines of all scripts run: paths of commands, and
// "path --flag" of each flag.
func scripted(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	seen := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			note(t, line, seen)
		}
	}
	return seen
}

var runs = regexp.MustCompile(`^\s*(?:\[[^]]*\] )*[!?]?\s*(?:exec|exits \d+|tty \d+ \S+) (?:bin/)?davit\b(.*)`)

// note adds what a line of a script runs to seen.
func note(t *testing.T, line string, seen map[string]bool) {
	t.Helper()
	m := runs.FindStringSubmatch(line)
	if m == nil {
		return
	}
	args, err := shlex.Split(m[1])
	if err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	cmd, rest, err := root(nothing).Find(args)
	if err != nil {
		return // a command that the script expects to be refused
	}
	seen[cmd.CommandPath()] = true
	for _, arg := range rest {
		if flag := flagOf(cmd, arg); flag != nil {
			seen[cmd.CommandPath()+" --"+flag.Name] = true
			seen["--"+flag.Name] = true
		}
	}
}

func flagOf(cmd *cobra.Command, arg string) *pflag.Flag {
	name, _, _ := strings.Cut(arg, "=")
	if long, ok := strings.CutPrefix(name, "--"); ok {
		return cmd.Flags().Lookup(long)
	}
	if len(name) == 2 && name[0] == '-' {
		return cmd.Flags().ShorthandLookup(name[1:])
	}
	return nil
}

// commands returns every command that davit --help shows, by its path.
func commands(cmd *cobra.Command) map[string]*cobra.Command {
	all := map[string]*cobra.Command{}
	if !cmd.Hidden && cmd.Name() != "help" {
		all[cmd.CommandPath()] = cmd
		for _, c := range cmd.Commands() {
			maps.Copy(all, commands(c))
		}
	}
	return all
}

func TestEveryCommandAndFlagIsInAScript(t *testing.T) {
	t.Parallel()

	seen := scripted(t)
	// What every command shares is tried once.
	shared := []string{"server", "token", "dir"}
	for path, cmd := range commands(root(nothing)) {
		if !seen[path] {
			t.Errorf("no script runs %s", path)
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			switch name := path + " --" + f.Name; {
			case f.Name == "help", slices.Contains(shared, f.Name) && seen["--"+f.Name]:
			case !seen[name]:
				t.Errorf("no script uses %s", name)
			}
		})
	}
}

func TestEveryCommandHasAnExample(t *testing.T) {
	t.Parallel()

	for path, cmd := range commands(root(nothing)) {
		if cmd.Short == "" || cmd.Example == "" {
			t.Errorf("%s has no description or no example", path)
		}
		for line := range strings.Lines(cmd.Example) {
			args, err := shlex.Split(line)
			if err != nil {
				t.Errorf("%s: example %q: %v", path, line, err)
				continue
			}
			at := slices.Index(args, "davit")
			if at < 0 || path != "davit" && slices.Contains(args, "completion") {
				continue
			}
			args = args[at+1:]
			if end := slices.IndexFunc(args, func(a string) bool { return a == "|" || a == "<" || a == ">" }); end >= 0 {
				args = args[:end]
			}
			found, rest, err := root(nothing).Find(args)
			if err == nil {
				err = found.ParseFlags(rest)
			}
			if err == nil {
				err = found.ValidateArgs(found.Flags().Args())
			}
			if err != nil {
				t.Errorf("%s: example %q is typed wrong: %v", path, strings.TrimSpace(line), err)
			}
		}
	}
}

func TestHelpFitsATerminalOf80Columns(t *testing.T) {
	t.Parallel()

	for path, cmd := range commands(root(nothing)) {
		var help strings.Builder
		cmd.SetOut(&help)
		if err := cmd.Help(); err != nil {
			t.Fatal(err)
		}
		text, _, _ := strings.Cut(help.String(), "Examples:") // a line to be typed stays one
		_, flags, _ := strings.Cut(help.String(), "\nFlags:")
		for line := range strings.Lines(text + flags) {
			if utf8.RuneCountInString(strings.TrimSuffix(line, "\n")) > helpWidth && !strings.HasPrefix(path, "davit completion") {
				t.Errorf("%s: %q is wider", path, line)
			}
		}
	}
}

func TestTheReadmesFiveMinutesAreInAScript(t *testing.T) {
	t.Parallel()

	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text2, _ := strings.Cut(string(text), "## Five minutes")
	block := regexp.MustCompile("(?s)```sh\n(.*?)```").FindStringSubmatch(text2)
	if block == nil {
		t.Fatal("the README has no five minutes")
	}
	seen, steps := scripted(t), map[string]bool{}
	for line := range strings.Lines(block[1]) {
		command, _, _ := strings.Cut(line, "#")
		if _, command, ok := strings.Cut(command, "bin/davit"); ok {
			note(t, "exec davit"+command, steps)
		}
	}
	if len(steps) < 5 {
		t.Errorf("the README shows only %v", slices.Sorted(maps.Keys(steps)))
	}
	for step := range steps {
		if !seen[step] {
			t.Errorf("the README says %q, and no script runs it", step)
		}
	}
}
