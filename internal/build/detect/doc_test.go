package detect

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

// The page about detection has the table that decides, and the versions.
func TestTheTableIsPublished(t *testing.T) {
	t.Parallel()
	const file, begin, end = "../../../docs/detection.md", "<!-- detectors -->\n", "<!-- end -->\n"
	versions := map[string]known{
		"elixir": elixirVersions, "ruby": rubyVersions, "php": phpVersions, "python": pythonVersions, "go": goVersions, "rust": rustVersions,
		"java": javaVersions, "dotnet": dotnetVersions, "deno": denoVersions, "node": nodeVersions,
	}
	var table strings.Builder
	table.WriteString("| | language | found by | versions (default) |\n|---|---|---|---|\n")
	for i, d := range detectors {
		lines := ""
		if k, ok := versions[d.name]; ok {
			lines = fmt.Sprintf("%s (%s)", strings.Join(k.lines, ", "), k.fallback)
		}
		fmt.Fprintf(&table, "| %d | `%s` | %s | %s |\n", i+1, d.name, d.marks, lines)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(data), begin)
	published, tail, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("%s has no place for the table", file)
	}
	if published == table.String() {
		return
	}
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(file, []byte(head+begin+table.String()+end+tail), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("docs/detection.md is not of this code, run with -update; it should have\n%s", table.String())
}
