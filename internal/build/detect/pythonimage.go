package detect

import "strings"

// pythonLibraries are Debian packages that packages of Python load when they
// run.
var pythonLibraries = map[string][]string{
	"psycopg2": {"libpq5"}, "psycopg": {"libpq5"}, "mysqlclient": {"libmariadb3"}, "pillow": nil, "opencv-python": {"libgl1", "libglib2.0-0"},
	"weasyprint": {"libpango-1.0-0", "libpangoft2-1.0-0", "libharfbuzz-subset0"}, "python-magic": {"libmagic1"}, "pycurl": {"libcurl4"}, "xmlsec": {"libxmlsec1-openssl"},
	"pdf2image": {"poppler-utils"}, "pydub": {"ffmpeg"}, "psycopg2-binary": nil, "uwsgi": {"libxml2"},
}

func (py *pythonApp) libraries() []string {
	var out []string
	for _, dep := range sortedKeys(py.deps) {
		if libs := pythonLibraries[dep]; len(libs) > 0 {
			py.say("%s needs %s when it runs.", dep, strings.Join(libs, " and "))
			out = append(out, libs...)
		}
	}
	return out
}

const venv = "/opt/venv"

func (py *pythonApp) slim(p *Plan) string { return "python:" + p.Version + "-slim-bookworm" }

// image writes the Dockerfile. Dependencies are installed where compilers are;
// the image that runs gets the environment they were installed into.
func (py *pythonApp) image(p *Plan) {
	s := py.script()
	if p.Install != "" {
		s.from("python:"+p.Version+"-bookworm", "build")
		s.apt(p.Packages...)
		py.venv(s)
		py.installed(s, p)
	}
	s.from(py.slim(p), "")
	s.apt(p.Packages...)
	s.user(appDir)
	s.line("WORKDIR %s", appDir)
	s.line("ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1")
	if p.Install != "" {
		s.line("COPY --from=build %s %s", venv, venv)
		s.line("ENV PATH=%s/bin:$PATH", venv)
	}
	s.copyApp("", ".", ".")
	if p.Build != "" {
		s.stepDown()
		s.buildArgs()
		s.userRun(p.Build)
	}
	s.start(p)
	s.done(p)
}

// venv makes the environment and brings the tool that fills it.
func (py *pythonApp) venv(s *script) {
	s.line("WORKDIR %s", appDir)
	s.run("python -m venv " + venv)
	pip := cache("/root/.cache/pip")
	switch py.manager {
	case "uv":
		s.run("pip install uv=="+uvVersion, pip)
		s.line("ENV UV_PROJECT_ENVIRONMENT=%s UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never", venv)
	case "poetry":
		s.run("pip install poetry=="+poetry, pip)
	case "pipenv":
		s.run("pip install pipenv=="+pipenv, pip)
	}
	s.line("ENV VIRTUAL_ENV=%s PATH=%s/bin:$PATH", venv, venv)
}

// installed fills the environment.
func (py *pythonApp) installed(s *script, p *Plan) {
	custom := py.InstallCommand != ""
	if custom {
		py.say("The whole source is copied before the install command of the settings runs, because nobody knows what it reads.")
		s.line("COPY . .")
		s.userRun(p.Install, cache("/root/.cache/pip"), cache("/root/.cache/uv"))
		return
	}
	switch py.manager {
	case "uv":
		s.line("COPY pyproject.toml uv.lock ./")
		s.userRun(p.Install+" --no-install-project", cache("/root/.cache/uv"))
		if py.project.Build.Backend != "" {
			s.line("COPY . .")
			s.userRun(p.Install+" --no-editable", cache("/root/.cache/uv"))
		}
	case "poetry":
		s.line("COPY pyproject.toml %s./", ifHas(py.has("poetry.lock"), "poetry.lock "))
		s.userRun(p.Install+" --no-root", cache("/root/.cache/pypoetry"), cache("/root/.cache/pip"))
	case "pipenv":
		s.line("COPY Pipfile %s./", ifHas(py.has("Pipfile.lock"), "Pipfile.lock "))
		s.userRun(p.Install, cache("/root/.cache/pip"), cache("/root/.cache/pipenv"))
	default:
		py.pip(s, p)
	}
}

func (py *pythonApp) pip(s *script, p *Plan) {
	name := py.requirements()
	switch {
	case py.from != name:
		py.say("The whole source is copied before dependencies are installed, because %s installs the source too.", py.from)
		s.line("COPY . .")
	case strings.Contains(name, "/"):
		s.line("COPY requirements/ ./requirements/")
	case py.localRequirements(name):
		py.say("The whole source is copied before dependencies are installed, because %s names other files.", name)
		s.line("COPY . .")
	default:
		s.line("COPY %s ./", name)
	}
	s.userRun(p.Install, cache("/root/.cache/pip"))
}

// localRequirements reports lines of a requirements file that need more of the
// source.
func (py *pythonApp) localRequirements(name string) bool {
	for line := range strings.Lines(py.text(name)) {
		line = strings.TrimSpace(line)
		for _, prefix := range []string{"-r", "-c", "-e", "--requirement", "--constraint", "--editable", ".", "file:"} {
			if strings.HasPrefix(line, prefix) {
				return true
			}
		}
	}
	return false
}

func ifHas(ok bool, text string) string {
	if ok {
		return text
	}
	return ""
}
