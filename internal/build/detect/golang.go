package detect

import (
	"bytes"
	gobuild "go/build"
	goparser "go/parser"
	"go/token"
	"io"
	"path"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"

	"github.com/davitdev/davit/internal/fault"
)

// goMainArg is the build argument that chooses the program to build.
const goMainArg = "GO_MAIN"

// maxPrograms bounds the places of a source in which a program is looked for.
const maxPrograms = 100

// goModule is what a go.mod says.
type goModule struct {
	name     string
	sums     bool // there is a go.sum
	vendored bool // dependencies are part of the source
	download bool // dependencies can be fetched before the source is copied
	cgo      string
	main     string
	mains    []string
	data     []string // directories a program may read when it runs
	dir      string   // of the module below the context, where it needs more of the source than itself
}

func recogniseGo(a *app) match {
	switch {
	case a.has("go.mod") && len(a.mainPackages()) > 0:
		return match{0.9, "go.mod"}
	case a.has("go.mod"):
		return match{0.4, "a go.mod without a program"}
	case a.has("go.work"):
		return match{0.4, "go.work"}
	case a.has("main.go"):
		return match{0.3, "main.go"}
	}
	return match{}
}

func planGo(a *app, p *Plan) error {
	if !a.has("go.mod") {
		if modules := a.find("go.mod", 3); len(modules) > 0 {
			dirs := make([]string, len(modules))
			for i, m := range modules {
				dirs[i] = path.Dir(m)
			}
			return fault.New(fault.NotBuildable, "There is no go.mod at the root, but in %s: set the root directory to one of them.", strings.Join(clipAll(dirs), ", "))
		}
		return fault.New(fault.NotBuildable, "There is no go.mod: add one with \"go mod init\".")
	}
	m, err := a.readModule(p)
	if err != nil {
		return err
	}
	ways := a.ways()
	if a.BuildCommand == "" {
		m.main, err = a.chooseMain(m.mains, ways)
		if err != nil {
			return err
		}
	}
	// The settings' start command is followed wherever the program runs.
	p.Custom = p.Custom || ways && (len(a.procfile()) > 0 || len(a.Processes) > 0 || a.byFile["startCommand"])
	p.Port, p.Package, p.Packages = a.port(8080), m.main, sorted(slices.Clone(a.Packages))
	if m.download {
		p.Install = "go mod download"
	}
	p.Install = a.install(p.Install)
	p.Build = a.compile(strings.TrimSpace("go build -trimpath " + m.main))
	start := "/app"
	small := a.BuildCommand == "" && a.InstallCommand == "" && !ways && m.cgo == "" && len(p.Packages) == 0
	switch {
	case !small && (a.BuildCommand != "" || strings.Contains(m.main, " ")):
		start = ""
	case !small:
		start = "/app/bin/" + m.binary(m.main)
	}
	if err := a.processes(p, start, "Nothing says what the build command makes: set the start command, for example \"bin/server\"."); err != nil {
		return err
	}
	for _, d := range m.data {
		a.say("The directory %s is put beside the program, which may read it.", d)
	}
	if small {
		m.smallImage(a, p)
		return nil
	}
	m.largeImage(a, p)
	return nil
}

// ways reports whether somebody said how processes start. The program of the
// small image with arguments is no other way.
func (a *app) ways() bool {
	w, ok := words(a.StartCommand)
	small := ok && w[0] == "/app"
	return len(a.procfile()) > 0 || a.StartCommand != "" && !small || len(a.Processes) > 0
}

// binary is the name of a program's file.
func (m goModule) binary(pkg string) string {
	if pkg == "." || pkg == "" {
		base := path.Base(m.name)
		if _, major, ok := module.SplitPathVersion(m.name); ok && major != "" && path.Base(m.name) == strings.TrimPrefix(major, "/") {
			base = path.Base(path.Dir(m.name))
		}
		if plainPath(base) {
			return base
		}
		return "app"
	}
	return path.Base(pkg)
}

