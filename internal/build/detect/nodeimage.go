package detect

import (
	"path"
	"slices"
	"strings"
)

// base is the image that builds and runs the application.
func (n *nodeApp) base(p *Plan) string {
	if n.bun {
		return "oven/bun:" + p.Version + "-slim"
	}
	return "node:" + p.Version + "-bookworm-slim"
}

// native are dependencies that may have to be compiled.
var native = []string{"argon2", "bcrypt", "better-sqlite3", "bufferutil", "canvas", "cpu-features", "farmhash", "isolated-vm", "node-pty", "node-sass", "re2", "sqlite3", "tree-sitter", "utf-8-validate"}

// fetched reports dependencies that git fetches.
func (n *nodeApp) fetched() bool {
	for _, deps := range []map[string]string{n.pack.Dependencies, n.pack.DevDependencies, n.rootPack.Dependencies, n.rootPack.DevDependencies} {
		for _, version := range deps {
			if strings.HasPrefix(version, "git") || strings.HasPrefix(version, "github:") {
				return true
			}
		}
	}
	return false
}

// buildStage begins a stage with the package manager and compilers.
func (n *nodeApp) buildStage(s *script, p *Plan, name string) {
	s.from(n.base(p), name)
	s.line("WORKDIR %s", appDir)
	var packages []string
	if used := n.pack.needsAny(native...); used != "" && !n.bun {
		n.say("Compilers are there while building, because %s may need them.", used)
		packages = append(packages, "build-essential", "python3")
	}
	if n.fetched() {
		packages = append(packages, "ca-certificates", "git")
	}
	s.apt(append(packages, p.Packages...)...)
	if n.pack.needs("puppeteer") {
		s.line("ENV PUPPETEER_SKIP_DOWNLOAD=true")
	}
	if setup := n.pm.setup(); setup != "" && !n.bun && (p.Install != "" || !n.rootPack.empty()) {
		s.run(setup, cache("/root/.npm"))
	}
	if env := n.pm.env(); len(env) > 0 {
		s.line("ENV %s", strings.Join(env, " "))
	}
}

// nodeInputs are files that installing reads, besides package.json.
var nodeInputs = []string{".npmrc", ".yarnrc", ".yarnrc.yml", ".pnpmfile.cjs", "pnpm-workspace.yaml", "bunfig.toml"}

// inputs copies what installing reads and nothing else, so that it runs again
// only when dependencies change.
func (n *nodeApp) inputs(s *script) {
	if why := n.wholeSource(); why != "" {
		n.say("%s", why)
		s.line("COPY . .")
		return
	}
	names := []string{"package.json"}
	if n.pm.lock != "" {
		names = append(names, n.pm.lock)
	}
	for _, f := range nodeInputs {
		if n.root.has(f) {
			names = append(names, f)
		}
	}
	s.line("COPY %s ./", strings.Join(names, " "))
	for _, dir := range []string{".yarn", "patches", "prisma"} {
		if n.root.hasDir(dir) {
			s.line("COPY %s ./%s", dir, dir)
		}
	}
	for _, m := range n.members {
		s.line("COPY %s %s/", path.Join(m.dir, "package.json"), m.dir)
	}
}

// wholeSource says why installing needs all of the source, "" if it does not.
func (n *nodeApp) wholeSource() string {
	if n.InstallCommand != "" {
		return "The whole source is copied before the install command of the settings runs, because nobody knows what it reads."
	}
	if script := n.rootPack.lifecycle(); script != "" {
		return "The whole source is copied before dependencies are installed, because the script " + script + " runs then."
	}
	for _, m := range n.members {
		if script := m.pack.lifecycle(); script != "" {
			return "The whole source is copied before dependencies are installed, because the script " + script + " of " + m.dir + " runs then."
		}
		if !plainPath(m.dir) {
			return "The whole source is copied before dependencies are installed, because a package of the workspace has an unusual path."
		}
	}
	for _, deps := range []map[string]string{n.rootPack.Dependencies, n.rootPack.DevDependencies, n.rootPack.OptionalDependencies} {
		for _, name := range sortedKeys(deps) {
			if v := deps[name]; strings.HasPrefix(v, "file:") || strings.HasPrefix(v, "link:") || strings.HasPrefix(v, "portal:") {
				return "The whole source is copied before dependencies are installed, because " + clip(name) + " is a part of it."
			}
		}
	}
	return ""
}

