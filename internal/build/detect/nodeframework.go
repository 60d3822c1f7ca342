package detect

import (
	"cmp"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/davitdev/davit/internal/lazy"
)

// framework is a library that decides how an application of Node.js is built.
type framework struct {
	name    string
	needs   []string // any of these packages says that it is used
	outcome func(n *nodeApp) outcome
}

// outcome is what a framework's build leaves behind.
type outcome struct {
	static  bool
	dir     string // of static files
	spa     bool   // unknown paths are the application's own
	build   string // command, if the package has no build script
	start   string // command, if nothing else says
	always  bool   // start goes before the start script
	copies  []copied
	alone   bool     // the copies need no node_modules
	env     []string // in the final image
	caches  []string // of the build, below the application
	missing string   // why it cannot be built, and what to add
}

// copied is a part of the built application that the final image gets.
type copied struct{ from, to string }

// frameworks in order of priority: what is built on something comes before it.
var frameworks = []framework{
	{"Next.js", []string{"next"}, planNext},
	{"Nuxt", []string{"nuxt", "nuxt3"}, planNuxt},
	{"React Router", []string{"@react-router/dev"}, planReactRouter},
	{"Remix", []string{"@remix-run/dev", "@remix-run/serve"}, planRemix},
	{"SvelteKit", []string{"@sveltejs/kit"}, planSvelteKit},
	{"Astro", []string{"astro"}, planAstro},
	{"Angular", []string{"@angular/core"}, planAngular},
	{"TanStack Start", []string{"@tanstack/react-start", "@tanstack/solid-start", "@tanstack/start"}, planNitro},
	{"SolidStart", []string{"@solidjs/start"}, planNitro},
	{"Gatsby", []string{"gatsby"}, site("public", "gatsby build", false)},
	{"Docusaurus", []string{"@docusaurus/core"}, site("build", "docusaurus build", false)},
	{"VitePress", []string{"vitepress"}, planVitePress},
	{"Eleventy", []string{"@11ty/eleventy"}, site("_site", "eleventy", false)},
	{"Create React App", []string{"react-scripts"}, site("build", "react-scripts build", true)},
	{"Vue CLI", []string{"@vue/cli-service"}, site("dist", "vue-cli-service build", true)},
	{"NestJS", []string{"@nestjs/core"}, planNest},
	{"Express", []string{"express"}, server},
	{"Fastify", []string{"fastify"}, server},
	{"Hono", []string{"hono"}, server},
	{"Koa", []string{"koa"}, server},
	{"hapi", []string{"@hapi/hapi"}, server},
	{"Elysia", []string{"elysia"}, server},
	{"Vite", []string{"vite"}, planVite},
	{"Rsbuild", []string{"@rsbuild/core"}, site("dist", "rsbuild build", true)},
	{"Parcel", []string{"parcel"}, site("dist", "", true)},
}

// frameworkOf is the framework that a package is built on, nil for none. A
// package that serves nothing by itself may need one for its tests: it has to
// have something to build or start.
func frameworkOf(pack manifest, dir files) *framework {
	for i := range frameworks {
		f := &frameworks[i]
		if pack.needsAny(f.needs...) == "" {
			continue
		}
		switch f.name {
		case "Vite", "VitePress", "Eleventy", "Parcel", "Rsbuild":
			// Also tools of libraries and of other languages' assets.
			if pack.Scripts["build"] == "" && pack.Scripts["start"] == "" || f.name == "Vite" && !isSite(pack, dir) {
				continue
			}
		case "Express", "Fastify", "Hono", "Koa", "hapi", "Elysia":
			if pack.needsAny(f.needs...) != "" && !pack.runs(pack.needsAny(f.needs...)) {
				continue
			}
		}
		return f
	}
	return nil
}