// cgoModules are those that need a C compiler, or else fail when they run.
var cgoModules = []string{"github.com/mattn/go-sqlite3", "github.com/confluentinc/confluent-kafka-go", "github.com/confluentinc/confluent-kafka-go/v2"}

// goData are directories that programs read when they run.
var goData = []string{"assets", "locales", "migrations", "public", "static", "templates", "views"}

func (a *app) readModule(p *Plan) (goModule, error) {
	f, err := modfile.Parse("go.mod", []byte(a.text("go.mod")), nil)
	if err != nil {
		return goModule{}, fault.Wrap(err, fault.NotBuildable, "go.mod cannot be read: %s.", clip(err.Error()))
	}
	m := goModule{sums: a.has("go.sum"), vendored: a.has("vendor/modules.txt"), mains: a.mainPackages()}
	if f.Module != nil {
		m.name = f.Module.Mod.Path
	}
	var said []saying
	for _, text := range []string{toolchain(f), goLine(f)} {
		// A Go from before toolchains could be told apart is built unchanged by later ones.
		if line, ok, old := goVersions.resolve(goRelease(text)); ok && !old {
			said = append(said, saying{line, "go.mod"})
			break
		}
	}
	if p.Version, p.VersionFrom, err = a.version(goVersions, said...); err != nil {
		return m, err
	}
	// A replacement by a directory must be there before anything is fetched.
	local := slices.ContainsFunc(f.Replace, func(r *modfile.Replace) bool { return r.New.Version == "" })
	if a.leadsOut(f) {
		m.dir, p.Directory, p.Context = a.RootDirectory, a.RootDirectory, ""
	}
	m.download = len(f.Require) > 0 && !local && !a.has("go.work") && !m.vendored && m.dir == ""
	for _, r := range f.Require {
		if slices.Contains(cgoModules, r.Mod.Path) {
			m.cgo = r.Mod.Path
			a.say("cgo is on, because %s needs it.", r.Mod.Path)
		}
	}
	for _, d := range goData {
		if a.hasDir(d) && !slices.ContainsFunc(a.walk().in[d], func(n string) bool { return strings.HasSuffix(n, ".go") }) {
			m.data = append(m.data, d)
		}
	}
	return m, nil
}

// leadsOut reports whether a module below the root of the source needs others
// outside of it.
func (a *app) leadsOut(f *modfile.File) bool {
	if !plainPath(a.RootDirectory) {
		return false
	}
	for _, r := range f.Replace {
		if r.New.Version == "" && strings.HasPrefix(path.Clean(r.New.Path), "..") {
			a.say("go.mod replaces %s by %s, so the build sees the whole source.", clip(r.Old.Path), clip(r.New.Path))
			return true
		}
	}
	for dir := path.Dir(a.RootDirectory); ; dir = path.Dir(dir) {
		file := path.Join(dir, "go.work")
		if w, err := modfile.ParseWork(file, []byte(a.root.text(file)), nil); err == nil {
			for _, u := range w.Use {
				if path.Join(dir, u.Path) == a.RootDirectory {
					a.say("%s uses the module, so the build sees the whole source.", file)
					return true
				}
			}
		}
		if dir == "." {
			return false
		}
	}
}

// goRelease is the release that a go or toolchain line names: "go1.26rc2" is
// of 1.26.
func goRelease(text string) string {
	parts := strings.SplitN(strings.TrimPrefix(text, "go"), ".", 3)
	if len(parts) < 2 {
		return ""
	}
	minor := strings.TrimLeft(parts[1], "0123456789")
	return parts[0] + "." + strings.TrimSuffix(parts[1], minor)
}

func toolchain(f *modfile.File) string {
	if f.Toolchain == nil {
		return ""
	}
	return f.Toolchain.Name
}

func goLine(f *modfile.File) string {
	if f.Go == nil {
		return ""
	}
	return f.Go.Version
}

