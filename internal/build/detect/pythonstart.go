package detect

import (
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/davitdev/davit/internal/lazy"
)

var (
	asgiObject   = lazy.Regexp(`^(\w+)\s*(?::\s*[\w.\[\]]+\s*)?=\s*(?:\w+\.)?(FastAPI|Starlette|Litestar|Quart|Sanic)\s*\(`)
	wsgiObject   = lazy.Regexp(`^(\w+)\s*(?::\s*[\w.\[\]]+\s*)?=\s*(?:\w+\.)?(Flask|Bottle|API|App)\s*\(`)
	factory      = lazy.Regexp(`^def (create_app|make_app|get_app)\s*\(`)
	madeBy       = lazy.Regexp(`^(\w+)\s*=\s*(?:create_app|make_app|get_app)\s*\(`)
	settingsName = lazy.Regexp(`DJANGO_SETTINGS_MODULE['"]?\s*,\s*['"]([\w.]+)['"]`)
	moduleName   = lazy.Regexp(`^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*$`)
)

// start is how the application is run in production; missing says what to add
// if it cannot be.
func (py *pythonApp) start(p *Plan) (start, missing string) {
	switch p.Framework {
	case "Django":
		return py.django()
	case "FastAPI", "Starlette", "Litestar", "Quart":
		return py.asgi(p.Framework)
	case "Flask", "Bottle", "Falcon":
		return py.wsgi(p.Framework)
	case "Streamlit":
		if entry := py.first("streamlit_app.py", "app.py", "main.py", "Home.py", "src/app.py"); entry != "" {
			return "streamlit run " + entry + ` --server.address 0.0.0.0 --server.port "$PORT" --server.headless true`, ""
		}
	}
	if entry := py.first(slices.DeleteFunc(slices.Clone(pythonEntries), func(n string) bool { return strings.HasSuffix(n, "__init__.py") })...); entry != "" {
		py.say("%s is run.", entry)
		return "python " + entry, ""
	}
	for _, name := range sortedKeys(py.project.Project.Scripts) {
		if py.manager != "" && len(py.project.Project.Scripts) == 1 && commandWord().MatchString(name) {
			py.say("The only script of pyproject.toml, %s, is run.", name)
			return name, ""
		}
	}
	return "", "Nothing says how to start: add a main.py, a Procfile with a line such as \"web: python server.py\", or set the start command."
}

// object finds the application object: "app.main:app".
func (py *pythonApp) object(pattern *regexp.Regexp) (name string, isFactory bool) {
	var files []string
	for _, n := range append(slices.Clone(pythonEntries), py.find("*.py", 3)...) {
		if len(files) < maxPrograms && !slices.Contains(files, n) && py.has(n) {
			files = append(files, n)
		}
	}
	made := ""
	for _, f := range files {
		module := strings.ReplaceAll(strings.TrimSuffix(strings.TrimSuffix(f, ".py"), "/__init__"), "/", ".")
		if !moduleName().MatchString(module) || strings.HasPrefix(path.Base(f), "test_") || strings.HasPrefix(f, "tests/") {
			continue
		}
		for line := range strings.Lines(py.head(f, 16<<10)) {
			if len(line) > 300 || !strings.Contains(line, "(") {
				continue
			}
			m := pattern.FindStringSubmatch(line)
			if m == nil {
				m = madeBy().FindStringSubmatch(line)
			}
			if m != nil {
				return module + ":" + m[1], false
			}
			if m := factory().FindStringSubmatch(line); m != nil && made == "" {
				made = module + ":" + m[1]
			}
		}
	}
	return made, made != ""
}

func (py *pythonApp) asgi(framework string) (start, missing string) {
	object, isFactory := py.object(asgiObject())
	if object == "" {
		return "", "No file has a line such as \"app = " + framework + "()\": add one to main.py, or set the start command."
	}
	py.say("The application is %s.", object)
	flag := ""
	if isFactory {
		flag = " --factory"
	}
	switch {
	case py.deps["uvicorn"] || py.deps["fastapi[standard]"] || py.deps["fastapi[all]"] || py.deps["litestar[standard]"]:
		return "uvicorn " + object + flag + ` --host 0.0.0.0 --port "$PORT"`, ""
	case py.deps["hypercorn"]:
		return "hypercorn " + object + ` --bind "0.0.0.0:$PORT"`, ""
	case py.deps["granian"]:
		return "granian --interface asgi --host 0.0.0.0 " + `--port "$PORT" ` + object, ""
	}
	return "", py.notThere(framework, "uvicorn", "uvicorn "+object+flag)
}

