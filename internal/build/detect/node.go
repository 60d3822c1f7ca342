package detect

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lazy"
)

// nodeApp is an application of Node.js, which may be one package of a
// workspace.
type nodeApp struct {
	*app
	files    // of the package
	pack     manifest
	root     files // where the lock file is: the root of the workspace, or the same
	rootPack manifest

	dir        string // of the package below the root; "" is the root
	contextDir string // of the root below that of the source
	members    []member
	pm         manager
	fw         *framework
	bun        bool // Bun runs it, not Node.js
}

// entries are the names of programs, most telling first.
var nodeEntries = []string{
	"server.js", "server.mjs", "server.cjs", "index.js", "index.mjs", "index.cjs", "app.js", "app.mjs", "main.js", "main.mjs",
	"src/server.js", "src/index.js", "src/app.js", "src/main.js", "src/index.mjs", "bin/www", "server.ts", "index.ts", "app.ts", "main.ts", "src/server.ts", "src/index.ts", "src/main.ts", "src/app.ts",
}

func recogniseNode(a *app) match {
	var pack manifest
	ok, err := a.json("package.json", &pack)
	switch {
	case err != nil:
		return match{0.3, "a package.json that cannot be read"}
	case !ok && a.has("server.js"):
		return match{0.65, "server.js"}
	case !ok && a.first("index.html", "index.htm") == "" && a.first(nodeEntries[:10]...) != "":
		return match{0.4, a.first(nodeEntries[:10]...)}
	case !ok:
		return match{}
	}
	if f := frameworkOf(pack, a.files); f != nil {
		return match{0.9, "package.json with " + f.name}
	}
	if serves(pack.script("start")) {
		return match{0.85, "package.json with a start script"}
	}
	if len(workspacePatterns(a.files, pack)) > 0 {
		return match{0.7, "package.json of a workspace"}
	}
	if pack.Main != "" && a.has(path.Clean(pack.Main)) && !pack.empty() || a.first(nodeEntries...) != "" {
		return match{0.7, "package.json and " + a.first(append([]string{path.Clean(pack.Main)}, nodeEntries...)...)}
	}
	if pack.Scripts["build"] != "" && a.OutputDirectory != "" {
		return match{0.7, "package.json with a build script"}
	}
	if a.procfile()[web] != "" || a.StartCommand != "" {
		return match{0.55, "package.json"}
	}
	return match{0.3, "package.json"}
}

func planNode(a *app, p *Plan) error {
	n := &nodeApp{app: a, files: a.files, root: a.files, contextDir: a.RootDirectory}
	if ok, err := n.json("package.json", &n.pack); err != nil {
		return unreadable(a.below("package.json"), err)
	} else if !ok {
		a.say("There is no package.json, so nothing is installed.")
	}
	n.rootPack = n.pack
	if a.RootDirectory == "" || !n.above() {
		if err := n.within(); err != nil {
			return err
		}
	}
	p.Context, p.Directory = n.contextDir, n.dir
	n.pm = n.chooseManager()
	n.fw = frameworkOf(n.pack, n.files)
	return n.plan(p)
}

func (n *nodeApp) plan(p *Plan) error {
	out := outcome{}
	if n.fw != nil {
		p.Framework = n.fw.name
		n.say("The framework is %s.", n.fw.name)
		out = n.fw.outcome(n)
	}
	start := n.startCommand(&out)
	n.forceStatic(&out, start)
	if out.missing != "" && n.StartCommand == "" && n.procfile()[web] == "" {
		return fault.New(fault.NotBuildable, "%s", out.missing)
	}
	if err := n.chooseRuntime(p, start); err != nil {
		return err
	}
	if !n.rootPack.empty() || len(n.members) > 0 {
		p.PackageManager, p.Install = n.pm.title(), n.install(n.pm.install())
	}
	p.Build = n.compile(n.buildCommand(out))
	p.Packages = sorted(append(slices.Clone(n.Packages), n.libraries()...))
	if out.static {
		p.Builder, p.OutputDirectory, p.SPA = Static, path.Join(n.dir, out.dir), out.spa
		n.say("The files of %s are served; an unknown path is answered with %s.", p.OutputDirectory, whatFor(out.spa))
		n.staticImage(p, out)
		return nil
	}
	p.Port = n.port(n.listens(start))
	missing := "package.json does not say how to start: add a start script, for example \"node server.js\", or set the start command."
	if n.pack.Scripts["build"] != "" {
		missing = "package.json has a build script, but nothing says what to run then: add a start script, for example \"node dist/index.js\", or set the output directory of a static site."
	}
	if err := n.processes(p, start, missing); err != nil {
		return err
	}
	n.serverImage(p, out)
	return nil
}

func whatFor(spa bool) string {
	if spa {
		return "index.html"
	}
	return "404"
}

// forceStatic follows settings that ask for static files, or for a server.
func (n *nodeApp) forceStatic(out *outcome, start string) {
	commanded := n.StartCommand != "" || n.procfile()[web] != ""
	switch {
	case n.OutputDirectory != "" || n.Builder == Static:
		if n.OutputDirectory != "" {
			if out.static && out.dir != n.OutputDirectory {
				n.say("The output directory of %s replaces %s.", n.who("outputDirectory"), out.dir)
			}
			out.dir = n.OutputDirectory
		}
		if out.dir == "" {
			out.dir = "dist"
			n.say("Nothing says where the static files are: dist is taken.")
		}
		if !out.static {
			n.say("The result is served as static files, as the settings say.")
		}
		out.static, out.missing = true, ""
	case out.static && commanded:
		n.say("A start command is set, so the result is run and not served as static files.")
		out.static = false
	case out.static && serves(start):
		n.say("The start script runs a server, so the result is run and not served as static files.")
		out.static = false
	}
}

