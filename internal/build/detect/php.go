package detect

import (
	"slices"
	"strings"
)

// composerFile is a composer.json.
type composerFile struct {
	Require map[string]string `json:"require"`
	Config  struct {
		Platform map[string]string `json:"platform"`
	} `json:"config"`
}

func recognisePHP(a *app) match {
	var c composerFile
	ok, err := a.json("composer.json", &c)
	switch {
	case err != nil:
		return match{0.4, "a composer.json that cannot be read"}
	case a.has("artisan"):
		return match{0.95, "artisan of Laravel"}
	case ok && c.Require["symfony/framework-bundle"] != "":
		return match{0.95, "composer.json with Symfony"}
	case a.first("index.php", "public/index.php") != "":
		return match{0.8, a.first("index.php", "public/index.php")}
	case ok && (a.procfile()[web] != "" || a.StartCommand != ""):
		return match{0.55, "composer.json"}
	case ok:
		return match{0.4, "composer.json"}
	}
	return match{}
}

func planPHP(a *app, p *Plan) error {
	var c composerFile
	composed, err := a.json("composer.json", &c)
	if err != nil {
		return unreadable(a.below("composer.json"), err)
	}
	said := append([]saying{{a.word(".php-version"), ".php-version"}}, a.tools("php")...)
	said = append(said, saying{c.Config.Platform["php"], "composer.json"}, saying{c.Require["php"], "composer.json"})
	if p.Version, p.VersionFrom, err = a.version(phpVersions, said...); err != nil {
		return err
	}
	root := "."
	if a.has("public/index.php") {
		root = "public"
	}
	switch {
	case a.has("artisan"):
		p.Framework = "Laravel"
	case c.Require["symfony/framework-bundle"] != "":
		p.Framework = "Symfony"
	}
	if composed {
		p.Install = "composer install --no-dev --no-interaction --no-scripts --prefer-dist --optimize-autoloader"
	}
	p.Install, p.Build, p.Port = a.install(p.Install), a.compile(""), a.port(8080)
	p.Packages = sorted(slices.Clone(a.Packages))
	start := "frankenphp run --config /etc/frankenphp/davit.Caddyfile"
	a.say("FrankenPHP serves %s/index.php.", strings.TrimSuffix(a.below(root), "/"))
	missing := "There is no index.php: add public/index.php, or set the start command."
	if a.first("index.php", "public/index.php") == "" {
		start = ""
	}
	if err := a.processes(p, start, missing); err != nil {
		return err
	}
	a.phpImage(p, c, root)
	return nil
}

// phpExtensions lists what composer.json requires and the image lacks.
func phpExtensions(c composerFile, framework string) []string {
	there := []string{"ctype", "curl", "dom", "fileinfo", "filter", "hash", "iconv", "json", "libxml", "mbstring", "openssl", "pcre", "phar", "posix", "readline", "session", "simplexml", "sodium", "sqlite3", "pdo_sqlite", "tokenizer", "xml", "xmlreader", "xmlwriter", "zlib", "pdo"}
	var out []string
	for name := range c.Require {
		if ext, ok := strings.CutPrefix(name, "ext-"); ok && commandWord().MatchString(ext) && !slices.Contains(there, strings.ToLower(ext)) {
			out = append(out, strings.ToLower(ext))
		}
	}
	switch framework {
	case "Laravel":
		out = append(out, "bcmath", "intl", "opcache", "pcntl", "pdo_mysql", "pdo_pgsql", "zip")
	case "Symfony":
		out = append(out, "intl", "opcache", "pdo_pgsql", "zip")
	default:
		out = append(out, "opcache")
	}
	return sorted(out)
}

func (a *app) phpImage(p *Plan, c composerFile, root string) {
	s := a.script()
	image := "dunglas/frankenphp:1-php" + p.Version + "-bookworm"
	assets := a.phpAssets(s)
	s.from(image, "base")
	s.run("install-php-extensions " + strings.Join(phpExtensions(c, p.Framework), " "))
	s.apt(p.Packages...)
	if p.Install != "" || p.Build != "" {
		s.from("base", "build")
		s.line("WORKDIR %s", appDir)
		s.line("COPY --from=composer:%s /usr/bin/composer /usr/bin/composer", composer)
		s.apt("git", "unzip")
		if a.InstallCommand == "" && p.Install != "" {
			s.line("COPY composer.json %s./", ifHas(a.has("composer.lock"), "composer.lock ")+ifHas(a.has("symfony.lock"), "symfony.lock "))
			s.userRun(p.Install+" --no-autoloader", cache("/root/.composer/cache"))
		}
		s.line("COPY . .")
		s.buildArgs()
		switch {
		case a.InstallCommand != "":
			s.userRun(p.Install, cache("/root/.composer/cache"))
		case p.Install != "":
			s.userRun("composer dump-autoload --no-dev --optimize --no-scripts")
		}
		if p.Build != "" {
			s.userRun(p.Build)
		}
	}
	s.from("base", "")
	s.user(appDir, "/config", "/data")
	s.line("WORKDIR %s", appDir)
	stage := ""
	if p.Install != "" || p.Build != "" {
		stage = "build"
	}
	s.copyApp(stage, map[bool]string{true: ".", false: appDir}[stage == ""], ".")
	if assets != "" {
		s.copyApp("assets", appDir+"/"+assets, "./"+assets)
	}
	dir := appDir
	if root != "." {
		dir += "/" + root
	}
	s.line("COPY <<CADDYFILE /etc/frankenphp/davit.Caddyfile\n{\n\tadmin off\n\tfrankenphp\n}\n:{\\$PORT} {\n\troot * %s\n\tencode zstd gzip\n\tphp_server\n}\nCADDYFILE", dir)
	s.line("ENV APP_ENV=%s LOG_CHANNEL=stderr XDG_CONFIG_HOME=/config XDG_DATA_HOME=/data", map[bool]string{true: "prod", false: "production"}[p.Framework == "Symfony"])
	s.start(p)
	s.done(p)
}

// phpAssets is a stage of Node.js for what Vite or Webpack make of assets; it
// returns the directory they end up in.
func (a *app) phpAssets(s *script) string {
	n := &nodeApp{app: a, files: a.files, root: a.files}
	if ok, err := n.json("package.json", &n.pack); !ok || err != nil || n.pack.Scripts["build"] == "" {
		return ""
	}
	n.rootPack = n.pack
	n.pm = n.chooseManager()
	a.say("package.json has a build script, so assets are built by Node.js %s first.", nodeVersions.fallback)
	p := &Plan{Version: nodeVersions.fallback}
	n.buildStage(s, p, "assets")
	n.inputs(s)
	s.userRun(n.pm.install(), cache(n.pm.cache()))
	s.line("COPY . .")
	s.userRun(n.pm.run("build", ""))
	return "public/build"
}
