package detect

import (
	"path"

	"github.com/davitdev/davit/internal/fault"
)

// outputs are directories that generators of static sites leave behind.
var outputs = []string{"dist", "build", "public", "_site", "site", "out", "www", "docs"}

func recogniseStatic(a *app) match {
	if a.OutputDirectory != "" && a.hasDir(a.OutputDirectory) {
		return match{0.7, "the directory " + a.OutputDirectory}
	}
	if name := a.first("index.html", "index.htm"); name != "" {
		return match{0.6, name}
	}
	for _, dir := range outputs {
		if a.has(dir + "/index.html") {
			return match{0.5, dir + "/index.html"}
		}
	}
	return match{}
}

func whereFrom(dir string) string {
	if dir == "." {
		return "the source"
	}
	return dir
}

// planStatic serves files as they are. Where the settings want static files of
// something that has to be built first, its language builds them.
func planStatic(a *app, p *Plan) error {
	if a.has("package.json") && (a.Builder == Static || a.OutputDirectory != "") {
		m := recogniseNode(a)
		if m.confidence > 0.3 || a.BuildCommand != "" {
			a.say("It has %s, which makes the files.", m.why)
			p.Key, p.Language = "node", "Node.js"
			return planNode(a, p)
		}
	}
	if a.BuildCommand != "" {
		return fault.New(fault.NotBuildable, "A build command needs a language to run in: set the language, for example \"node\".")
	}
	p.Builder, p.Language, p.OutputDirectory = Static, "", a.OutputDirectory
	switch {
	case p.OutputDirectory != "" && !a.hasDir(p.OutputDirectory):
		return fault.New(fault.NotBuildable, "The output directory %s is not in the source: add it, or a build command that makes it.", p.OutputDirectory)
	case p.OutputDirectory == "":
		if a.first("index.html", "index.htm") != "" {
			p.OutputDirectory = "."
			break
		}
		for _, dir := range outputs {
			if a.has(dir + "/index.html") {
				p.OutputDirectory = dir
				break
			}
		}
		if p.OutputDirectory == "" {
			return fault.New(fault.NotBuildable, "There is no index.html at the root of the source: add one, or set the output directory to where it is.")
		}
	}
	p.SPA = a.has(path.Join(p.OutputDirectory, "200.html"))
	a.say("The files of %s are served as they are.", whereFrom(a.below(p.OutputDirectory)))
	s := a.script()
	s.static(p, "", p.OutputDirectory)
	return nil
}
