package detect_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/davitdev/davit/internal/build/detect"
	"github.com/davitdev/davit/internal/fault"
)

// Whatever a source has in the files that are read, detection ends soon, blames
// the source in a sentence or makes a Dockerfile in which nothing of the source
// has become an instruction.
func FuzzDetect(f *testing.F) {
	names := []string{
		"package.json", "davit.toml", "Procfile", "pyproject.toml", "go.mod", "Cargo.toml", "Gemfile", "composer.json", "pom.xml", "mix.exs",
		"deno.json", "requirements.txt", "angular.json", "pnpm-workspace.yaml", "next.config.js", "app/App.csproj", ".nvmrc", ".tool-versions", "mise.toml", "runtime.txt",
	}
	seeds := []string{
		"", "\x00", "\xff\xfe", "{", "[[[[", strings.Repeat("[", 100_000), strings.Repeat("a: &a [*a]\n", 100),
		"web: a\nRUN evil\n", "x = \"\"\"\nRUN evil\n\"\"\"", `{"scripts":{"start":"a\nRUN evil","build":"x"},"dependencies":{"next":"1","express":"1"},"main":"../../etc/passwd"}`,
		"startCommand = \"a\\nRUN evil\"\nbuildCommand = \"b \\\\\"\npackages = [\"x\\nRUN evil\"]\n", "[project]\nname='a'\ndependencies=['flask','gunicorn']\n",
		"module x\n\ngo 1.24\n", "[package]\nname = \"a\\nRUN evil\"\n", "22\nRUN evil", "python-3.12\nRUN evil",
	}
	for i, s := range seeds {
		f.Add(uint8(i), s, uint8(i+1), "web: x")
		f.Add(uint8(0), s, uint8(i), s)
	}
	f.Fuzz(func(t *testing.T, first uint8, a string, second uint8, b string) {
		fsys := fstest.MapFS{
			"main.go": {Data: []byte("package main\n")}, "app.py": {Data: []byte("app = Flask(__name__)\n")}, "src/main.rs": {}, "config.ru": {},
			"public/index.php": {}, "server.js": {}, "main.ts": {}, "package-lock.json": {},
		}
		fsys[names[int(first)%len(names)]] = &fstest.MapFile{Data: []byte(a)}
		fsys[names[int(second)%len(names)]] = &fstest.MapFile{Data: []byte(b)}
		p, err := detect.Detect(fsys, detect.Options{Secrets: []string{"TOKEN"}})
		if err != nil {
			if !fault.Is(err, fault.NotBuildable) {
				t.Errorf("%v (%s)", err, fault.CodeOf(err))
			}
			return
		}
		ast, err := parser.Parse(strings.NewReader(string(p.Dockerfile)))
		if err != nil {
			t.Fatalf("%v:\n%s", err, p.Dockerfile)
		}
		if _, _, err := instructions.Parse(ast.AST, nil); err != nil {
			t.Fatalf("%v:\n%s", err, p.Dockerfile)
		}
		for _, n := range ast.AST.Children {
			if strings.EqualFold(n.Value, "RUN") && strings.HasPrefix(strings.TrimSpace(strings.TrimPrefix(n.Original, n.Value)), "evil") {
				t.Errorf("the source has made an instruction:\n%s", p.Dockerfile)
			}
		}
	})
}
