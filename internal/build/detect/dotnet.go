package detect

import (
	"path"
	"slices"
	"strings"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lazy"
)

var (
	targetFramework = lazy.Regexp(`<TargetFrameworks?>\s*net(\d+\.\d+)`)
	assemblyName    = lazy.Regexp(`<AssemblyName>\s*([A-Za-z0-9._-]+)\s*<`)
	webSDK          = lazy.Regexp(`Sdk="Microsoft\.NET\.Sdk\.(?:Web|Worker|BlazorWebAssembly)"`)
	exeOutput       = lazy.Regexp(`<OutputType>\s*Exe\s*<`)
)

// projects are the .NET projects that make a program, nearest first.
func (a *app) projects() (programs, all []string) {
	for _, ext := range []string{"*.csproj", "*.fsproj", "*.vbproj"} {
		all = append(all, a.find(ext, 4)...)
	}
	for _, f := range all[:min(len(all), maxPrograms)] {
		text := a.head(f, 16<<10)
		if (webSDK().MatchString(text) || exeOutput().MatchString(text)) && !strings.Contains(text, "Microsoft.NET.Test.Sdk") {
			programs = append(programs, f)
		}
	}
	return programs, all
}

func recogniseDotnet(a *app) match {
	programs, all := a.projects()
	switch {
	case len(programs) > 0 && strings.Count(programs[0], "/") <= 1, len(programs) > 0 && len(a.find("*.sln", 0))+len(a.find("*.slnx", 0)) > 0:
		return match{0.85, programs[0]}
	case len(programs) > 0:
		return match{0.5, programs[0]}
	case len(all) > 0:
		return match{0.4, all[0]}
	}
	return match{}
}

func planDotnet(a *app, p *Plan) error {
	programs, _ := a.projects()
	webs := slices.DeleteFunc(slices.Clone(programs), func(f string) bool { return !webSDK().MatchString(a.head(f, 16<<10)) })
	switch {
	case len(webs) > 0 && len(programs) > 1:
		programs = webs
	case len(programs) == 0:
		return fault.New(fault.NotBuildable, "No .NET project makes a program: use Sdk=\"Microsoft.NET.Sdk.Web\", or OutputType Exe, in the project to deploy.")
	}
	if len(programs) > 1 {
		return fault.New(fault.NotBuildable, "There are several .NET programs, %s: set the root directory to the directory of one of them.", strings.Join(clipAll(programs), ", "))
	}
	project := programs[0]
	if !plainPath(project) {
		return fault.New(fault.NotBuildable, "The project %q must have a plain name to be built.", clip(project))
	}
	text := a.text(project)
	var global struct {
		SDK struct {
			Version string `json:"version"`
		} `json:"sdk"`
	}
	var said []saying
	if m := targetFramework().FindStringSubmatch(text); m != nil {
		said = append(said, saying{m[1], project})
	}
	if ok, err := a.json("global.json", &global); ok && err == nil {
		said = append(said, saying{global.SDK.Version, "global.json"})
	}
	var err error
	if p.Version, p.VersionFrom, err = a.version(dotnetVersions, append(said, a.tools("dotnet", "dotnet-core")...)...); err != nil {
		return err
	}
	if webSDK().MatchString(text) {
		p.Framework = "ASP.NET Core"
	}
	name := strings.TrimSuffix(path.Base(project), path.Ext(project))
	if m := assemblyName().FindStringSubmatch(text); m != nil {
		name = m[1]
	}
	p.Install, p.Build, p.Port = a.install("dotnet restore "+project), a.compile("dotnet publish "+project+" --configuration Release --no-restore --output /out"), a.port(8080)
	p.Packages = sorted(slices.Clone(a.Packages))
	if err := a.processes(p, "dotnet "+name+".dll", ""); err != nil {
		return err
	}
	distro := orDefault(dotnetVersions.distro[p.Version], "bookworm-slim")
	s := a.script()
	s.from("mcr.microsoft.com/dotnet/sdk:"+p.Version+"-"+distro, "build")
	s.line("WORKDIR /src")
	a.dotnetInputs(s)
	s.userRun(p.Install, cache("/root/.nuget/packages"))
	s.line("COPY . .")
	s.buildArgs()
	s.userRun(p.Build, cache("/root/.nuget/packages"))
	s.from("mcr.microsoft.com/dotnet/aspnet:"+p.Version+"-"+distro, "")
	s.apt(p.Packages...)
	s.user(appDir)
	s.line("WORKDIR %s", appDir)
	s.copyApp("build", "/out", ".")
	s.line("ENV ASPNETCORE_HTTP_PORTS=%d DOTNET_RUNNING_IN_CONTAINER=true", p.Port)
	s.start(p)
	s.done(p)
	return nil
}

// dotnetInputs copies what restoring reads.
func (a *app) dotnetInputs(s *script) {
	_, all := a.projects()
	all = append(all, a.find("*.sln", 0)...)
	for _, f := range []string{"global.json", "nuget.config", "NuGet.Config", "Directory.Build.props", "Directory.Packages.props"} {
		if a.has(f) {
			all = append(all, f)
		}
	}
	if a.InstallCommand != "" || len(all) > 50 || slices.ContainsFunc(all, func(f string) bool { return !plainPath(f) }) {
		s.line("COPY . .")
		return
	}
	for _, f := range all {
		s.line("COPY %s %s", f, strings.TrimSuffix("./"+path.Dir(f), "/.")+"/")
	}
}
