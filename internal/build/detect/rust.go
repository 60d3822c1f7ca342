package detect

import (
	"path"
	"slices"
	"strings"

	"github.com/davitdev/davit/internal/fault"
)

// cargoFile is a Cargo.toml.
type cargoFile struct {
	Package struct {
		Name string `toml:"name"`
		Rust any    `toml:"rust-version"`
		Run  string `toml:"default-run"`
	} `toml:"package"`
	Bin []struct {
		Name string `toml:"name"`
	} `toml:"bin"`
	Workspace *struct {
		Members []string `toml:"members"`
	} `toml:"workspace"`
	Dependencies map[string]any `toml:"dependencies"`
}

func recogniseRust(a *app) match {
	var c cargoFile
	ok, err := a.toml("Cargo.toml", &c)
	switch {
	case err != nil:
		return match{0.4, "a Cargo.toml that cannot be read"}
	case !ok:
		return match{}
	case a.has("src/main.rs") || len(c.Bin) > 0 || len(a.rustBins()) > 0:
		return match{0.85, "Cargo.toml"}
	case c.Workspace != nil:
		return match{0.65, "Cargo.toml of a workspace"}
	}
	return match{0.4, "Cargo.toml of a library"}
}

// rustBins are the programs below src/bin.
func (a *app) rustBins() []string {
	var out []string
	for _, f := range a.walk().in["src/bin"] {
		if name, ok := strings.CutSuffix(f, ".rs"); ok {
			out = append(out, name)
		}
	}
	return out
}

func planRust(a *app, p *Plan) error {
	var c cargoFile
	if _, err := a.toml("Cargo.toml", &c); err != nil {
		return unreadable(a.below("Cargo.toml"), err)
	}
	bin, flags, err := a.rustBin(c)
	if err != nil && a.StartCommand == "" {
		return err
	}
	var toolchain struct {
		Toolchain struct {
			Channel string `toml:"channel"`
		} `toml:"toolchain"`
	}
	said := []saying{}
	if ok, err := a.toml("rust-toolchain.toml", &toolchain); ok && err == nil {
		said = append(said, saying{toolchain.Toolchain.Channel, "rust-toolchain.toml"})
	}
	said = append(said, saying{a.word("rust-toolchain"), "rust-toolchain"})
	said = append(said, a.tools("rust")...)
	if text := toolVersion(c.Package.Rust); text != "" {
		said = append(said, saying{">=" + text, "rust-version of Cargo.toml"})
	}
	if p.Version, p.VersionFrom, err = a.version(rustVersions, said...); err != nil {
		return err
	}
	for _, f := range []struct{ dep, title string }{{"axum", "Axum"}, {"actix-web", "Actix Web"}, {"rocket", "Rocket"}, {"warp", "Warp"}} {
		if c.Dependencies[f.dep] != nil && p.Framework == "" {
			p.Framework = f.title
		}
	}
	if p.Framework == "Rocket" {
		a.say("Rocket is told its port by ROCKET_PORT.")
	}
	p.Install = a.install("")
	p.Build, p.Port = a.compile(strings.TrimSpace("cargo build --release "+flags)), a.port(8080)
	p.Packages = sorted(slices.Clone(a.Packages))
	start := ""
	if bin != "" {
		start = appDir + "/bin/" + bin
	}
	if err := a.processes(p, start, "Nothing says what is started: set the start command."); err != nil {
		return err
	}
	a.rustImage(p, bin, c)
	return nil
}

// rustBin is the program to run and the flags that build it.
func (a *app) rustBin(c cargoFile) (bin, flags string, err error) {
	bins := a.rustBins()
	for _, b := range c.Bin {
		bins = append(bins, b.Name)
	}
	if a.has("src/main.rs") {
		bins = append(bins, c.Package.Name)
	}
	if c.Workspace != nil && len(bins) == 0 {
		mains := a.find("main.rs", 4)
		for _, f := range mains[:min(len(mains), maxPrograms)] {
			dir := strings.TrimSuffix(path.Dir(f), "/src")
			var m cargoFile
			if ok, err := a.toml(dir+"/Cargo.toml", &m); ok && err == nil && m.Package.Name != "" {
				bins = append(bins, m.Package.Name)
			}
		}
	}
	bins = slices.DeleteFunc(sorted(bins), func(b string) bool { return !commandWord().MatchString(b) })
	switch {
	case len(bins) == 1:
	case slices.Contains(bins, c.Package.Run):
		bins = []string{c.Package.Run}
	case slices.Contains(bins, c.Package.Name) && c.Workspace == nil:
		bins = []string{c.Package.Name}
	case len(bins) == 0:
		return "", "", fault.New(fault.NotBuildable, "The crate has no program: add src/main.rs.")
	default:
		return "", "", fault.New(fault.NotBuildable, "The crate has several programs, %s: say default-run in Cargo.toml, or set the start command.", strings.Join(clipAll(bins), ", "))
	}
	a.say("The program %s is built.", bins[0])
	return bins[0], "--bin " + bins[0], nil
}

func (a *app) rustImage(p *Plan, bin string, c cargoFile) {
	s := a.script()
	s.from("rust:"+p.Version+"-slim-bookworm", "build")
	s.line("WORKDIR /src")
	s.apt(append([]string{"build-essential", "libssl-dev", "pkg-config"}, p.Packages...)...)
	s.line("COPY . .")
	s.buildArgs()
	if p.Install != "" {
		s.userRun(p.Install, cache("/usr/local/cargo/registry"))
	}
	build := p.Build
	if a.BuildCommand == "" && a.has("Cargo.lock") {
		build += " --locked"
	}
	// The cache of what was compiled is a mount, so the program is taken out
	// of it in the same step.
	take := "find target/release -maxdepth 1 -type f -executable -exec install -Dt /out {} +"
	if bin != "" {
		take = "install -D target/release/" + bin + " /out/" + bin
	}
	s.userRun(build+" \\\n    && "+take, cache("/usr/local/cargo/registry"), locked("/src/target"))
	s.from("debian:bookworm-slim", "")
	s.apt(append([]string{"ca-certificates", "libssl3", "tzdata"}, p.Packages...)...)
	s.user(appDir)
	s.line("WORKDIR %s", appDir)
	s.copyApp("build", "/out", "./bin")
	for _, d := range []string{"assets", "migrations", "public", "static", "templates"} {
		if a.hasDir(d) {
			s.copyApp("", d, "./"+d)
		}
	}
	s.line("ENV PATH=%s/bin:$PATH", appDir)
	if c.Dependencies["rocket"] != nil {
		s.line("ENV ROCKET_ADDRESS=0.0.0.0 ROCKET_PORT=%d", p.Port)
	}
	s.start(p)
	s.done(p)
}
