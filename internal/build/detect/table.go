package detect

// detector recognises one kind of source and plans its build.
type detector struct {
	name  string // what Options.Language says
	title string // what people say
	marks string // what is looked for; "" for what is no language

	// recognise says how well the source fits; it is cheap and says nothing to
	// the trace.
	recognise func(a *app) match

	// plan fills in everything but what Detect has.
	plan func(a *app, p *Plan) error
}

// detectors is the one order of priority. What brings its own build comes
// before languages, a language whose projects carry a package.json for their
// assets comes before Node.js, and files without any build come last.
var detectors = []detector{
	{"dockerfile", "a Dockerfile", "a Dockerfile", recogniseDockerfile, planDockerfile},
	{"elixir", "Elixir", "mix.exs", recogniseElixir, planElixir},
	{"ruby", "Ruby", "Gemfile", recogniseRuby, planRuby},
	{"php", "PHP", "composer.json or index.php", recognisePHP, planPHP},
	{"python", "Python", "requirements.txt, pyproject.toml, Pipfile or main.py", recognisePython, planPython},
	{"go", "Go", "go.mod", recogniseGo, planGo},
	{"rust", "Rust", "Cargo.toml", recogniseRust, planRust},
	{"java", "Java", "pom.xml or build.gradle", recogniseJava, planJava},
	{"dotnet", ".NET", "a .csproj, .fsproj or .vbproj", recogniseDotnet, planDotnet},
	{"deno", "Deno", "deno.json", recogniseDeno, planDeno},
	{"node", "Node.js", "package.json or server.js", recogniseNode, planNode},
	{"static", "static files", "index.html", recogniseStatic, planStatic},
}
