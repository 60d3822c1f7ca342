package detect

import (
	"slices"
	"strings"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lazy"
)

var (
	gemLine   = lazy.Regexp(`(?m)^\s*gem\s*\(?\s*['"]([\w-]+)['"]`)
	lockedGem = lazy.Regexp(`(?m)^    ([\w-]+) \(`)
	rubyLine  = lazy.Regexp(`(?m)^\s*ruby\s*\(?\s*['"]([^'"]+)['"]`)
)

// rubyApp is an application of Ruby.
type rubyApp struct {
	*app
	gems map[string]bool
}

func readRuby(a *app) *rubyApp {
	r := &rubyApp{app: a, gems: map[string]bool{}}
	for _, m := range gemLine().FindAllStringSubmatch(a.text("Gemfile"), 500) {
		r.gems[m[1]] = true
	}
	for _, m := range lockedGem().FindAllStringSubmatch(a.text("Gemfile.lock"), 2000) {
		r.gems[m[1]] = true
	}
	return r
}

func recogniseRuby(a *app) match {
	if !a.has("Gemfile") {
		if a.has("config.ru") {
			return match{0.5, "config.ru"}
		}
		return match{}
	}
	r := readRuby(a)
	switch {
	case r.rails():
		return match{0.95, "a Gemfile with Rails"}
	case r.gems["jekyll"] && (a.has("_config.yml") || a.hasDir("_posts")):
		return match{0.8, "a Gemfile with Jekyll"}
	case a.has("config.ru"):
		return match{0.85, "a Gemfile and config.ru"}
	case r.gems["sinatra"] && r.entry() != "":
		return match{0.8, "a Gemfile with Sinatra"}
	case a.procfile()[web] != "" || a.StartCommand != "":
		return match{0.55, "a Gemfile"}
	case r.entry() != "":
		return match{0.65, "a Gemfile and " + r.entry()}
	}
	return match{0.4, "a Gemfile"} // of fastlane or CocoaPods, often
}

func (r *rubyApp) rails() bool {
	return (r.gems["rails"] || r.gems["railties"]) && r.has("config/application.rb")
}

func (r *rubyApp) entry() string { return r.first("app.rb", "main.rb", "server.rb", "web.rb") }

func planRuby(a *app, p *Plan) error {
	r := readRuby(a)
	if !a.has("Gemfile") {
		return fault.New(fault.NotBuildable, "There is a config.ru but no Gemfile: add one that lists rack and a server such as puma.")
	}
	said := []saying{{strings.TrimPrefix(a.word(".ruby-version"), "ruby-"), ".ruby-version"}}
	if m := rubyLine().FindStringSubmatch(a.text("Gemfile")); m != nil {
		said = append(said, saying{m[1], "Gemfile"})
	}
	var err error
	if p.Version, p.VersionFrom, err = a.version(rubyVersions, append(said, a.tools("ruby")...)...); err != nil {
		return err
	}
	p.Install, p.Port = a.install("bundle install"), a.port(8080)
	if r.gems["jekyll"] && !r.rails() && !a.has("config.ru") {
		p.Framework, p.Build, p.Builder, p.OutputDirectory = "Jekyll", a.compile("bundle exec jekyll build"), Static, orDefault(a.OutputDirectory, "_site")
		a.say("Jekyll makes static files in %s.", p.OutputDirectory)
		s := a.script()
		r.build(s, p)
		s.static(p, "build", appDir+"/"+p.OutputDirectory)
		return nil
	}
	start, missing := r.start(p)
	if r.gems["sprockets-rails"] || r.gems["propshaft"] || r.hasDir("app/assets") && r.rails() {
		p.Build = "SECRET_KEY_BASE_DUMMY=1 bundle exec rails assets:precompile"
	}
	p.Build = a.compile(p.Build)
	p.Packages = sorted(append(slices.Clone(a.Packages), r.libraries()...))
	if err := a.processes(p, start, missing); err != nil {
		return err
	}
	r.image(p)
	return nil
}

