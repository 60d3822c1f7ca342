// Package archtest keeps the import rule of the house: it fails when a package
// imports one it must not know, when a third-party library that belongs to one
// package is named by another, and when either is granted to one that does
// without.
package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/davitdev/davit/"

// leaves are pure: values and functions without I/O. Everybody may import
// them; they import only what their own row says.
var leaves = []string{"internal/enum", "internal/fault", "internal/ident", "internal/lazy", "internal/lifecycle", "internal/spec", "internal/principal"}

// mayImport lists, for each package of ours, which others of ours it may
// import besides itself. A trailing slash covers the package and all below it.
// cmd/ wires everything and is free; so is generated code.
var mayImport = map[string][]string{
	"internal/fault":          {},
	"internal/ident":          {},
	"internal/enum":           {},
	"internal/lazy":           {},
	"internal/lifecycle":      {"internal/enum", "internal/fault"},
	"internal/spec":           {"internal/enum", "internal/fault", "internal/lazy"},
	"internal/principal":      {"internal/enum", "internal/fault"},
	"internal/config":         {"internal/fault", "internal/lazy"},
	"internal/client":         {"leaves"},
	"internal/bucket":         {},
	"internal/durable":        {},
	"internal/memory":         {},
	"schema":                  {},
	"web":                     {},
	"release":                 {},
	"internal/wake":           {},
	"internal/wake/redistest": {},

	"runner":            {},
	"runner/docker":     {"runner"},
	"runner/process":    {"internal/memory", "runner"},
	"runner/runnertest": {"runner"},

	"internal/outbound": {"internal/fault"},

	"internal/logs":         {"internal/fault"},
	"internal/site":         {"internal/fault", "internal/lazy"},
	"internal/proxy":        {"internal/durable", "internal/fault", "internal/site"},
	"internal/source":       {"internal/fault"},
	"internal/secret":       {"internal/durable", "internal/fault"},
	"internal/build":        {"internal/build/detect", "internal/fault", "internal/source", "internal/spec"},
	"internal/build/detect": {"internal/fault", "internal/lazy", "internal/spec"},
	"internal/git":          {"internal/fault", "internal/outbound", "internal/source", "internal/spec"},

	"ent/schema":     {"leaves"},
	"ent/migrations": {"ent/migrate"},

	"internal/store":           {"ent/", "leaves"},
	"internal/store/storetest": {"ent/", "leaves", "internal/store"},
	"internal/access":          {"ent/", "leaves", "internal/store"},
	"internal/auth":            {"ent/", "leaves", "internal/store"},
	"internal/project":         {"ent/", "leaves", "internal/access", "internal/secret", "internal/store"},
	"internal/deploy":          {"ent/", "leaves", "internal/access", "internal/secret", "internal/store"},

	"internal/invariant": {"ent/", "leaves", "internal/deploy", "internal/logs", "internal/proxy", "internal/secret", "internal/site", "internal/source", "internal/store", "runner"},

	"internal/repository": {"ent/", "leaves", "internal/access", "internal/bucket", "internal/build", "internal/git", "internal/source"},

	"graph":           {"ent/", "graph/", "leaves", "internal/access", "internal/auth", "internal/bucket", "internal/deploy", "internal/project", "internal/repository", "internal/logs", "internal/wake"},
	"graph/guard":     {"internal/fault"},
	"graph/page":      {"leaves"},
	"graph/transport": {"internal/fault"},

	"worker":       {"ent/", "leaves", "worker/", "internal/auth", "internal/deploy", "internal/project", "internal/build", "internal/git", "internal/logs", "internal/proxy", "internal/site", "internal/source", "internal/wake", "runner"},
	"worker/queue": {"internal/fault", "internal/wake"},
}