// isSite reports whether Vite makes a page, and not a library or assets of a
// server of another language.
func isSite(pack manifest, dir files) bool {
	return dir.first("index.html", "src/index.html", "app/index.html") != "" || pack.Scripts["start"] != "" || pack.needs("vike") || pack.needs("vite-plugin-ssr")
}

func server(*nodeApp) outcome { return outcome{} }

// site is a framework that always makes static files.
func site(dir, build string, spa bool) func(n *nodeApp) outcome {
	return func(*nodeApp) outcome { return outcome{static: true, dir: dir, build: build, spa: spa} }
}

// config is the text of the first of a framework's configuration files.
func (n *nodeApp) config(base string) string {
	for _, ext := range []string{".ts", ".js", ".mjs", ".cjs", ".mts"} {
		if text := n.text(base + ext); text != "" {
			return withoutComments(text)
		}
	}
	return ""
}

var comment = lazy.Regexp(`(?s:/\*.*?\*/)|(?m:^\s*//.*$)`)

func withoutComments(text string) string { return comment().ReplaceAllString(text, "") }

var (
	nextOutput  = lazy.Regexp(`\boutput['"]?\s*:\s*['"](standalone|export)['"]`)
	nextDist    = lazy.Regexp(`\bdistDir['"]?\s*:\s*['"]([^'"]+)['"]`)
	outDir      = lazy.Regexp(`\boutDir['"]?\s*:\s*['"]([^'"]+)['"]`)
	ssrFalse    = lazy.Regexp(`\bssr['"]?\s*:\s*false\b`)
	svelteAdapt = lazy.Regexp(`['"](@sveltejs/adapter-[a-z-]+|svelte-adapter-[a-z-]+)['"]`)
	astroOutput = lazy.Regexp(`\boutput['"]?\s*:\s*['"](server|hybrid|static)['"]`)
	astroAdapt  = lazy.Regexp(`['"]@astrojs/(vercel|netlify|cloudflare)(?:/[a-z]+)?['"]`)
	fallbackSet = lazy.Regexp(`\bfallback['"]?\s*:\s*['"]`)
	nuxtStatic  = lazy.Regexp(`\bpreset['"]?\s*:\s*['"](static|github-pages)['"]`)
)

// found is the plain path that a pattern finds in a configuration, or else
// fallback.
func found(pattern *regexp.Regexp, text, fallback string) string {
	if m := pattern.FindStringSubmatch(text); m != nil {
		if dir := path.Clean(m[1]); plainPath(dir) {
			return dir
		}
	}
	return fallback
}

func planNext(n *nodeApp) outcome {
	config := n.config("next.config")
	mode := found(nextOutput(), config, "")
	dist := found(nextDist(), config, ".next")
	out := outcome{build: "next build", caches: []string{dist + "/cache"}, env: []string{"NEXT_TELEMETRY_DISABLED=1"}}
	switch mode {
	case "export":
		n.say(`Next.js exports static files: next.config says output: "export".`)
		out.static, out.dir = true, found(nextDist(), config, "out")
		out.caches = []string{".next/cache"}
	case "standalone":
		n.say(`Next.js makes a server of its own: next.config says output: "standalone".`)
		out.alone, out.always = true, true
		out.start = "node " + path.Join(n.dir, "server.js")
		out.env = append(out.env, "HOSTNAME=0.0.0.0")
		out.copies = []copied{{dist + "/standalone", "."}, {dist + "/static", path.Join(n.dir, dist, "static")}}
		if n.hasDir("public") {
			out.copies = append(out.copies, copied{"public", path.Join(n.dir, "public")})
		}
	default:
		n.say(`The image would be smaller with output: "standalone" in next.config.`)
		out.start = "next start"
	}
	return out
}

func planNuxt(n *nodeApp) outcome {
	config := n.config("nuxt.config")
	script := n.pack.Scripts["build"]
	if strings.Contains(script, "generate") || nuxtStatic().MatchString(config) {
		n.say("Nuxt generates static files.")
		return outcome{static: true, dir: ".output/public", build: "nuxt generate", spa: ssrFalse().MatchString(config)}
	}
	out := planNitro(n)
	out.build = "nuxt build"
	return out
}