// mainPackages lists the directories of the module that hold a program for
// Linux, as "./dir", the root as ".".
func (a *app) mainPackages() []string {
	if a.mains != nil {
		return *a.mains
	}
	mains, looked := []string{}, 0
	var others []string // modules inside
	x := a.walk()
	for _, dir := range x.dirs {
		names := x.in[dir]
		if dir != "." && slices.Contains(names, "go.mod") {
			others = append(others, dir+"/")
		}
		if slices.ContainsFunc(others, func(o string) bool { return strings.HasPrefix(dir+"/", o) }) {
			continue
		}
		if dir != "." && module.CheckImportPath("module/"+dir) != nil {
			continue // no package can have that name
		}
		if !slices.ContainsFunc(names, isGo) {
			continue
		}
		if looked++; looked > maxPrograms {
			break
		}
		if a.isProgram(dir, names) {
			mains = append(mains, strings.TrimSuffix("./"+dir, "/."))
		}
	}
	if !slices.Contains(x.dirs, ".") && a.has("main.go") { // too many files to list
		mains = append(mains, ".")
	}
	slices.Sort(mains)
	a.mains = &mains
	return mains
}

func isGo(name string) bool {
	return strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go")
}

// isProgram reports whether a file of dir that is compiled on Linux belongs to
// package main. All such files of a directory belong to the same package.
func (a *app) isProgram(dir string, names []string) bool {
	const (
		most   = 10      // files of one directory that might all be for other systems
		clause = 8 << 10 // bytes in which a file says its package
	)
	tried := 0
	for _, name := range names {
		if !isGo(name) || tried == most {
			continue
		}
		tried++
		head := a.raw(path.Join(dir, name), clause)
		ctx := gobuild.Context{
			GOOS: "linux", GOARCH: "amd64", Compiler: "gc",
			ReleaseTags: gobuild.Default.ReleaseTags,
			JoinPath:    path.Join,
			OpenFile:    func(string) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(head)), nil },
		}
		if match, err := ctx.MatchFile(dir, name); err != nil || !match {
			continue // what cannot be parsed is for the compiler to say
		}
		if parsed, err := goparser.ParseFile(token.NewFileSet(), name, head, goparser.PackageClauseOnly); err == nil {
			return parsed.Name.Name == "main"
		}
	}
	return false
}

// chooseMain picks the program to build. Where somebody said how processes
// start, all of them are: "" is no program in particular.
func (a *app) chooseMain(mains []string, ways bool) (string, error) {
	if chosen := a.Args[goMainArg]; chosen != "" {
		for _, m := range mains {
			if path.Clean(m) == path.Clean(chosen) {
				a.say("The program %s is built, as the build argument %s says.", m, goMainArg)
				return m, nil
			}
		}
		return "", fault.New(fault.NotBuildable, "The build argument %s names %q, where there is no program: %s.", goMainArg, clip(chosen), thereIs(mains))
	}
	if slices.Contains(mains, ".") {
		a.say("The program at the root is built.")
		return ".", nil
	}
	candidates := slices.DeleteFunc(slices.Clone(mains), func(m string) bool { return !strings.HasPrefix(m, "./cmd/") })
	if len(candidates) == 0 {
		candidates = mains
	}
	switch {
	case len(candidates) == 0:
		return "", fault.New(fault.NotBuildable, "The Go module has no program: add a package main at its root or below cmd/.")
	case len(candidates) == 1:
		a.say("The only program, %s, is built.", candidates[0])
		return candidates[0], nil
	case ways:
		a.say("All programs are built: %s.", strings.Join(clipAll(candidates), ", "))
		return strings.Join(candidates, " "), nil
	}
	return "", fault.New(fault.NotBuildable, "The Go module has several programs, %s: choose one with the build argument %s, for example %s=%s.",
		strings.Join(clipAll(candidates), ", "), goMainArg, goMainArg, candidates[0])
}

func thereIs(mains []string) string {
	if len(mains) == 0 {
		return "the module has none"
	}
	return "there is " + strings.Join(clipAll(mains), ", ")
}