func orDefault(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

func (r *rubyApp) start(p *Plan) (start, missing string) {
	missing = "The Gemfile lists no web server: add gem \"puma\" to it, or set the start command."
	switch {
	case r.rails():
		p.Framework = "Rails"
		if !r.gems["puma"] && !r.gems["unicorn"] && !r.gems["falcon"] {
			return "", missing
		}
		if r.has("bin/rails") {
			return "ruby bin/rails server --binding 0.0.0.0", ""
		}
		return "bundle exec rails server --binding 0.0.0.0", ""
	case r.has("config.ru"):
		p.Framework = "Rack"
		if r.gems["sinatra"] {
			p.Framework = "Sinatra"
		}
		switch {
		case r.gems["puma"]:
			return `bundle exec puma --bind "tcp://0.0.0.0:$PORT"`, ""
		case r.gems["falcon"]:
			return `bundle exec falcon serve --bind "http://0.0.0.0:$PORT"`, ""
		case r.gems["rackup"] || r.gems["thin"] || r.gems["webrick"]:
			return `bundle exec rackup --host 0.0.0.0 --port "$PORT"`, ""
		}
		return "", missing
	}
	if entry := r.entry(); entry != "" {
		if r.gems["sinatra"] {
			p.Framework = "Sinatra"
			if !r.gems["puma"] && !r.gems["thin"] && !r.gems["webrick"] && !r.gems["falcon"] {
				return "", missing
			}
			return "bundle exec ruby " + entry + ` -o 0.0.0.0 -p "$PORT"`, ""
		}
		return "bundle exec ruby " + entry, ""
	}
	return "", "Nothing says how to start: add a config.ru, a Procfile with a line such as \"web: bundle exec puma\", or set the start command."
}

// gemLibraries are Debian packages that gems load when they run; those in
// gemHeaders are needed to compile them.
var (
	gemLibraries = map[string][]string{"pg": {"libpq5"}, "mysql2": {"libmariadb3"}, "sqlite3": {"libsqlite3-0"}, "ruby-vips": {"libvips42"}, "image_processing": {"libvips42"}, "mini_magick": {"imagemagick"}, "rmagick": {"imagemagick"}}
	gemHeaders   = map[string][]string{"pg": {"libpq-dev"}, "mysql2": {"default-libmysqlclient-dev"}, "sqlite3": {"libsqlite3-dev"}, "rmagick": {"libmagickwand-dev"}}
)

func (r *rubyApp) libraries() []string {
	var out []string
	for _, gem := range sortedKeys(r.gems) {
		out = append(out, gemLibraries[gem]...)
	}
	return out
}

// build is the stage with compilers.
func (r *rubyApp) build(s *script, p *Plan) {
	s.from("ruby:"+p.Version+"-slim-bookworm", "build")
	s.line("WORKDIR %s", appDir)
	packages := []string{"build-essential", "git", "libyaml-dev", "pkg-config"}
	for _, gem := range sortedKeys(r.gems) {
		packages = append(packages, gemHeaders[gem]...)
	}
	node := r.has("package.json") && p.Build != "" && !r.gems["importmap-rails"]
	if node {
		r.say("Node.js is there while building, because package.json lists assets.")
	}
	s.apt(append(packages, p.Packages...)...)
	if node {
		s.line("COPY --from=node:%s-bookworm-slim /usr/local /opt/node", nodeVersions.fallback)
		s.line("ENV PATH=/opt/node/bin:$PATH")
	}
	s.line("ENV BUNDLE_DEPLOYMENT=%d BUNDLE_PATH=/usr/local/bundle BUNDLE_WITHOUT=development:test RAILS_ENV=production", map[bool]int{true: 1}[r.has("Gemfile.lock")])
	if r.InstallCommand != "" {
		s.line("COPY . .")
	} else {
		s.line("COPY Gemfile %s./", ifHas(r.has("Gemfile.lock"), "Gemfile.lock ")+ifHas(r.has(".ruby-version"), ".ruby-version "))
	}
	s.userRun(p.Install + " && rm -rf /usr/local/bundle/ruby/*/cache")
	if node {
		r.assets(s)
	}
	s.line("COPY . .")
	s.buildArgs()
	if p.Build != "" {
		s.userRun(p.Build)
	}
}

// assets installs what package.json lists for the asset pipeline.
func (r *rubyApp) assets(s *script) {
	n := &nodeApp{app: r.app, files: r.files, root: r.files}
	if _, err := n.json("package.json", &n.pack); err != nil {
		return
	}
	n.rootPack = n.pack
	n.pm = n.chooseManager()
	if setup := n.pm.setup(); setup != "" {
		s.run(setup, cache("/root/.npm"))
	}
	n.inputs(s)
	s.userRun(n.pm.install(), cache(n.pm.cache()))
}

func (r *rubyApp) image(p *Plan) {
	s := r.script()
	r.build(s, p)
	s.from("ruby:"+p.Version+"-slim-bookworm", "")
	s.apt(p.Packages...)
	s.user(appDir)
	s.line("WORKDIR %s", appDir)
	s.line("ENV BUNDLE_DEPLOYMENT=1 BUNDLE_PATH=/usr/local/bundle BUNDLE_WITHOUT=development:test RACK_ENV=production RAILS_ENV=production RAILS_LOG_TO_STDOUT=1 RAILS_SERVE_STATIC_FILES=1")
	s.line("COPY --from=build /usr/local/bundle /usr/local/bundle")
	s.copyApp("build", appDir, ".")
	s.start(p)
	s.done(p)
}
