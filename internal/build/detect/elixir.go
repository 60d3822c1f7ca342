package detect

import (
	"slices"
	"strings"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lazy"
)

var (
	mixApp     = lazy.Regexp(`\bapp:\s*:([a-z_][a-z0-9_]*)`)
	mixElixir  = lazy.Regexp(`\belixir:\s*"([^"]+)"`)
	mixRelease = lazy.Regexp(`(?s)\breleases:\s*\[\s*([a-z_][a-z0-9_]*):`)
)

func recogniseElixir(a *app) match {
	if !a.has("mix.exs") {
		return match{}
	}
	if strings.Contains(a.text("mix.exs"), ":phoenix") {
		return match{0.95, "mix.exs with Phoenix"}
	}
	return match{0.85, "mix.exs"}
}

func planElixir(a *app, p *Plan) error {
	text := a.text("mix.exs")
	m := mixApp().FindStringSubmatch(text)
	name := ""
	if m != nil {
		name = m[1]
	}
	if r := mixRelease().FindStringSubmatch(text); r != nil {
		name = r[1]
	}
	if name == "" {
		return fault.New(fault.NotBuildable, "mix.exs does not say \"app:\": add it, or the \"releases:\" of an umbrella project.")
	}
	said := a.tools("elixir")
	for i := range said { // "1.18.1-otp-27"
		said[i].text, _, _ = strings.Cut(said[i].text, "-")
	}
	said = append(said, saying{a.property("elixir_buildpack.config", "elixir_version"), "elixir_buildpack.config"})
	if m := mixElixir().FindStringSubmatch(text); m != nil {
		said = append(said, saying{m[1], "mix.exs"})
	}
	var err error
	if p.Version, p.VersionFrom, err = a.version(elixirVersions, said...); err != nil {
		return err
	}
	phoenix := strings.Contains(text, ":phoenix")
	assets := phoenix && strings.Contains(text, "assets.deploy")
	if phoenix {
		p.Framework = "Phoenix"
	}
	p.Install = a.install("mix deps.get --only prod")
	build := "mix compile && mix release"
	if assets {
		build = "mix compile && mix assets.deploy && mix release"
	}
	p.Build, p.Port, p.Packages = a.compile(build), a.port(8080), sorted(slices.Clone(a.Packages))
	if err := a.processes(p, appDir+"/bin/"+name+" start", ""); err != nil {
		return err
	}
	a.elixirImage(p, name, assets)
	return nil
}

func (a *app) elixirImage(p *Plan, name string, assets bool) {
	s := a.script()
	s.from("elixir:"+p.Version+"-"+orDefault(elixirVersions.distro[p.Version], "otp-27")+"-slim", "build")
	s.line("WORKDIR /src")
	s.apt(append([]string{"build-essential", "ca-certificates", "git"}, p.Packages...)...)
	s.line("ENV MIX_ENV=prod LANG=C.UTF-8")
	s.run("mix local.hex --force && mix local.rebar --force")
	if a.InstallCommand != "" || a.hasDir("apps") {
		s.line("COPY . .")
	} else {
		s.line("COPY mix.exs %s./", ifHas(a.has("mix.lock"), "mix.lock "))
		if a.has("config/config.exs") {
			s.line("COPY config/config.exs %s./config/", ifHas(a.has("config/prod.exs"), "config/prod.exs "))
		}
	}
	s.userRun(p.Install)
	s.run("mix deps.compile")
	s.line("COPY . .")
	if assets && a.has("assets/package.json") {
		a.say("assets/package.json lists packages, so Node.js is there while building.")
		s.line("COPY --from=node:%s-bookworm-slim /usr/local /opt/node", nodeVersions.fallback)
		s.line("ENV PATH=/opt/node/bin:$PATH")
		s.userRun("npm install --prefix assets", cache("/root/.npm"))
	}
	s.buildArgs()
	s.userRun(p.Build)
	s.from("debian:bookworm-slim", "")
	s.apt(append([]string{"ca-certificates", "libncurses6", "libstdc++6", "openssl"}, p.Packages...)...)
	s.user(appDir)
	s.line("WORKDIR %s", appDir)
	s.copyApp("build", "/src/_build/prod/rel/"+name, ".")
	s.line("ENV LANG=C.UTF-8 PHX_SERVER=true")
	s.start(p)
	s.done(p)
}