// compiled is a stage with dependencies and the result of the build.
func (n *nodeApp) compiled(s *script, p *Plan, out outcome) {
	n.buildStage(s, p, "build")
	if p.Install != "" {
		n.inputs(s)
		n.runInstall(s, p)
	}
	if p.Install == "" || n.wholeSource() == "" {
		s.line("COPY . .")
	}
	s.buildArgs()
	if p.Build == "" {
		return
	}
	var mounts []string
	for _, c := range out.caches {
		mounts = append(mounts, cache(path.Join(appDir, n.dir, c)))
	}
	n.inRoot(s, n.BuildCommand != "", func() { s.userRun(p.Build, mounts...) })
}

func (n *nodeApp) runInstall(s *script, p *Plan) {
	n.inRoot(s, n.InstallCommand != "", func() { s.userRun(p.Install, cache(n.pm.cache())) })
}

// inRoot runs somebody's own command in the root directory that was set, which
// may lie below that of the workspace.
func (n *nodeApp) inRoot(s *script, own bool, run func()) {
	if !own || n.dir == "" || n.contextDir == n.RootDirectory {
		run()
		return
	}
	s.line("WORKDIR %s", path.Join(appDir, n.dir))
	run()
	s.line("WORKDIR %s", appDir)
}

func (n *nodeApp) staticImage(p *Plan, out outcome) {
	s := n.script()
	if p.Build == "" && p.Install == "" {
		s.static(p, "", p.OutputDirectory)
		return
	}
	n.compiled(s, p, out)
	s.static(p, "build", path.Join(appDir, p.OutputDirectory))
}

func (n *nodeApp) serverImage(p *Plan, out outcome) {
	s := n.script()
	switch {
	case p.Build == "" && n.InstallCommand == "" && len(n.members) == 0 && n.rootPack.bare() && n.rootPack.lifecycle() == "" && !n.keepsDev(p):
		p.Install = ""
		n.finalStage(s, p, out)
		s.copyApp("", ".", ".")
	case p.Build == "" && len(n.members) == 0:
		n.plainImage(s, p, out)
	default:
		n.builtImage(s, p, out)
	}
	n.startImage(s, p)
}

// plainImage is for what needs no build: only its production dependencies come
// from another stage.
func (n *nodeApp) plainImage(s *script, p *Plan, out outcome) {
	whole := n.wholeSource() != ""
	n.buildStage(s, p, "build")
	n.inputs(s)
	switch production := n.pm.production(); {
	case n.InstallCommand != "":
		n.runInstall(s, p)
	case production != "" && !whole && !n.keepsDev(p):
		p.Install = production
		s.userRun(production, cache(n.pm.cache()))
	default:
		s.userRun(p.Install, cache(n.pm.cache()))
		n.pruned(s, p)
	}
	if whole { // its scripts may have changed more than node_modules
		n.finalStage(s, p, out)
		s.copyApp("build", appDir, ".")
		return
	}
	n.finalStage(s, p, out)
	s.copyApp("build", path.Join(appDir, "node_modules"), "./node_modules")
	s.copyApp("", ".", ".")
}

// builtImage takes from a build what it needs to run.
func (n *nodeApp) builtImage(s *script, p *Plan, out outcome) {
	n.compiled(s, p, out)
	custom := n.BuildCommand != "" || n.StartCommand != "" || n.procfile()[web] != ""
	if (!out.alone || custom) && p.Install != "" && n.InstallCommand == "" {
		n.pruned(s, p)
	}
	n.finalStage(s, p, out)
	switch {
	case out.alone && !custom:
		for _, c := range out.copies {
			s.copyApp("build", path.Join(appDir, n.dir, c.from), dot(c.to))
		}
	case len(out.copies) > 0 && n.dir == "" && !custom && !n.needsSource(p):
		if !n.rootPack.bare() {
			s.copyApp("build", path.Join(appDir, "node_modules"), "./node_modules")
		}
		for _, c := range out.copies {
			if c.from == "public" && !n.hasDir("public") {
				continue
			}
			s.copyApp("build", path.Join(appDir, c.from), dot(c.to))
		}
	default:
		s.copyApp("build", appDir, ".")
	}
}

