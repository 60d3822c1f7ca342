package detect

import (
	"encoding/json"
	"path"
	"slices"
	"strings"
)

// manifest is a package.json.
type manifest struct {
	Name                 string            `json:"name"`
	Main                 string            `json:"main"`
	Scripts              map[string]string `json:"scripts"`
	Dependencies         map[string]string `json:"dependencies"`
	DevDependencies      map[string]string `json:"devDependencies"`
	OptionalDependencies map[string]string `json:"optionalDependencies"`
	PackageManager       string            `json:"packageManager"`
	Engines              map[string]string `json:"engines"`
	Volta                map[string]string `json:"volta"`
	Workspaces           json.RawMessage   `json:"workspaces"`
}

// needs reports whether a package is a dependency of any kind.
func (m manifest) needs(name string) bool {
	return m.runs(name) || m.DevDependencies[name] != ""
}

// runs reports whether a package is there in production.
func (m manifest) runs(name string) bool {
	return m.Dependencies[name] != "" || m.OptionalDependencies[name] != ""
}

// needsAny is the first of names that is a dependency, "" if none is.
func (m manifest) needsAny(names ...string) string {
	for _, n := range names {
		if m.needs(n) {
			return n
		}
	}
	return ""
}

// empty reports whether there is nothing to install.
func (m manifest) empty() bool {
	return len(m.Dependencies)+len(m.DevDependencies)+len(m.OptionalDependencies) == 0
}

// bare reports whether nothing is installed in production.
func (m manifest) bare() bool { return len(m.Dependencies)+len(m.OptionalDependencies) == 0 }

// lifecycle is the first script that installing runs and that may need the
// source, "" if there is none. What sets up git hooks needs none.
func (m manifest) lifecycle() string {
	for _, name := range []string{"preinstall", "install", "postinstall", "prepare"} {
		if script := m.Scripts[name]; script != "" && !hooks(script) {
			return name
		}
	}
	return ""
}

func hooks(script string) bool {
	for _, tool := range []string{"husky", "lefthook", "simple-git-hooks", "is-ci", "only-allow"} {
		if strings.Contains(script, tool) {
			return true
		}
	}
	return false
}

// scriptOf is the name of the script that a command runs, "" for any other.
func scriptOf(command string) string {
	w, ok := words(command)
	if !ok {
		return ""
	}
	switch {
	case len(w) == 2 && w[0] == "npm" && w[1] == "start":
		return "start"
	case len(w) == 3 && slices.Contains([]string{"npm", "pnpm", "yarn", "bun"}, w[0]) && (w[1] == "run" || w[1] == "run-script"):
		return w[2]
	case len(w) == 2 && (w[0] == "yarn" || w[0] == "pnpm"):
		return w[1]
	}
	return ""
}

// script is what a script does, without package managers in between: none of
// them passes signals on. What runs before and after it runs too.
func (m manifest) script(name string) string {
	command := m.Scripts[name]
	for range 5 {
		next := scriptOf(command)
		if next == "" || m.Scripts[next] == "" {
			break
		}
		if m.Scripts["pre"+next] != "" {
			break
		}
		command = m.Scripts[next]
	}
	command = withoutCrossEnv(command)
	if pre := m.Scripts["pre"+name]; pre != "" && name == "start" {
		command = pre + " && " + command
	}
	return strings.TrimSpace(command)
}

// withoutCrossEnv says "cross-env A=b c" the way a shell does: the program is
// there only while developing.
func withoutCrossEnv(command string) string {
	rest, ok := strings.CutPrefix(command, "cross-env ")
	if !ok {
		return command
	}
	return strings.TrimSpace(rest)
}

// serveTools are programs that start scripts of sites run to show them.
var serveTools = []string{
	"vite", "vite-preview", "serve", "http-server", "live-server", "react-scripts", "react-app-rewired", "craco", "ng", "vue-cli-service", "parcel", "webpack",
	"webpack-dev-server", "gatsby", "docusaurus", "vitepress", "vuepress", "eleventy", "@11ty/eleventy", "npx", "rsbuild", "snowpack", "rollup", "esbuild", "astro",
	"preact", "ember", "nuxt", "svelte-kit", "expo", "hexo", "storybook", "wmr", "sirv",
}

// serves reports whether a start command runs a server of its own, and not
// just the preview of a site.
func serves(command string) bool {
	if command == "" {
		return false
	}
	w := program(command)
	return !slices.Contains(serveTools, path.Base(w))
}
