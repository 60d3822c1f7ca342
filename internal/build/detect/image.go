package detect

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/davitdev/davit/internal/lazy"
)

// The user that images run as.
const (
	userID    = "10001"
	userOwner = userID + ":" + userID
	appDir    = "/app"
)

// script is a Dockerfile under way.
type script struct {
	b       strings.Builder
	app     *app
	secrets []string // ids
	steps   bool     // down from root: commands are run as the user of the image
}

func (a *app) script() *script {
	s := &script{app: a, secrets: a.secretIDs()}
	s.line("# Made by Davit. To change it, save it as Dockerfile at the root of the application.")
	return s
}

func (s *script) String() string { return s.b.String() }

func (s *script) line(format string, args ...any) { fmt.Fprintf(&s.b, format+"\n", args...) }

// from begins a stage.
func (s *script) from(image, name string) {
	if s.b.Len() > 0 && strings.Contains(s.b.String(), "\nFROM ") {
		s.line("")
	}
	if name != "" {
		name = " AS " + name
	}
	s.line("FROM %s%s", image, name)
}

// run runs a command with its mounts. A command that the syntax of a
// Dockerfile would tear apart goes to the shell as one argument.
func (s *script) run(command string, mounts ...string) {
	for i, m := range mounts {
		mounts[i] = "--mount=" + m
	}
	command = strings.TrimSpace(command)
	if !plainRun(command) {
		command = jsonList("/bin/sh", "-ec", command)
	}
	s.line("RUN %s", strings.Join(append(mounts, command), " \\\n    "))
}

// plainRun reports whether the shell form of RUN takes a command as it is,
// apart from the line breaks of our own.
func plainRun(command string) bool {
	if command == "" || strings.ContainsAny(command[:1], "-[#\\") || strings.Contains(command, "<<") || strings.HasSuffix(command, "\\") {
		return false
	}
	for line := range strings.Lines(command) {
		if strings.HasSuffix(line, "\n") && !strings.HasSuffix(line, "\\\n") || strings.HasPrefix(strings.TrimSpace(line), "#") {
			return false
		}
	}
	return true
}

// userRun runs a command of the application: with the secrets of the build in
// its environment, and none of them in a layer. They come as files, because
// engines before 24 know no other mount.
func (s *script) userRun(command string, mounts ...string) {
	mounts = slices.Clone(mounts)
	var exports strings.Builder
	for _, id := range s.secrets {
		mount := "type=secret,required=true,id=" + id
		if s.steps {
			mount += ",uid=" + userID
		}
		mounts = append(mounts, mount)
		fmt.Fprintf(&exports, "export %s=\"$(cat /run/secrets/%s)\" && \\\n    ", id, id)
	}
	if command = strings.TrimSpace(command); !plainRun(command) && exports.Len() > 0 {
		s.run(strings.ReplaceAll(exports.String(), "\\\n    ", "")+command, mounts...)
		return
	}
	s.run(exports.String()+command, mounts...)
}

// stepDown makes the commands that follow run as the user of the image.
func (s *script) stepDown() {
	s.steps = true
	s.line("USER %s", userOwner)
}

// cache is a mount that stays between builds.
func cache(target string) string { return "type=cache,target=" + target }

// locked is a cache for one build at a time.
func locked(target string) string { return "type=cache,sharing=locked,target=" + target }

// apt installs packages of Debian.
func (s *script) apt(packages ...string) {
	packages = sorted(slices.Clone(packages))
	if len(packages) == 0 {
		return
	}
	s.run("apt-get update \\\n    && apt-get install -y --no-install-recommends " + strings.Join(packages, " ") +
		" \\\n    && rm -rf /var/lib/apt/lists/*")
}

// user makes the user that the image runs as, and directories that are its
// own.
func (s *script) user(dirs ...string) {
	s.run("useradd --uid " + userID + " --create-home app \\\n    && install -d -o " + userID + " -g " + userID + " " + strings.Join(dirs, " "))
}

// copyApp copies from a stage, or from the context if that is "", for the user.
func (s *script) copyApp(stage, from, to string) {
	if stage != "" {
		stage = "--from=" + stage + " "
	}
	s.line("COPY --chown=%s %s%s %s", userOwner, stage, from, to)
}

// buildArgs declares the build arguments that somebody gave.
func (s *script) buildArgs() {
	for _, name := range slices.Sorted(maps.Keys(s.app.Args)) {
		if envName().MatchString(name) && name != goMainArg {
			s.line("ARG %s", name)
		}
	}
}

// start ends a Dockerfile: how the image runs.
func (s *script) start(p *Plan) {
	home := "HOME=/home/app"
	if p.Port != 0 {
		s.line("ENV %s PORT=%d", home, p.Port)
		s.line("EXPOSE %d", p.Port)
	} else {
		s.line("ENV %s", home)
	}
	s.line("USER %s", userOwner)
	s.command(p)
}

// command says what is started.
func (s *script) command(p *Plan) {
	args, _ := argv(p.Start)
	s.line("CMD %s", jsonList(args...))
}

// done puts the Dockerfile into the plan.
func (s *script) done(p *Plan) { p.Dockerfile = []byte(s.String()) }

// static ends a Dockerfile with an image that has only files.
func (s *script) static(p *Plan, stage, dir string) {
	s.from("scratch", "")
	if stage != "" {
		stage = "--from=" + stage + " "
	}
	s.line("COPY %s%s /", stage, strings.TrimSuffix(dir, "/")+"/")
	s.done(p)
}

var envName = lazy.Regexp(`^[A-Za-z_][A-Za-z0-9_]*$`)

// secretIDs are the secrets of the build that can be environment variables.
func (a *app) secretIDs() []string {
	return slices.DeleteFunc(sorted(slices.Clone(a.Secrets)), func(id string) bool { return !envName().MatchString(id) })
}

// jsonList is the exec form of an instruction.
func jsonList(args ...string) string {
	parts := make([]string, len(args))
	for i, a := range args {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if e.Encode(a) == nil {
			parts[i] = strings.TrimSpace(b.String())
		}
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// Ignored lists, in the form of a .dockerignore, what a Dockerfile made for a
// plan does not see of the source: what the build makes anew, and what belongs
// to one machine. Of files that are served as they are, hidden ones and what
// configures this build stay behind: they are not for readers.
func Ignored(p Plan) []string {
	if p.Builder == Static && p.Install == "" && p.Build == "" {
		return []string{"**/.*", "!**/.well-known", "**/node_modules", ConfigFile, "Dockerfile", "Procfile"}
	}
	return []string{
		".git", "**/node_modules", "**/.venv", "**/venv", "**/__pycache__", ".env.local", ".env.*.local", "**/.next/cache",
		"**/.DS_Store", "target/debug", "target/release", "_build", "deps/*/_build",
	}
}
