// Package archtest keeps the import rule of the house: it fails when a package
// imports one it must not know, and when a third-party library that belongs to
// one package is named by another.
package archtest

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/davitdev/davit/"

// leaves are pure: values and functions without I/O. Everybody may import
// them; they import only what their own row says.
var leaves = []string{"internal/enum", "internal/fault", "internal/ident", "internal/lifecycle", "internal/spec", "internal/principal"}

// mayImport lists, for each package of ours, which others of ours it may
// import besides itself. A trailing slash covers the package and all below it.
// cmd/ wires everything and is free; so is generated code.
var mayImport = map[string][]string{
	"internal/fault":          {},
	"internal/ident":          {},
	"internal/enum":           {},
	"internal/lifecycle":      {"internal/enum", "internal/fault"},
	"internal/spec":           {"internal/enum", "internal/fault"},
	"internal/principal":      {"internal/enum", "internal/fault"},
	"internal/config":         {"internal/fault"},
	"internal/golden":         {},
	"internal/wake":           {},
	"internal/wake/redistest": {},

	"runner":            {},
	"runner/docker":     {"runner"},
	"runner/process":    {"runner"},
	"runner/runnertest": {"runner"},

	"internal/logs":   {"internal/fault"},
	"internal/proxy":  {"internal/fault"},
	"internal/source": {"internal/fault"},
	"internal/secret": {"internal/fault"},
	"internal/build":  {"internal/fault", "internal/source"},

	"ent/schema":     {"leaves"},
	"ent/migrations": {"ent/migrate"},

	"internal/store":           {"ent/", "leaves"},
	"internal/store/storetest": {"ent/", "leaves", "internal/store"},
	"internal/access":          {"ent/", "leaves", "internal/store"},
	"internal/auth":            {"ent/", "leaves", "internal/access", "internal/secret", "internal/store", "internal/wake"},
	"internal/project":         {"ent/", "leaves", "internal/access", "internal/secret", "internal/store", "internal/wake"},
	"internal/deploy":          {"ent/", "leaves", "internal/access", "internal/secret", "internal/store", "internal/wake"},

	"graph":           {"ent/", "graph/", "leaves", "internal/access", "internal/auth", "internal/deploy", "internal/project", "internal/logs", "internal/wake"},
	"graph/guard":     {"internal/fault"},
	"graph/page":      {"leaves"},
	"graph/transport": {"internal/fault"},

	"worker":       {"ent/", "leaves", "worker/", "internal/access", "internal/auth", "internal/deploy", "internal/project", "internal/build", "internal/logs", "internal/proxy", "internal/secret", "internal/source", "internal/wake", "runner"},
	"worker/queue": {"internal/fault", "internal/wake"},
}

// home names the packages that may import a third-party library; tests may
// import anything.
var home = map[string][]string{
	"github.com/lib/pq":             {"internal/store"},
	"modernc.org/sqlite":            {"internal/store"},
	"ariga.io/atlas":                {"ent/migrations", "internal/store"},
	"github.com/moby/moby":          {"runner/docker"},
	"github.com/moby/buildkit":      {"internal/build"},
	"github.com/hibiken/asynq":      {"worker", "worker/queue"},
	"github.com/alicebob/miniredis": {"worker/queue"},
	"github.com/99designs/gqlgen":   {"graph", "graph/guard", "graph/transport"},
	"github.com/coder/websocket":    {"graph/transport", "internal/client"},
	"github.com/miekg/dns":          {"internal/proxy"},
	"github.com/spf13/cobra":        {},
}

type pkg struct {
	ImportPath string
	Imports    []string
}

func TestImportRule(t *testing.T) {
	t.Parallel()

	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", module+"...").Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			t.Fatalf("go list: %s", exit.Stderr)
		}
		t.Fatal(err)
	}
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(p.ImportPath, module)
		if free(name) {
			continue
		}
		allowed, known := mayImport[name]
		if !known {
			t.Errorf("%s is not in the table: say what it may import", name)
			continue
		}
		for _, imp := range p.Imports {
			if ours, ok := strings.CutPrefix(imp, module); ok {
				if !matches(allowed, ours) {
					t.Errorf("%s must not import %s", name, ours)
				}
				continue
			}
			for lib, homes := range home {
				if (imp == lib || strings.HasPrefix(imp, lib+"/")) && !slices.Contains(homes, name) {
					t.Errorf("%s must not import %s: it belongs to %v", name, imp, homes)
				}
			}
		}
	}
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
