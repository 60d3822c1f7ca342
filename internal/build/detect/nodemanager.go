package detect

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/davitdev/davit/internal/lazy"
)

// manager is a package manager of Node.js.
type manager struct {
	name    string // "npm", "pnpm", "yarn" or "bun"
	version string // to install; "" if it comes with the image
	lock    string // name of its lock file; "" without one
	berry   bool   // Yarn from 2 on
}

// nodeLocks are lock files in order of priority. npm's comes last: it is what
// stays behind when somebody runs npm by mistake.
var nodeLocks = []struct{ file, manager string }{
	{"pnpm-lock.yaml", "pnpm"},
	{"bun.lock", "bun"},
	{"bun.lockb", "bun"},
	{"yarn.lock", "yarn"},
	{"npm-shrinkwrap.json", "npm"},
	{"package-lock.json", "npm"},
}

var (
	packageManager = lazy.Regexp(`^(npm|pnpm|yarn|bun)@(\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?)(?:\+.*)?$`)
	pnpmLockLine   = lazy.Regexp(`(?m)^lockfileVersion:\s*['"]?(\d+)(?:\.(\d+))?`)
)

// chooseManager finds the package manager of the directory that holds the
// lock file.
func (n *nodeApp) chooseManager() manager {
	var present []string
	m := manager{name: "npm"}
	said := packageManager().FindStringSubmatch(n.rootPack.PackageManager)
	if said != nil {
		m = manager{name: said[1], version: said[2]}
	}
	for _, l := range nodeLocks {
		if !n.root.has(l.file) {
			continue
		}
		switch {
		case len(present) == 0 && said == nil:
			m.name, m.lock = l.manager, l.file
		case l.manager == m.name && m.lock == "":
			m.lock = l.file
		}
		present = append(present, l.file)
	}
	switch {
	case said != nil:
		n.say("%s is used, as packageManager of package.json says.", clip(said[0]))
		for _, f := range present {
			if f != m.lock {
				n.say("%s belongs to another package manager and is not used.", f)
			}
		}
	case len(present) > 1:
		n.say("There are lock files of several package managers, %s: %s is used. Delete the others, or say packageManager in package.json.", strings.Join(present, " and "), m.lock)
	case len(present) == 1:
		n.say("Dependencies are installed by %s, because there is a %s.", m.name, m.lock)
	default:
		if !n.rootPack.empty() {
			n.say("There is no lock file, so npm installs the newest versions that package.json allows: commit a lock file to get the same ones every time.")
		}
	}
	n.settle(&m)
	return m
}

// settle finds the version of a package manager.
func (n *nodeApp) settle(m *manager) {
	switch m.name {
	case "npm":
		m.version = "" // the image's fits its Node.js
	case "pnpm":
		m.version = cmp.Or(m.version, n.pnpm())
	case "yarn":
		m.berry = m.version != "" && !strings.HasPrefix(m.version, "1.") || m.version == "" && n.berryLock()
		switch {
		case m.version != "":
		case m.berry:
			m.version = yarnBerry
		default:
			m.version = yarnClassic
		}
	case "bun":
		if m.version == "" {
			line, ok, _ := bunVersions.resolve(cmp.Or(n.rootPack.Engines["bun"], "*"))
			if !ok {
				line = bunVersions.fallback
			}
			m.version = cmp.Or(bunReleases[line], bunReleases[bunVersions.fallback])
		}
	}
}

// pnpm is the version that understands the lock file.
func (n *nodeApp) pnpm() string {
	line := pnpmDefault
	if e := exactVersion().FindStringSubmatch(strings.TrimLeft(n.rootPack.Engines["pnpm"], "^~>= ")); e != nil {
		line = e[1]
	} else if l := pnpmLockLine().FindStringSubmatch(n.root.head("pnpm-lock.yaml", 4<<10)); l != nil {
		switch {
		case l[1] == "5" && l[2] == "3":
			line = "6"
		case l[1] == "5":
			line = "7"
		case l[1] == "6":
			line = "8"
		}
	}
	return cmp.Or(pnpmVersions[line], pnpmVersions[pnpmDefault])
}

