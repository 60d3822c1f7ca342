package detect

import (
	"path"
	"slices"
	"strings"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lazy"
)

// pythonApp is an application of Python.
type pythonApp struct {
	*app
	deps    map[string]bool // normalised names of all direct dependencies
	from    string          // the file that lists them
	manager string          // "uv", "poetry", "pipenv", "pip"; "" without dependencies
	project pyproject
}

// pyproject is a pyproject.toml.
type pyproject struct {
	Project struct {
		Requires     string            `toml:"requires-python"`
		Dependencies []string          `toml:"dependencies"`
		Scripts      map[string]string `toml:"scripts"`
	} `toml:"project"`
	Build struct {
		Backend string `toml:"build-backend"`
	} `toml:"build-system"`
	Tool struct {
		Poetry *struct {
			Dependencies map[string]any `toml:"dependencies"`
		} `toml:"poetry"`
	} `toml:"tool"`
}

// pythonEntries are the names of programs, most telling first.
var pythonEntries = []string{"main.py", "app.py", "server.py", "wsgi.py", "asgi.py", "run.py", "bot.py", "src/main.py", "app/main.py", "src/app.py", "app/__init__.py", "api/main.py", "__main__.py"}

func recognisePython(a *app) match {
	manifest := a.first("requirements.txt", "uv.lock", "poetry.lock", "Pipfile", "pyproject.toml", "setup.py", "requirements/production.txt", "requirements/base.txt")
	if a.has("manage.py") {
		return match{0.9, "manage.py of Django"}
	}
	entry := a.first(pythonEntries...)
	switch {
	case manifest == "" && entry == "":
		return match{}
	case manifest == "":
		return match{0.65, entry}
	case entry == "" && a.procfile()[web] == "" && a.StartCommand == "":
		py := &pythonApp{app: a, deps: map[string]bool{}}
		if err := py.read(); err == nil && py.framework() != "" {
			return match{0.8, manifest + " with " + py.framework()}
		}
		return match{0.4, manifest}
	}
	return match{0.85, strings.TrimSuffix(manifest+" and "+entry, " and ")}
}

func planPython(a *app, p *Plan) error {
	py := &pythonApp{app: a, deps: map[string]bool{}}
	if err := py.read(); err != nil {
		return err
	}
	if err := py.release(p); err != nil {
		return err
	}
	if p.Framework = py.framework(); p.Framework != "" {
		py.say("The framework is %s, which %s lists.", p.Framework, py.from)
	}
	start, missing := py.start(p)
	if start == "" && (a.StartCommand != "" || a.procfile()[web] != "" || len(a.Processes) > 0) {
		missing = ""
	}
	p.PackageManager, p.Install = py.manager, py.install(py.installCommand())
	p.Build = py.compile(py.collectStatic())
	p.Port = py.port(py.listens(start))
	p.Packages = sorted(append(slices.Clone(a.Packages), py.libraries()...))
	if err := py.processes(p, start, missing); err != nil {
		return err
	}
	py.image(p)
	return nil
}

// read finds out who installs the dependencies, and which there are.
func (py *pythonApp) read() error {
	hasProject, err := py.toml("pyproject.toml", &py.project)
	if err != nil {
		return unreadable(py.below("pyproject.toml"), err)
	}
	switch {
	case py.has("uv.lock"):
		py.manager, py.from = "uv", "pyproject.toml"
	case py.has("poetry.lock") || py.project.Tool.Poetry != nil && py.has("pyproject.toml"):
		py.manager, py.from = "poetry", "pyproject.toml"
	case py.has("Pipfile"):
		py.manager, py.from = "pipenv", "Pipfile"
	case py.requirements() != "":
		py.manager, py.from = "pip", py.requirements()
	case hasProject && (len(py.project.Project.Dependencies) > 0 || py.project.Build.Backend != ""):
		py.manager, py.from = "pip", "pyproject.toml"
	case py.has("setup.py"):
		py.manager, py.from = "pip", "setup.py"
	}
	py.requirementLines(py.requirements(), 0)
	for _, line := range py.project.Project.Dependencies {
		py.depend(line)
	}
	if py.project.Tool.Poetry != nil {
		for name := range py.project.Tool.Poetry.Dependencies {
			py.depend(name)
		}
	}
	var pipfile struct {
		Packages map[string]any `toml:"packages"`
	}
	if ok, err := py.toml("Pipfile", &pipfile); err != nil {
		return unreadable(py.below("Pipfile"), err)
	} else if ok {
		for name := range pipfile.Packages {
			py.depend(name)
		}
	}
	return nil
}

func (py *pythonApp) requirements() string {
	return py.first("requirements.txt", "requirements/production.txt", "requirements/prod.txt", "requirements/base.txt")
}

