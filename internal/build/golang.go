package build

import (
	_ "embed"
	"fmt"
	gobuild "go/build"
	goparser "go/parser"
	"go/token"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"

	"github.com/davitdev/davit/internal/fault"
)

// goMainArg is the build argument that chooses the program to build.
const goMainArg = "GO_MAIN"

// newestGo builds modules that ask for a Go from before toolchains could be
// told apart (1.21): later ones build them unchanged.
const newestGo = "1.26"

var goRelease = regexp.MustCompile(`^(?:go)?1\.(\d+)`)

//go:embed golang.Dockerfile
var goDockerfile string

var goTemplate = template.Must(template.New("golang.Dockerfile").Parse(goDockerfile))

// goModule is what a go.mod says.
type goModule struct {
	Version     string // of Go: "1.26"
	VersionFrom string
	Sums        bool // there is a go.sum
	Vendored    bool // dependencies are part of the source
	Download    bool // dependencies can be fetched before the source is copied
	Main        string
}

// detectGo builds a Go module of the root.
func detectGo(fsys fs.FS, o Options) (Plan, bool, error) {
	if ok, err := exists(fsys, "go.mod"); !ok {
		return Plan{}, false, err
	}
	m, err := readModule(fsys)
	if err != nil {
		return Plan{}, false, err
	}
	mains, err := mainPackages(fsys)
	if err != nil {
		return Plan{}, false, err
	}
	var why string
	if m.Main, why, err = chooseMain(mains, o.Args[goMainArg]); err != nil {
		return Plan{}, false, err
	}
	var text strings.Builder
	if err := goTemplate.Execute(&text, m); err != nil {
		return Plan{}, false, fmt.Errorf("detect: %w", err)
	}
	p := Plan{
		Builder: Auto, Language: "Go", Version: m.Version, VersionFrom: m.VersionFrom,
		Build: "go build -trimpath " + m.Main, Start: "/app", Package: m.Main, Port: 8080, Confidence: 0.9,
		Dockerfile: []byte(text.String()),
		Trace:      []string{"The source is a Go module.", fmt.Sprintf("Go %s is used, as %s says.", m.Version, m.VersionFrom), why},
	}
	if m.Download {
		p.Install = "go mod download"
	}
	return p, true, nil
}

func readModule(fsys fs.FS) (goModule, error) {
	data, err := read(fsys, "go.mod", fault.NotBuildable)
	if err != nil {
		return goModule{}, err
	}
	f, err := modfile.Parse("go.mod", data, nil)
	if err != nil {
		return goModule{}, fault.Wrap(err, fault.NotBuildable, "go.mod cannot be read: %v.", err)
	}
	m := goModule{Version: newestGo, VersionFrom: "the newest known"}
	for _, wanted := range []string{toolchain(f), goLine(f)} {
		release := goRelease.FindStringSubmatch(wanted)
		if release == nil {
			continue
		}
		if minor, err := strconv.Atoi(release[1]); err == nil && minor >= 21 {
			m.Version, m.VersionFrom = "1."+release[1], "go.mod"
			break
		}
	}
	if m.Sums, err = exists(fsys, "go.sum"); err != nil {
		return goModule{}, err
	}
	if m.Vendored, err = exists(fsys, "vendor/modules.txt"); err != nil {
		return goModule{}, err
	}
	workspace, err := exists(fsys, "go.work")
	if err != nil {
		return goModule{}, err
	}
	// A replacement by a directory must be there before anything is fetched.
	local := slices.ContainsFunc(f.Replace, func(r *modfile.Replace) bool { return r.New.Version == "" })
	m.Download = len(f.Require) > 0 && !local && !workspace && !m.Vendored
	return m, nil
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
func mainPackages(fsys fs.FS) ([]string, error) {
	var mains []string
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if name != "." && skipGo(fsys, name) {
			return fs.SkipDir
		}
		program, err := isProgram(fsys, name)
		if program {
			mains = append(mains, strings.TrimSuffix("./"+name, "/."))
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("detect: %w", err)
	}
	return mains, nil
}

// skipGo leaves out what "./..." leaves out, and other modules.
func skipGo(fsys fs.FS, dir string) bool {
	base := path.Base(dir)
	if base[0] == '.' || base[0] == '_' || base == "testdata" || base == "vendor" || base == "node_modules" {
		return true
	}
	if module.CheckImportPath("module/"+dir) != nil {
		return true // no package can have that name
	}
	_, err := fs.Stat(fsys, dir+"/go.mod")
	return err == nil
}

// isProgram reports whether a file of dir that is compiled on Linux belongs to
// package main. All such files of a directory belong to the same package.
func isProgram(fsys fs.FS, dir string) (bool, error) {
	ctx := gobuild.Context{
		GOOS: "linux", GOARCH: "amd64", Compiler: "gc",
		ReleaseTags: gobuild.Default.ReleaseTags,
		JoinPath:    path.Join,
		OpenFile:    func(name string) (io.ReadCloser, error) { return fsys.Open(name) },
	}
	entries, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return false, err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		if match, err := ctx.MatchFile(dir, e.Name()); err != nil || !match {
			continue // what cannot be parsed is for the compiler to say
		}
		if name, ok := packageName(fsys, path.Join(dir, e.Name())); ok {
			return name == "main", nil
		}
	}
	return false, nil
}

// packageName reads the package clause of a Go file.
func packageName(fsys fs.FS, name string) (string, bool) {
	f, err := fsys.Open(name)
	if err != nil {
		return "", false
	}
	defer f.Close()
	head, err := io.ReadAll(io.LimitReader(f, maxRead))
	if err != nil {
		return "", false
	}
	parsed, err := goparser.ParseFile(token.NewFileSet(), name, head, goparser.PackageClauseOnly)
	if err != nil {
		return "", false
	}
	return parsed.Name.Name, true
}

// chooseMain picks the program to build and says why.
func chooseMain(mains []string, chosen string) (main, why string, err error) {
	if chosen != "" {
		for _, m := range mains {
			if path.Clean(m) == path.Clean(chosen) {
				return m, fmt.Sprintf("The program %s is built, as the build argument %s says.", m, goMainArg), nil
			}
		}
		return "", "", fault.New(fault.NotBuildable, "The build argument %s names %q, where there is no program: %s.", goMainArg, chosen, thereIs(mains))
	}
	if slices.Contains(mains, ".") {
		return ".", "The program at the root is built.", nil
	}
	candidates := slices.DeleteFunc(slices.Clone(mains), func(m string) bool { return !strings.HasPrefix(m, "./cmd/") })
	if len(candidates) == 0 {
		candidates = mains
	}
	switch len(candidates) {
	case 0:
		return "", "", fault.New(fault.NotBuildable, "The Go module has no program: add a package main at its root or below cmd/.")
	case 1:
		return candidates[0], fmt.Sprintf("The only program, %s, is built.", candidates[0]), nil
	}
	return "", "", fault.New(fault.NotBuildable, "The Go module has several programs, %s: choose one with the build argument %s, for example %s=%s.",
		strings.Join(candidates, ", "), goMainArg, goMainArg, candidates[0])
}

func thereIs(mains []string) string {
	if len(mains) == 0 {
		return "the module has none"
	}
	return "there is " + strings.Join(mains, ", ")
}