// planNitro is for all that end up as a server made by Nitro.
func planNitro(*nodeApp) outcome {
	return outcome{
		start: "node .output/server/index.mjs", always: true, alone: true, copies: []copied{{".output", ".output"}},
		env: []string{"HOST=0.0.0.0"},
	}
}

func planReactRouter(n *nodeApp) outcome {
	if ssrFalse().MatchString(n.config("react-router.config")) {
		n.say("React Router makes static files: react-router.config says ssr: false.")
		return outcome{static: true, dir: "build/client", build: "react-router build", spa: true}
	}
	out := outcome{build: "react-router build", start: "react-router-serve ./build/server/index.js", copies: serverCopies("build", "public")}
	if n.pack.Scripts["start"] == "" && !n.pack.runs("@react-router/serve") {
		out.missing = "React Router has no server: add @react-router/serve to the dependencies and the start script \"react-router-serve ./build/server/index.js\", or ssr: false to react-router.config."
	}
	return out
}

func planRemix(n *nodeApp) outcome {
	if ssrFalse().MatchString(n.config("vite.config")) {
		n.say("Remix makes static files: vite.config says ssr: false.")
		return outcome{static: true, dir: "build/client", build: "remix vite:build", spa: true}
	}
	out := outcome{build: "remix vite:build", start: "remix-serve ./build/server/index.js", copies: serverCopies("build", "public")}
	if n.pack.Scripts["start"] == "" && !n.pack.runs("@remix-run/serve") {
		out.missing = "Remix has no server: add @remix-run/serve to the dependencies and the start script \"remix-serve ./build/server/index.js\"."
	}
	return out
}

// serverCopies is what a server without its source needs.
func serverCopies(dirs ...string) []copied {
	out := []copied{{"package.json", "package.json"}}
	for _, d := range dirs {
		out = append(out, copied{d, d})
	}
	return out
}

func planSvelteKit(n *nodeApp) outcome {
	config := n.config("svelte.config")
	if config == "" {
		config = n.config("vite.config")
	}
	adapter := cmp.Or(found(svelteAdapt(), config, ""), n.pack.needsAny("@sveltejs/adapter-node", "@sveltejs/adapter-static"))
	switch adapter {
	case "@sveltejs/adapter-node":
		return outcome{build: "vite build", start: "node build", always: true, copies: serverCopies("build")}
	case "@sveltejs/adapter-static":
		n.say("SvelteKit makes static files by its adapter-static.")
		return outcome{static: true, dir: "build", build: "vite build", spa: fallbackSet().MatchString(config)}
	case "":
		adapter = "@sveltejs/adapter-auto"
	}
	if serves(n.pack.script("start")) {
		return outcome{build: "vite build"}
	}
	return outcome{missing: "SvelteKit uses " + adapter + ", which makes nothing that runs here: add @sveltejs/adapter-node for a server, or @sveltejs/adapter-static for static files, and name it in svelte.config.js."}
}

func planAstro(n *nodeApp) outcome {
	config := n.config("astro.config")
	if m := astroAdapt().FindStringSubmatch(config); m != nil {
		return outcome{missing: "Astro uses @astrojs/" + m[1] + ", which makes nothing that runs here: use @astrojs/node, or remove the adapter for static files."}
	}
	dist := found(outDir(), config, "dist")
	switch mode := found(astroOutput(), config, "static"); {
	case strings.Contains(config, "@astrojs/node"):
		n.say("Astro makes a server: astro.config uses @astrojs/node.")
		return outcome{build: "astro build", start: "node ./" + dist + "/server/entry.mjs", copies: serverCopies(dist), env: []string{"HOST=0.0.0.0"}}
	case mode != "static":
		return outcome{missing: "astro.config says output: \"" + mode + "\" without an adapter: add @astrojs/node to the dependencies and to astro.config."}
	}
	n.say("Astro makes static files, because astro.config has no adapter.")
	return outcome{static: true, dir: dist, build: "astro build"}
}

