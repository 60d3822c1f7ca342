package detect

import (
	"slices"
	"strings"
)

// denoFile is a deno.json.
type denoFile struct {
	Tasks   map[string]any    `json:"tasks"`
	Imports map[string]string `json:"imports"`
}

var denoEntries = []string{"main.ts", "main.tsx", "server.ts", "mod.ts", "index.ts", "app.ts", "main.js", "server.js", "src/main.ts", "src/server.ts"}

func (a *app) denoConfig() (name string, d denoFile, err error) {
	name = a.first("deno.json", "deno.jsonc")
	if name != "" {
		_, err = a.json(name, &d)
	}
	return name, d, err
}

func recogniseDeno(a *app) match {
	name, d, err := a.denoConfig()
	switch {
	case err != nil:
		return match{0.4, "a " + name + " that cannot be read"}
	case name == "":
		if a.has("deno.lock") {
			return match{0.5, "deno.lock"}
		}
		return match{}
	case d.Tasks["start"] != nil || a.first(denoEntries...) != "" && !a.has("package.json"):
		return match{0.85, name}
	}
	return match{0.45, name} // of an editor, often
}

func planDeno(a *app, p *Plan) error {
	name, d, err := a.denoConfig()
	if err != nil {
		return unreadable(a.below(name), err)
	}
	if p.Version, p.VersionFrom, err = a.version(denoVersions, append(a.tools("deno"), saying{a.word(".deno-version"), ".deno-version"}, saying{a.word(".dvmrc"), ".dvmrc"})...); err != nil {
		return err
	}
	for _, target := range sortedKeys(d.Imports) {
		if strings.HasPrefix(d.Imports[target], "jsr:@fresh/core") || target == "$fresh/" {
			p.Framework = "Fresh"
		}
	}
	start := denoTask(d.Tasks["start"])
	entry := a.first(denoEntries...)
	if start == "" && entry != "" {
		start = "deno run --allow-env --allow-net --allow-read " + entry
		a.say("There is no task start: %s is run with the permissions to read, to use the network and the environment.", entry)
	} else if start != "" {
		a.say("It starts by the task start, %q.", clip(start))
	}
	if entry != "" {
		p.Install = "deno install --entrypoint " + entry
	}
	p.Install = a.install(p.Install)
	p.Build = a.compile(strings.TrimSpace(map[bool]string{true: "deno task build"}[d.Tasks["build"] != nil]))
	p.Port, p.Packages = a.port(8080), sorted(slices.Clone(a.Packages))
	if p.Framework == "" && entry != "" && strings.Contains(a.text(entry), "Deno.serve(") && !strings.Contains(a.text(entry), "PORT") && a.Port == 0 {
		a.say("%s does not ask for PORT, so it listens on Deno's own, 8000.", entry)
		p.Port = 8000
	}
	if err := a.processes(p, start, "Nothing says how to start: add a main.ts, the task start to deno.json, or set the start command."); err != nil {
		return err
	}
	image := denoImages[p.Version]
	if image == "" {
		image = p.Version
	}
	s := a.script()
	s.from("denoland/deno:debian-"+image, "")
	s.apt(p.Packages...)
	s.user(appDir, "/deno-dir")
	s.line("WORKDIR %s", appDir)
	s.line("ENV DENO_DIR=/deno-dir")
	s.stepDown()
	s.copyApp("", ".", ".")
	s.buildArgs()
	if p.Install != "" {
		s.userRun(p.Install)
	}
	if p.Build != "" {
		s.userRun(p.Build)
	}
	s.start(p)
	s.done(p)
	return nil
}

// denoTask is the command of a task, which may be an object.
func denoTask(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case map[string]any:
		return denoTask(v["command"])
	}
	return ""
}
