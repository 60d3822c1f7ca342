package detect

import (
	"encoding/json"
	"path"
	"slices"
	"strings"

	"github.com/davitdev/davit/internal/fault"
)

// member is a package of a workspace.
type member struct {
	dir  string // below the root of the workspace
	pack manifest
}

// Bounds of a workspace. Patterns are matched against every package.json.
const (
	maxMembers  = 200
	maxPatterns = 100
)

// workspacePatterns are the globs of a workspace's members; nil if dir is the root of
// none.
func workspacePatterns(root files, pack manifest) []string {
	var list []string
	var object struct {
		Packages []string `json:"packages"`
	}
	switch {
	case json.Unmarshal(pack.Workspaces, &list) == nil && len(list) > 0:
	case json.Unmarshal(pack.Workspaces, &object) == nil && len(object.Packages) > 0:
		list = object.Packages
	default:
		var y struct {
			Packages []string `yaml:"packages"`
		}
		if ok, err := root.yaml("pnpm-workspace.yaml", &y); ok && err == nil {
			list = y.Packages
		}
	}
	return list[:min(len(list), maxPatterns)]
}

// members reads the packages of a workspace, by directory.
func members(root *files, patterns []string) []member {
	var out []member
	for _, name := range root.find("package.json", maxDepth) {
		dir := path.Dir(name)
		if len(out) == maxMembers {
			break
		}
		if dir == "." || !inWorkspace(dir, patterns) {
			continue
		}
		var pack manifest
		if ok, err := root.json(name, &pack); ok && err == nil {
			out = append(out, member{dir, pack})
		}
	}
	slices.SortFunc(out, func(a, b member) int { return strings.Compare(a.dir, b.dir) })
	return out
}

// inWorkspace matches a directory against globs: "apps/*", "packages/**",
// "!packages/old".
func inWorkspace(dir string, patterns []string) bool {
	in := false
	for _, p := range patterns {
		negated := strings.HasPrefix(p, "!")
		p = strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(p, "!"), "./"), "/")
		if globDir(p, dir) {
			in = !negated
		}
	}
	return in
}

func globDir(pattern, dir string) bool {
	prefix, deep := strings.CutSuffix(pattern, "/**")
	if deep {
		parts := strings.Split(dir, "/")
		for i := 1; i < len(parts); i++ {
			if ok, err := path.Match(prefix, strings.Join(parts[:i], "/")); ok && err == nil {
				return true
			}
		}
		return false
	}
	if pattern == "*" || pattern == "**" {
		return pattern == "**" || !strings.Contains(dir, "/")
	}
	ok, err := path.Match(pattern, dir)
	return ok && err == nil
}

// above finds the workspace that the root directory belongs to, nearest first.
func (n *nodeApp) above() bool {
	dir := n.RootDirectory
	for dir != "" {
		parent := path.Dir(dir)
		if parent == "." {
			parent = ""
		}
		root := n.app.root
		if parent != "" {
			var err error
			if root, err = n.app.root.sub(parent); err != nil {
				return false
			}
		}
		var pack manifest
		if ok, err := root.json("package.json", &pack); (ok && err == nil) || root.has("pnpm-workspace.yaml") {
			rel := strings.TrimPrefix(strings.TrimPrefix(n.RootDirectory, parent), "/")
			if patterns := workspacePatterns(root, pack); plainPath(rel) && inWorkspace(rel, patterns) {
				n.root, n.rootPack, n.dir, n.contextDir = root, pack, rel, parent
				n.members = members(&n.root, patterns)
				n.say("%s belongs to the workspace of %s, so dependencies are installed there.", rel, path.Join(parent, "package.json"))
				return true
			}
		}
		dir = parent
	}
	return false
}

// within chooses an application among the members of the workspace whose root
// the application's directory is.
func (n *nodeApp) within() error {
	n.members = members(&n.root, workspacePatterns(n.root, n.pack))
	if len(n.members) == 0 {
		return nil
	}
	if n.runnable(n.pack, n.root) || n.StartCommand != "" || n.OutputDirectory != "" || n.app.has("Procfile") {
		n.say("The root of the workspace itself is built: it says how to start.")
		return nil
	}
	var apps []string
	for _, m := range n.members {
		dir, err := n.root.sub(m.dir)
		if err == nil && n.runnable(m.pack, dir) {
			apps = append(apps, m.dir)
		}
	}
	switch len(apps) {
	case 0:
		return fault.New(fault.NotBuildable, "The workspace has %d packages, and none of them says how to start: add a start script to the package.json of the one to deploy, and set the root directory to its directory.", len(n.members))
	case 1:
		n.say("The workspace has one application, %s, which is built.", apps[0])
		return n.enter(apps[0])
	}
	return fault.New(fault.NotBuildable, "The workspace has several applications, %s: set the root directory to one of them, for example %s.", strings.Join(clipAll(apps), ", "), clip(apps[0]))
}

// runnable reports whether a package is an application and no library.
func (n *nodeApp) runnable(pack manifest, dir files) bool {
	return pack.Scripts["start"] != "" || frameworkOf(pack, dir) != nil
}

// enter makes a member the application.
func (n *nodeApp) enter(dir string) error {
	if !plainPath(dir) {
		return fault.New(fault.NotBuildable, "The directory %q must have a plain name to be built.", clip(dir))
	}
	sub, err := n.root.sub(dir)
	if err != nil {
		return err
	}
	n.files = sub
	n.dir, n.pack = dir, manifest{}
	_, err = n.json("package.json", &n.pack)
	return err
}

// before lists the members that the application needs built first, each after
// those it needs itself.
func (n *nodeApp) before() []string {
	byName := map[string]member{}
	for _, m := range n.members {
		byName[m.pack.Name] = m
	}
	var out []string
	seen := map[string]bool{n.pack.Name: true}
	var visit func(p manifest)
	visit = func(p manifest) {
		for _, deps := range []map[string]string{p.Dependencies, p.DevDependencies} {
			for _, name := range sortedKeys(deps) {
				m, ours := byName[name]
				if !ours || seen[name] {
					continue
				}
				seen[name] = true
				visit(m.pack)
				if m.pack.Scripts["build"] != "" && plainPath(m.dir) {
					out = append(out, m.dir)
				}
			}
		}
	}
	visit(n.pack)
	return out
}

func clipAll(list []string) []string {
	const most = 10
	out := make([]string, 0, most)
	for i, s := range list {
		if i == most {
			return append(out, "…")
		}
		out = append(out, clip(s))
	}
	return out
}
