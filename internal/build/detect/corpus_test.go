package detect_test

import (
	"encoding/json"
	"flag"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/davitdev/davit/internal/build/detect"
	"github.com/davitdev/davit/internal/fault"
)

var update = flag.Bool("update", false, "write what is expected anew")

// The files of a corpus that are no part of the source.
const (
	wantPlan       = "want/plan.json"
	wantDockerfile = "want/Dockerfile"
	wantError      = "want/error"
)

// entry is one source of the corpus. A file called "a -> b" is a link.
type entry struct {
	source  fstest.MapFS
	options detect.Options
	want    map[string]string
	archive *txtar.Archive // without what is expected
}

func readEntry(t testing.TB, file string) entry {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	e := entry{source: fstest.MapFS{}, want: map[string]string{}, archive: &txtar.Archive{Comment: archive.Comment}}
	for line := range strings.Lines(string(archive.Comment)) {
		if text, ok := strings.CutPrefix(line, "options: "); ok {
			if err := json.Unmarshal([]byte(text), &e.options); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
		}
	}
	for _, f := range archive.Files {
		if strings.HasPrefix(f.Name, "want/") {
			e.want[f.Name] = string(f.Data)
			continue
		}
		e.archive.Files = append(e.archive.Files, f)
		if name, target, ok := strings.Cut(f.Name, " -> "); ok {
			e.source[name] = &fstest.MapFile{Mode: fs.ModeSymlink | 0o777, Data: []byte(target)}
			continue
		}
		e.source[f.Name] = &fstest.MapFile{Data: f.Data, Mode: 0o644}
	}
	return e
}

// planText is a plan without its Dockerfile, as people read it.
func planText(t *testing.T, p detect.Plan) string {
	t.Helper()
	p.Dockerfile = nil
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]any
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil || v == "" || v == 0.0 || v == false })
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(all); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func got(t *testing.T, e entry) map[string]string {
	t.Helper()
	p, err := detect.Detect(e.source, e.options)
	if err != nil {
		return map[string]string{wantError: string(fault.CodeOf(err)) + ": " + err.Error() + "\n"}
	}
	out := map[string]string{wantPlan: planText(t, p)}
	if p.DockerfilePath == "" {
		out[wantDockerfile] = string(p.Dockerfile)
	}
	return out
}

// Every source of the corpus is planned as expected, twice the same.
func TestCorpus(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/corpus/*.txtar")
	if err != nil || len(files) < 80 {
		t.Fatalf("the corpus has %d sources: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			e := readEntry(t, file)
			result := got(t, e)
			if diff := cmp.Diff(result, got(t, e)); diff != "" {
				t.Errorf("a second look differs:\n%s", diff)
			}
			if *update {
				for _, name := range slices.Sorted(maps.Keys(result)) {
					e.archive.Files = append(e.archive.Files, txtar.File{Name: name, Data: []byte(result[name])})
				}
				if err := os.WriteFile(file, txtar.Format(e.archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(e.want, result); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
