package detect

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/davitdev/davit/internal/fault"
)

// manifests are files that say that a directory is an application.
var manifests = []struct{ pattern, title string }{
	{"Dockerfile", "Dockerfile"},
	{"package.json", "Node.js"},
	{"go.mod", "Go"},
	{"requirements.txt", "Python"},
	{"pyproject.toml", "Python"},
	{"Pipfile", "Python"},
	{"Gemfile", "Ruby"},
	{"composer.json", "PHP"},
	{"Cargo.toml", "Rust"},
	{"pom.xml", "Java"},
	{"build.gradle", "Java"},
	{"build.gradle.kts", "Java"},
	{"*.csproj", ".NET"},
	{"mix.exs", "Elixir"},
	{"deno.json", "Deno"},
	{"index.html", "static files"},
}

// nothing says what to add where no detector found anything.
func (a *app) nothing() error {
	switch below := a.applications(); len(below) {
	case 0:
	case 1:
		dir, title, _ := strings.Cut(below[0], " ")
		return fault.New(fault.NotBuildable, "Nothing at the root of the source says how to build it, but %s does %s: set the root directory to %s.", dir, title, dir)
	default:
		return fault.New(fault.NotBuildable, "Nothing at the root of the source says how to build it, but there is %s: set the root directory to one of them, for example %s.",
			strings.Join(below, ", "), strings.SplitN(below[0], " ", 2)[0])
	}
	if len(a.procfile()) > 0 {
		return fault.New(fault.NotBuildable, "The Procfile says what to run, but nothing says how to build it: add the file that lists the dependencies, such as package.json, requirements.txt or go.mod, or a Dockerfile.")
	}
	if x := a.walk(); len(x.files) == 0 && len(x.dirs) == 1 {
		return fault.New(fault.NotBuildable, "The source is empty: add a Dockerfile, or a go.mod, package.json, requirements.txt or index.html at its root.")
	}
	return fault.New(fault.NotBuildable, "Nothing in the source says how to build it: add a Dockerfile, or a go.mod, package.json, requirements.txt, Gemfile, composer.json or index.html at its root.")
}

// applications lists directories below the root that look like one, as
// "web (Node.js)".
func (a *app) applications() []string {
	const depth, most = 3, 8
	titles := map[string][]string{}
	var dirs []string
	for _, m := range manifests {
		for _, name := range a.find(m.pattern, depth) {
			dir := path.Dir(name)
			if dir == "." || !plainPath(dir) {
				continue
			}
			if titles[dir] == nil {
				dirs = append(dirs, dir)
			}
			if !slices.Contains(titles[dir], m.title) {
				titles[dir] = append(titles[dir], m.title)
			}
		}
	}
	slices.SortFunc(dirs, func(x, y string) int {
		if d := strings.Count(x, "/") - strings.Count(y, "/"); d != 0 {
			return d
		}
		return strings.Compare(x, y)
	})
	var out []string
	for i, dir := range dirs {
		if i == most {
			return append(out, "…")
		}
		out = append(out, fmt.Sprintf("%s (%s)", a.below(dir), strings.Join(titles[dir], ", ")))
	}
	return out
}