// startCommand finds how the application starts, "" if nothing says.
func (n *nodeApp) startCommand(out *outcome) string {
	script := n.pack.script("start")
	switch {
	case out.always && out.start != "":
		if script != "" && script != out.start {
			n.say("The start script %q is replaced by %q.", clip(script), out.start)
		}
		return out.start
	case out.static && !serves(script):
		return ""
	case script != "" && out.start != "" && !serves(script):
		return out.start
	case script != "":
		n.say("It starts by the start script, %q.", clip(script))
		if pm := program(script); pm == "nodemon" || pm == "ts-node-dev" {
			n.say("%s is for developing: let the start script run the program itself.", pm)
		}
		return script
	case out.start != "":
		n.say("There is no start script: it starts by %q.", out.start)
		return out.start
	case n.pack.script("start:prod") != "":
		n.say("It starts by the script start:prod.")
		return n.pack.script("start:prod")
	}
	if main := path.Clean(n.pack.Main); n.pack.Main != "" && plainPath(main) && n.has(main) {
		n.say("There is no start script: main of package.json names %s.", main)
		return n.interpreter() + " " + main
	}
	if entry := n.first(nodeEntries...); entry != "" {
		n.say("There is no start script: %s is run.", entry)
		return n.interpreter() + " " + entry
	}
	return ""
}

func (n *nodeApp) interpreter() string {
	if n.pm.name == "bun" {
		return "bun"
	}
	return "node"
}

// buildCommand is what makes the result.
func (n *nodeApp) buildCommand(out outcome) string {
	script := n.pack.Scripts["build"]
	if n.dir != "" && script != "" && n.root.has("turbo.json") && n.rootPack.needs("turbo") {
		n.say("turbo.json is there, so Turborepo builds the application after what it needs.")
		return n.pm.exec("turbo run build --filter=./" + n.dir)
	}
	var steps []string
	before := n.before()
	for _, dir := range before {
		steps = append(steps, n.pm.run("build", dir))
	}
	if len(before) > 0 {
		n.say("The workspace's packages %s are built first.", strings.Join(before, ", "))
	}
	switch {
	case script != "":
		steps = append(steps, n.pm.run("build", n.dir))
	case out.build != "" && n.dir == "":
		steps = append(steps, n.pm.exec(out.build))
	case out.build != "":
		steps = append(steps, "cd "+n.dir+" && "+n.pm.exec(out.build))
	}
	return strings.Join(steps, " && ")
}

// chooseRuntime decides between Node.js and Bun, and on its version.
func (n *nodeApp) chooseRuntime(p *Plan, start string) error {
	if n.pm.name == "bun" && (program(start) == "bun" || program(start) == "bunx" || n.pack.needs("elysia") || strings.HasSuffix(start, ".ts")) {
		n.bun = true
		n.say("Bun runs the application.")
		p.Language = "Bun"
		var err error
		p.Version, p.VersionFrom, err = n.version(bunVersions, append([]saying{{n.word(".bun-version"), ".bun-version"}, {bunOf(n.rootPack), "package.json"}}, n.tools("bun")...)...)
		return err
	}
	said := []saying{{n.word(".node-version"), ".node-version"}, {n.word(".nvmrc"), ".nvmrc"}}
	said = append(said, n.tools("node", "nodejs")...)
	said = append(said, saying{n.pack.Volta["node"], "volta of package.json"}, saying{n.pack.Engines["node"], "engines of package.json"})
	if n.dir != "" {
		said = append(said, saying{n.root.word(".node-version"), "the workspace's .node-version"}, saying{n.root.word(".nvmrc"), "the workspace's .nvmrc"},
			saying{n.rootPack.Volta["node"], "volta of the workspace's package.json"}, saying{n.rootPack.Engines["node"], "engines of the workspace's package.json"})
	}
	var err error
	p.Version, p.VersionFrom, err = n.version(nodeVersions, said...)
	return err
}

func bunOf(pack manifest) string {
	if m := packageManager().FindStringSubmatch(pack.PackageManager); m != nil && m[1] == "bun" {
		return m[2]
	}
	return pack.Engines["bun"]
}

var listenPort = lazy.Regexp(`\.listen\(\s*\{?\s*(?:port\s*:\s*)?(\d{2,5})\b`)

// listens is the port that the program itself names, where it does not ask
// for PORT, else the usual one.
func (n *nodeApp) listens(start string) int {
	const usual = 8080
	w, ok := words(start)
	if !ok || len(w) < 2 {
		return usual
	}
	text := n.text(path.Clean(w[len(w)-1]))
	if strings.Contains(text, "env.PORT") {
		return usual
	}
	m := listenPort().FindStringSubmatch(text)
	if m == nil {
		return usual
	}
	port, err := strconv.Atoi(m[1])
	if err != nil || port > 65535 {
		return usual
	}
	n.say("%s listens on port %d whatever PORT says.", path.Clean(w[len(w)-1]), port)
	return port
}

// libraries are the Debian packages that dependencies load when they run.
func (n *nodeApp) libraries() []string {
	var out []string
	if n.pack.needsAny("@prisma/client", "prisma") != "" {
		out = append(out, "openssl", "ca-certificates")
	}
	if n.pack.runs("puppeteer") || n.pack.runs("puppeteer-core") {
		n.say("Puppeteer uses the Chromium of Debian.")
		out = append(out, "chromium")
	}
	return out
}