func planVitePress(n *nodeApp) outcome {
	root := "."
	for _, d := range []string{"docs", "doc", "src"} {
		if n.hasDir(d + "/.vitepress") {
			root = d
		}
	}
	return outcome{static: true, dir: path.Join(root, ".vitepress/dist"), build: strings.TrimSpace("vitepress build " + strings.TrimPrefix(root, "."))}
}

func planNest(n *nodeApp) outcome {
	out := outcome{build: "nest build", start: "node dist/main", always: true}
	if prod := n.pack.script("start:prod"); prod != "" {
		out.start = prod
	}
	return out
}

// pages are packages that find their way by themselves in a browser.
var pages = []string{"react-router-dom", "react-router", "vue-router", "@tanstack/react-router", "wouter", "@solidjs/router", "svelte-routing", "svelte-spa-router", "preact-router", "react", "vue", "svelte", "solid-js", "preact", "lit"}

func planVite(n *nodeApp) outcome {
	if start := n.pack.script("start"); serves(start) {
		n.say("Vite makes assets for a server, because the start script is %q.", clip(start))
		return outcome{build: "vite build"}
	}
	if n.pack.needs("vike") || n.pack.needs("vite-plugin-ssr") {
		return outcome{missing: "The pages are rendered by a server, and nothing says how to start it: add a start script to package.json, for example \"node server/index.js\"."}
	}
	out := outcome{static: true, dir: found(outDir(), n.config("vite.config"), "dist"), build: "vite build", spa: n.pack.needsAny(pages...) != ""}
	n.say("Vite makes static files, because no start script runs a server.")
	return out
}

// angularProject is what angular.json says about one project.
type angularProject struct {
	Type      string `json:"projectType"`
	Architect map[string]struct {
		Builder string `json:"builder"`
		Options struct {
			OutputPath any `json:"outputPath"`
			SSR        any `json:"ssr"`
			Server     any `json:"server"`
		} `json:"options"`
	} `json:"architect"`
}

func planAngular(n *nodeApp) outcome {
	var workspace struct {
		Default  string                    `json:"defaultProject"`
		Projects map[string]angularProject `json:"projects"`
	}
	if _, err := n.json("angular.json", &workspace); err != nil {
		return outcome{missing: "angular.json cannot be read: " + clip(err.Error()) + "."}
	}
	names := sortedKeys(workspace.Projects)
	names = slices.DeleteFunc(names, func(name string) bool { return workspace.Projects[name].Type == "library" })
	if len(names) == 0 {
		return outcome{missing: "angular.json has no application."}
	}
	name := names[0]
	if slices.Contains(names, workspace.Default) {
		name = workspace.Default
	}
	if len(names) > 1 {
		n.say("angular.json has several applications: %s is built.", clip(name))
	}
	build := workspace.Projects[name].Architect["build"]
	dir := path.Join("dist", name)
	switch o := build.Options.OutputPath.(type) {
	case string:
		dir = path.Clean(o)
	case map[string]any:
		if base, ok := o["base"].(string); ok {
			dir = path.Clean(base)
		}
	}
	if !plainPath(dir) {
		return outcome{missing: "The output path of angular.json must be a plain path inside the source."}
	}
	application := strings.HasSuffix(build.Builder, ":application")
	if application && (build.Options.SSR != nil && build.Options.SSR != false) {
		n.say("Angular renders on a server, as angular.json says.")
		return outcome{build: "ng build", start: "node " + dir + "/server/server.mjs", always: true, copies: serverCopies("dist")}
	}
	if application {
		dir += "/browser"
	}
	n.say("Angular makes static files.")
	return outcome{static: true, dir: dir, build: "ng build", spa: true}
}