func (py *pythonApp) wsgi(framework string) (start, missing string) {
	object, isFactory := py.object(wsgiObject())
	if object == "" {
		return "", "No file has a line such as \"app = " + framework + "(__name__)\": add one to app.py, or set the start command."
	}
	py.say("The application is %s.", object)
	if isFactory {
		object = "'" + object + "()'"
	}
	if start := py.wsgiServer(object); start != "" {
		return start, ""
	}
	return "", py.notThere(framework, "gunicorn", "gunicorn "+strings.Trim(object, "'"))
}

// wsgiServer runs an object by the server that is among the dependencies. The
// default of gunicorn is to listen on PORT.
func (py *pythonApp) wsgiServer(object string) string {
	switch {
	case py.deps["gunicorn"]:
		return "gunicorn " + object
	case py.deps["waitress"]:
		return `waitress-serve --listen "0.0.0.0:$PORT" ` + object
	case py.deps["granian"]:
		return `granian --interface wsgi --host 0.0.0.0 --port "$PORT" ` + object
	case py.deps["uwsgi"]:
		return `uwsgi --http "0.0.0.0:$PORT" --master --die-on-term --module ` + object
	}
	return ""
}

func (py *pythonApp) django() (start, missing string) {
	var modules []string
	for _, kind := range []string{"wsgi", "asgi"} {
		for _, f := range py.find(kind+".py", 3) {
			if m := strings.ReplaceAll(strings.TrimSuffix(f, ".py"), "/", "."); moduleName().MatchString(m) {
				modules = append(modules, m)
			}
		}
	}
	project := ""
	if m := settingsName().FindStringSubmatch(py.text("manage.py")); m != nil {
		project, _, _ = strings.Cut(m[1], ".")
		py.say("manage.py names the settings %s.", m[1])
	}
	pick := func(kind string) string {
		for _, m := range modules {
			if m == project+"."+kind {
				return m
			}
		}
		for _, m := range modules {
			if strings.HasSuffix("."+m, "."+kind) {
				return m
			}
		}
		return ""
	}
	wsgi, asgi := pick("wsgi"), pick("asgi")
	switch {
	case asgi != "" && (py.deps["daphne"] || py.deps["channels"] && py.deps["daphne"]):
		return `daphne -b 0.0.0.0 -p "$PORT" ` + asgi + ":application", ""
	case asgi != "" && py.deps["uvicorn"] && !py.deps["gunicorn"]:
		return "uvicorn " + asgi + `:application --host 0.0.0.0 --port "$PORT"`, ""
	case wsgi != "":
		if start := py.wsgiServer(wsgi + ":application"); start != "" {
			return start, ""
		}
		return "", py.notThere("Django", "gunicorn", "gunicorn "+wsgi+":application")
	}
	return "", "Django has no wsgi.py: add one to the package of the settings, or set the start command."
}

var staticRoot = lazy.Regexp(`(?m)^\s*STATIC_ROOT\s*=`)

// collectStatic is how Django's static files are brought together, "" if
// there is nowhere to bring them.
func (py *pythonApp) collectStatic() string {
	if !py.deps["django"] || !py.has("manage.py") {
		return ""
	}
	settings := slices.Concat(py.find("settings.py", 3), py.find("base.py", 3), py.find("production.py", 3))
	for _, f := range settings {
		if text := py.text(f); staticRoot().MatchString(text) {
			py.say("Static files are collected while building, because %s has STATIC_ROOT.", f)
			return "python manage.py collectstatic --noinput"
		}
	}
	return ""
}

func atoiPort(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 65535 {
		return 0
	}
	return n
}