// home names the packages that may import a third-party library; tests may
// import anything.
var home = map[string][]string{
	"github.com/lib/pq":             {"internal/store"},
	"modernc.org/sqlite":            {"internal/store"},
	"ariga.io/atlas":                {"ent/migrations"},
	"github.com/moby/moby":          {"runner/docker"},
	"github.com/moby/buildkit":      {"internal/build"},
	"github.com/hibiken/asynq":      {"worker/queue"},
	"github.com/alicebob/miniredis": {"worker/queue"},
	"github.com/99designs/gqlgen":   {"graph", "graph/guard", "graph/transport"},
	"github.com/coder/websocket":    {"graph/transport", "internal/client"},
	"github.com/Khan/genqlient":     {"internal/client"},
	"github.com/miekg/dns":          {"internal/proxy"},
	"github.com/andybalholm/brotli": {"internal/site"},
	"github.com/spf13/cobra":        {},
	"github.com/compose-spec":       {},
	"github.com/cli/browser":        {},

	"github.com/pelletier/go-toml":  {"internal/build/detect"},
	"github.com/tailscale/hujson":   {"internal/build/detect"},
	"github.com/Masterminds/semver": {"internal/build/detect"},
	"go.yaml.in/yaml":               {"internal/build/detect"},
}

func TestImportRule(t *testing.T) {
	t.Parallel()

	for name, imports := range packages(t) {
		if free(name) {
			continue
		}
		allowed, known := mayImport[name]
		if !known {
			t.Errorf("%s is not in the table: say what it may import", name)
			continue
		}
		for _, imp := range imports {
			if ours, ok := strings.CutPrefix(imp, module); ok {
				if ours != name && !matches(allowed, ours) {
					t.Errorf("%s must not import %s", name, ours)
				}
				continue
			}
			for lib, homes := range home {
				if of(lib, imp) && !slices.Contains(homes, name) {
					t.Errorf("%s must not import %s: it belongs to %v", name, imp, homes)
				}
			}
		}
	}
}

// What nobody imports is granted to nobody: a new import is a change of the table.
func TestEveryGrantIsUsed(t *testing.T) {
	t.Parallel()

	all := packages(t)
	for name, allowed := range mayImport {
		if _, exists := all[name]; !exists {
			t.Errorf("%s is in the table and does not exist", name)
		}
		for _, grant := range allowed {
			if !slices.ContainsFunc(all[name], func(imp string) bool {
				ours, ok := strings.CutPrefix(imp, module)
				return ok && ours != name && matches([]string{grant}, ours)
			}) {
				t.Errorf("%s may import %s and does not: take that out of the table", name, grant)
			}
		}
	}
	for lib, homes := range home {
		for _, name := range homes {
			if !slices.ContainsFunc(all[name], func(imp string) bool { return of(lib, imp) }) {
				t.Errorf("%s is a home of %s and does not import it: take that out of the table", name, lib)
			}
		}
	}
}

// of reports whether a package belongs to a library.
func of(lib, imp string) bool { return imp == lib || strings.HasPrefix(imp, lib+"/") }

// packages reads what each package of the module imports outside of its tests,
// whatever its build constraints. It reads the files itself, so that a cached
// result is never older than they are.
func packages(t *testing.T) map[string][]string {
	t.Helper()
	const root = "../.."
	out := map[string][]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil && rel != "." {
				return filepath.SkipDir // another module
			}
			if base := d.Name(); rel != "." && (base == "testdata" || base == "node_modules" || strings.HasPrefix(base, ".")) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		if program(file) {
			return nil
		}
		name := filepath.ToSlash(filepath.Dir(rel))
		out[name] = append(out[name], []string{}...)
		for _, i := range file.Imports {
			imp, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			out[name] = append(out[name], imp)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 20 {
		t.Fatalf("found only %d packages", len(out))
	}
	return out
}

// program reports whether a file is no part of its package: a generator that
// "go run" builds alone.
func program(file *ast.File) bool {
	for _, g := range file.Comments {
		for _, c := range g.List {
			if c.Text == "//go:build ignore" || c.Text == "//go:build tools" {
				return true
			}
		}
	}
	return false
}

// free reports whether name is wiring, a program or generated code.
func free(name string) bool {
	generated := strings.HasPrefix(name, "ent") && name != "ent/schema" && name != "ent/migrations" ||
		name == "graph/generated" || name == "graph/model"
	return generated || strings.HasPrefix(name, "cmd/") || strings.HasPrefix(name, "bench") ||
		strings.HasPrefix(name, "examples/") || strings.HasPrefix(name, "test/") || name == "internal/archtest"
}

func matches(allowed []string, name string) bool {
	for _, a := range allowed {
		switch {
		case a == "leaves" && slices.Contains(leaves, name), a == name:
			return true
		case strings.HasSuffix(a, "/") && strings.HasPrefix(name+"/", a):
			return true
		}
	}
	return false
}
