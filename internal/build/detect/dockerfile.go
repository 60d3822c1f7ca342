package detect

import (
	"io/fs"
	"strings"

	"github.com/davitdev/davit/internal/fault"
)

// maxDockerfile bounds a Dockerfile of the source.
const maxDockerfile = 256 << 10

func (a *app) dockerfile() string {
	if a.DockerfilePath != "" {
		return a.DockerfilePath
	}
	return "Dockerfile"
}

func recogniseDockerfile(a *app) match {
	if !fs.ValidPath(a.dockerfile()) {
		a.failed = fault.New(fault.NotBuildable, "The path of the Dockerfile must stay inside the source.")
		return match{}
	}
	if !a.has(a.dockerfile()) {
		if a.DockerfilePath == "" {
			a.otherDockerfiles()
		}
		return match{}
	}
	return match{1, a.dockerfile()}
}

// otherDockerfiles notes those that nobody named.
func (a *app) otherDockerfiles() {
	for _, n := range []string{"dockerfile", "docker/Dockerfile", "Dockerfile.prod", "Dockerfile.production", "Containerfile", ".docker/Dockerfile"} {
		if a.has(n) {
			a.say("There is a %s, which is not used: set dockerfilePath to build it.", n)
		}
	}
}

func planDockerfile(a *app, p *Plan) error {
	name := a.dockerfile()
	if info, ok := a.stat(name); !ok || info.Size() > maxDockerfile {
		return fault.New(fault.DockerfileInvalid, "%s has more than %d KiB.", name, maxDockerfile>>10)
	}
	data := a.raw(name, maxDockerfile)
	p.Builder, p.Key, p.Language, p.Dockerfile, p.DockerfilePath, p.DockerTarget, p.Port = Dockerfile, "", "", data, name, a.DockerTarget, a.Port
	for _, key := range a.ignored() {
		a.say("The Dockerfile says everything about the build: %s is not used.", key)
	}
	a.notEmpty()
	return a.dockerProcesses(p)
}

// ignored lists settings that a Dockerfile leaves no room for.
func (a *app) ignored() []string {
	var out []string
	for _, s := range []struct{ key, value string }{
		{"installCommand", a.InstallCommand},
		{"buildCommand", a.BuildCommand},
		{"outputDirectory", a.OutputDirectory},
		{"languageVersion", a.LanguageVersion},
		{"packages", strings.Join(a.Packages, " ")},
	} {
		if s.value != "" {
			out = append(out, s.key)
		}
	}
	return out
}

// notEmpty notes what else could have said how to build.
func (a *app) notEmpty() {
	if a.has("Procfile") {
		a.say("The Procfile's process types are run in the image that the Dockerfile makes; its web is left to the Dockerfile.")
	}
}

// dockerProcesses takes process types for an image that starts by itself.
func (a *app) dockerProcesses(p *Plan) error {
	all := a.procfile()
	delete(all, web)
	if release, ok := all["release"]; ok && len(p.PreDeploy) == 0 {
		p.PreDeploy, _ = argv(release)
	}
	delete(all, "release")
	for _, c := range a.Processes {
		if all == nil {
			all = map[string]string{}
		}
		all[c.Name] = c.Command
	}
	if a.StartCommand != "" {
		if all == nil {
			all = map[string]string{}
		}
		p.Start, all[web] = a.StartCommand, a.StartCommand
	}
	for _, name := range sortedKeys(all) {
		if err := checkCommand("processes", all[name]); err != nil {
			return err
		}
		args, _ := argv(all[name])
		p.Processes = append(p.Processes, Process{name, all[name], args})
	}
	return nil
}