var (
	requirement = lazy.Regexp(`^\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^\]]*\])?`)
	separators  = lazy.Regexp(`[-_.]+`)
)

// depend notes a dependency, with its extras: "fastapi[standard]".
func (py *pythonApp) depend(line string) {
	m := requirement().FindStringSubmatch(line)
	if m == nil {
		return
	}
	name := strings.ToLower(separators().ReplaceAllString(m[1], "-"))
	py.deps[name] = true
	for extra := range strings.SplitSeq(strings.Trim(m[2], "[]"), ",") {
		if extra = strings.TrimSpace(extra); extra != "" {
			py.deps[name+"["+strings.ToLower(extra)+"]"] = true
		}
	}
}

// requirementLines reads a requirements file and those it includes.
func (py *pythonApp) requirementLines(name string, depth int) {
	if name == "" || depth > 5 {
		return
	}
	for line := range strings.Lines(py.text(name)) {
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, "-r "); ok {
			if inner := path.Join(path.Dir(name), strings.TrimSpace(rest)); plainPath(inner) {
				py.requirementLines(inner, depth+1)
			}
			continue
		}
		py.depend(line)
	}
}

// release finds the version of Python.
func (py *pythonApp) release(p *Plan) error {
	said := []saying{{py.word(".python-version"), ".python-version"}}
	if text := py.word("runtime.txt"); text != "" {
		said = append(said, saying{strings.TrimPrefix(text, "python-"), "runtime.txt"})
	}
	said = append(said, py.tools("python")...)
	said = append(said, saying{py.project.Project.Requires, "requires-python of pyproject.toml"})
	if t := py.project.Tool.Poetry; t != nil {
		text, _ := t.Dependencies["python"].(string)
		said = append(said, saying{text, "pyproject.toml"})
	}
	var pipfile struct {
		Requires map[string]string `toml:"requires"`
	}
	if ok, err := py.toml("Pipfile", &pipfile); ok && err == nil {
		said = append(said, saying{pipfile.Requires["python_full_version"], "Pipfile"}, saying{pipfile.Requires["python_version"], "Pipfile"})
	}
	var err error
	p.Version, p.VersionFrom, err = py.version(pythonVersions, said...)
	return err
}

// pythonFrameworks in order of priority.
var pythonFrameworks = []struct{ dep, title string }{
	{"django", "Django"},
	{"fastapi", "FastAPI"},
	{"starlette", "Starlette"},
	{"litestar", "Litestar"},
	{"quart", "Quart"},
	{"sanic", "Sanic"},
	{"flask", "Flask"},
	{"bottle", "Bottle"},
	{"falcon", "Falcon"},
	{"aiohttp", "aiohttp"},
	{"tornado", "Tornado"},
	{"streamlit", "Streamlit"},
	{"gradio", "Gradio"},
}

func (py *pythonApp) framework() string {
	for _, f := range pythonFrameworks {
		if py.deps[f.dep] {
			return f.title
		}
	}
	return ""
}

// installCommand is how dependencies are installed.
func (py *pythonApp) installCommand() string {
	switch py.manager {
	case "uv":
		return "uv sync --frozen --no-dev"
	case "poetry":
		return "poetry install --only main --no-interaction"
	case "pipenv":
		if py.has("Pipfile.lock") {
			return "pipenv requirements > /tmp/requirements.txt && pip install -r /tmp/requirements.txt"
		}
		return "pipenv install --skip-lock"
	case "pip":
		if name := py.requirements(); name != "" && py.from == name {
			return "pip install -r " + name
		}
		return "pip install ."
	}
	return ""
}

// listens is the port that a plain program names itself.
func (py *pythonApp) listens(start string) int {
	const usual = 8080
	w, ok := words(start)
	if !ok || len(w) != 2 || w[0] != "python" {
		return usual
	}
	text := py.text(w[1])
	if strings.Contains(text, "PORT") {
		return usual
	}
	if m := pyPort().FindStringSubmatch(text); m != nil {
		if port := atoiPort(m[1] + m[2]); port != 0 {
			py.say("%s listens on port %d whatever PORT says.", w[1], port)
			return port
		}
	}
	return usual
}

var pyPort = lazy.Regexp(`\bport\s*=\s*(\d{2,5})\b|\(\s*['"][^'"]*['"]\s*,\s*(\d{2,5})\s*\)`)

// notThere blames the source for having no server among its dependencies.
func (py *pythonApp) notThere(framework, server, start string) string {
	where := "requirements.txt"
	if py.from != "" {
		where = py.from
	}
	return fault.New(fault.NotBuildable, "%s needs a server to run in production, and none is in %s: add %s to it, which is then started as \"%s\", or set the start command.", framework, where, server, start).Message
}