// needsSource reports whether the start command names a file of the source.
func (n *nodeApp) needsSource(p *Plan) bool {
	for _, w := range strings.Fields(p.Start) {
		if p := path.Clean(w); plainPath(p) && n.has(p) {
			return true
		}
	}
	return false
}

func dot(p string) string {
	if p == "." {
		return "./"
	}
	return "./" + p
}

// pruned removes what only the build needed, unless starting needs it too.
func (n *nodeApp) pruned(s *script, p *Plan) {
	if n.keepsDev(p) || len(n.rootPack.DevDependencies) == 0 && len(n.members) == 0 {
		return
	}
	s.userRun(n.pm.prune(len(n.members) > 0), cache(n.pm.cache()))
}

// keepsDev reports whether a process starts by a program of a dependency that
// is only there for developing.
func (n *nodeApp) keepsDev(p *Plan) bool {
	for _, c := range p.Processes {
		prog := path.Base(program(strings.TrimPrefix(c.Command, "exec ")))
		dev := slices.ContainsFunc(programsOf(prog), func(name string) bool { return n.pack.DevDependencies[name] != "" && !n.pack.runs(name) })
		if dev {
			n.say("Development dependencies stay in the image, because %s of the process %s is one: move it to dependencies for a smaller image.", prog, c.Name)
			return true
		}
	}
	return false
}

// programsOf are the packages that may bring a program.
func programsOf(prog string) []string {
	names := map[string][]string{
		"react-router-serve": {"@react-router/serve"}, "remix-serve": {"@remix-run/serve"}, "nest": {"@nestjs/cli"}, "tsc": {"typescript"},
		"babel-node": {"@babel/node"}, "ts-node-script": {"ts-node"}, "nx": {"nx"},
	}
	return append([]string{prog}, names[prog]...)
}

// finalStage begins the image that runs.
func (n *nodeApp) finalStage(s *script, p *Plan, out outcome) {
	s.from(n.base(p), "")
	s.apt(p.Packages...)
	if n.usesManager(p) && !n.bun {
		s.run(n.pm.setup(), cache("/root/.npm"))
	}
	s.user(appDir)
	s.line("WORKDIR %s", appDir)
	env := []string{"NODE_ENV=production"}
	if !out.alone {
		bin := path.Join(appDir, "node_modules/.bin")
		if n.dir != "" {
			bin = path.Join(appDir, n.dir, "node_modules/.bin") + ":" + bin
		}
		env = append(env, "PATH="+bin+":$PATH")
	}
	if n.pack.runs("puppeteer") || n.pack.runs("puppeteer-core") {
		env = append(env, "PUPPETEER_EXECUTABLE_PATH=/usr/bin/chromium")
	}
	s.line("ENV %s", strings.Join(append(env, out.env...), " "))
}

// usesManager reports whether a process of an image of Node.js is run by a package
// manager that the image does not have.
func (n *nodeApp) usesManager(p *Plan) bool {
	if n.pm.setup() == "" {
		return false
	}
	return slices.ContainsFunc(p.Processes, func(c Process) bool {
		prog := program(c.Command)
		return prog == n.pm.name || prog == n.pm.name+"x" || strings.Contains(c.Command, n.pm.name+" ")
	})
}

// startImage ends the Dockerfile.
func (n *nodeApp) startImage(s *script, p *Plan) {
	if n.dir != "" && !n.standalone(p) {
		s.line("WORKDIR %s", path.Join(appDir, n.dir))
	}
	s.start(p)
	s.done(p)
}

// standalone reports whether the start command begins at the root of the
// workspace.
func (n *nodeApp) standalone(p *Plan) bool {
	return p.Start == "node "+path.Join(n.dir, "server.js") && n.fw != nil && n.fw.name == "Next.js"
}
