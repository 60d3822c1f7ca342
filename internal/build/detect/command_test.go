package detect

import (
	"strings"
	"testing"
	"testing/fstest"
)

// Names that a source makes up get into shell text, so that only harmless ones do.
func TestNamesOfASourceAreNoCommands(t *testing.T) {
	t.Parallel()

	beside := map[string]string{"composer.json": "public/index.php", "Cargo.toml": "Cargo.lock", "pyproject.toml": "app/__init__.py"}
	for file, text := range map[string]string{
		"composer.json":  `{"require": {"php": "8.4", "ext-NAME": "*"}}`,
		"Cargo.toml":     "[package]\nname = \"app\"\n[[bin]]\nname = \"NAME\"\n",
		"pyproject.toml": "[project]\nname = \"app\"\n[project.scripts]\n\"NAME\" = \"app:main\"\n[tool.poetry]\n",
	} {
		found := func(name string) bool {
			p, err := Detect(fstest.MapFS{
				file: {Data: []byte(strings.ReplaceAll(text, "NAME", name))}, "poetry.lock": {}, beside[file]: {},
			}, Options{})
			return err == nil && strings.Contains(string(p.Dockerfile), name)
		}
		if !found("harmless-1") {
			t.Errorf("%s: a harmless name is not used", file)
		}
		for _, name := range []string{"a;evil", "a evil", "$(evil)", "--evil", "a/../evil", "evil`"} {
			if found(name) {
				t.Errorf("%s: the name %q is used", file, name)
			}
		}
	}
}