// berryLock reports whether yarn.lock is of Yarn 2 or newer.
func (n *nodeApp) berryLock() bool {
	return n.root.has(".yarnrc.yml") || strings.Contains(n.root.head("yarn.lock", 4<<10), "__metadata:")
}

// title is the manager for people.
func (m manager) title() string { return strings.TrimSpace(m.name + " " + m.version) }

// setup is the command that puts the manager into an image of Node.js, "" if
// it is there.
func (m manager) setup() string {
	switch {
	case m.version == "":
		return ""
	case m.berry:
		return "npm install --global --force @yarnpkg/cli-dist@" + m.version
	case m.name == "yarn":
		return "npm install --global --force yarn@" + m.version
	}
	return fmt.Sprintf("npm install --global %s@%s", m.name, m.version)
}

// install is the command that fetches all dependencies.
func (m manager) install() string {
	locked := m.lock != ""
	switch {
	case m.name == "pnpm" && locked:
		return "pnpm install --frozen-lockfile"
	case m.name == "pnpm":
		return "pnpm install --no-frozen-lockfile"
	case m.berry && locked:
		return "yarn install --immutable"
	case m.name == "yarn" && locked && !m.berry:
		return "yarn install --frozen-lockfile"
	case m.name == "bun" && locked:
		return "bun install --frozen-lockfile"
	case m.name == "npm" && locked:
		return "npm ci"
	}
	return m.name + " install"
}

// production is the command that fetches what runs in production, where
// nothing has been installed yet; "" if the manager has none.
func (m manager) production() string {
	switch m.name {
	case "npm":
		return m.install() + " --omit=dev"
	case "pnpm":
		return m.install() + " --prod"
	case "bun":
		return m.install() + " --production"
	}
	if m.berry {
		return ""
	}
	return m.install() + " --production"
}

// prune is the command that removes what only the build needs. Nothing of the
// dependencies runs then, because it may need what is being removed.
func (m manager) prune(workspace bool) string {
	switch {
	case m.name == "pnpm" && workspace:
		return "CI=true pnpm install --prod --ignore-scripts --frozen-lockfile"
	case m.name == "pnpm":
		return "CI=true pnpm prune --prod --ignore-scripts"
	case m.berry && workspace:
		return "yarn workspaces focus --all --production"
	case m.berry:
		return "yarn workspaces focus --production"
	case m.name == "yarn":
		return "yarn install --production --ignore-scripts --prefer-offline"
	case m.name == "bun":
		return "rm -rf node_modules && bun install --production --ignore-scripts"
	}
	return "npm prune --omit=dev --ignore-scripts"
}

// run is the command that runs a script of the package in dir.
func (m manager) run(script, dir string) string {
	if dir == "" {
		return m.name + " run " + script
	}
	switch m.name {
	case "npm":
		return "npm run " + script + " --workspace=" + dir
	case "pnpm":
		return "pnpm --dir " + dir + " run " + script
	case "bun":
		return "bun run --cwd " + dir + " " + script
	}
	return "yarn --cwd " + dir + " run " + script
}

// exec is how the manager runs a program of a dependency.
func (m manager) exec(command string) string {
	switch m.name {
	case "pnpm":
		return "pnpm exec " + command
	case "bun":
		return "bunx " + command
	case "yarn":
		return "yarn " + command
	}
	return "npx " + command
}

// cache is where the manager keeps what it fetched.
func (m manager) cache() string {
	switch {
	case m.name == "pnpm":
		return "/root/.local/share/pnpm/store"
	case m.berry:
		return "/root/.yarn/berry/cache"
	case m.name == "yarn":
		return "/root/.cache/yarn"
	case m.name == "bun":
		return "/root/.bun/install/cache"
	}
	return "/root/.npm"
}

// env is what the manager needs in the build.
func (m manager) env() []string {
	switch {
	case m.berry:
		return []string{"YARN_ENABLE_GLOBAL_CACHE=true", "YARN_ENABLE_TELEMETRY=0", "YARN_NODE_LINKER=node-modules"}
	case m.name == "yarn":
		return []string{"YARN_CACHE_FOLDER=/root/.cache/yarn"}
	}
	return nil
}
