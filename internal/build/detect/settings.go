package detect

import (
	"cmp"
	"errors"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/spec"
)

// ConfigFile is where a source says how it is built.
const ConfigFile = "davit.toml"

// Config is what davit.toml may say. The keys are those of the API's
// ServiceSettings. docs/davit.schema.json describes it for editors.
type Config struct {
	Builder          string            `toml:"builder" enum:"AUTO,DOCKERFILE,STATIC" doc:"AUTO detects the language, DOCKERFILE takes the Dockerfile of the source, STATIC serves files."`
	Language         string            `toml:"language" enum:"@languages" doc:"The language; detected by default."`
	LanguageVersion  string            `toml:"languageVersion" doc:"Version of the language, or a range of versions: 22, 3.12, >=20."`
	DockerfilePath   string            `toml:"dockerfilePath" doc:"Path of the Dockerfile below the root directory."`
	DockerTarget     string            `toml:"dockerTarget" doc:"Stage of the Dockerfile to build; the last one by default."`
	BuildArgs        map[string]string `toml:"buildArgs" doc:"Build arguments. They stay in the image: secrets are variables."`
	InstallCommand   string            `toml:"installCommand" doc:"Command that fetches dependencies, run by a shell inside the build."`
	BuildCommand     string            `toml:"buildCommand" doc:"Command that compiles, run by a shell inside the build."`
	PreDeployCommand []string          `toml:"preDeployCommand" doc:"Program and arguments that run before a deployment goes live."`
	StartCommand     string            `toml:"startCommand" doc:"Command that starts the application."`
	OutputDirectory  string            `toml:"outputDirectory" doc:"Directory of static files below the root directory."`
	Packages         []string          `toml:"packages" doc:"Debian packages to install, in the final image too."`
	Processes        []ProcessConfig   `toml:"processes" doc:"Other ways to run the image."`
	Port             int               `toml:"port" doc:"TCP port the application listens on; PORT says it too." min:"1" max:"65535"`
}

// ProcessConfig is one of the processes of davit.toml.
type ProcessConfig struct {
	Name    string `toml:"name" doc:"Name of the process: worker, scheduler."`
	Command string `toml:"command" doc:"Command that starts it."`
}

// readConfig puts davit.toml below what the settings say.
func (a *app) readConfig() error {
	info, ok := a.stat(ConfigFile)
	if !ok || !info.Mode().IsRegular() {
		return nil
	}
	text := a.text(ConfigFile)
	if text == "" && info.Size() > 0 {
		return fault.New(fault.NotBuildable, "%s is no text of less than %d KiB.", ConfigFile, maxFile>>10)
	}
	if nested(text) {
		return unreadable(ConfigFile, errNested)
	}
	var c Config
	if err := toml.NewDecoder(strings.NewReader(text)).DisallowUnknownFields().Decode(&c); err != nil {
		return explainTOML(err, text)
	}
	a.say("The source has a %s.", ConfigFile)
	return a.under(c)
}

// explainTOML finds the line that an error is about.
func explainTOML(err error, text string) error {
	if strict, ok := errors.AsType[*toml.StrictMissingError](err); ok && len(strict.Errors) > 0 {
		first := strict.Errors[0]
		row, _ := first.Position()
		return fault.New(fault.NotBuildable, "Line %d of %s has the key %q, which is not known: the keys are %s.",
			row, ConfigFile, clip(strings.Join(first.Key(), ".")), strings.Join(configKeys(), ", "))
	}
	if wrong, ok := errors.AsType[*toml.DecodeError](err); ok {
		row, _ := wrong.Position()
		lines := strings.Split(text, "\n")
		if strings.Contains(wrong.Error(), "struct field") && row >= 1 && row <= len(lines) { // which speaks of our code
			return fault.New(fault.NotBuildable, "Line %d of %s has a value of the wrong type: %s.", row, ConfigFile, clip(strings.TrimSpace(lines[row-1])))
		}
		return fault.New(fault.NotBuildable, "Line %d of %s cannot be read: %s.", row, ConfigFile, clip(strings.TrimPrefix(wrong.Error(), "toml: ")))
	}
	return unreadable(ConfigFile, err)
}

// under fills in what the settings leave open, and notes what they override.
func (a *app) under(c Config) error {
	o := &a.Options
	if !slices.Contains([]string{"", string(Auto), string(Dockerfile), string(Static)}, c.Builder) {
		return fault.New(fault.NotBuildable, "The builder of %s must be AUTO, DOCKERFILE or STATIC, not %q.", ConfigFile, clip(c.Builder))
	}
	lay(a, "builder", &o.Builder, Builder(c.Builder))
	lay(a, "language", &o.Language, c.Language)
	lay(a, "languageVersion", &o.LanguageVersion, c.LanguageVersion)
	lay(a, "dockerfilePath", &o.DockerfilePath, c.DockerfilePath)
	lay(a, "dockerTarget", &o.DockerTarget, c.DockerTarget)
	lay(a, "installCommand", &o.InstallCommand, c.InstallCommand)
	lay(a, "buildCommand", &o.BuildCommand, c.BuildCommand)
	lay(a, "startCommand", &o.StartCommand, c.StartCommand)
	lay(a, "outputDirectory", &o.OutputDirectory, c.OutputDirectory)
	lay(a, "port", &o.Port, c.Port)
	layList(a, "preDeployCommand", &o.PreDeployCommand, c.PreDeployCommand)
	layList(a, "packages", &o.Packages, c.Packages)
	var list []Process
	for _, p := range c.Processes {
		list = append(list, Process{Name: p.Name, Command: p.Command})
	}
	layList(a, "processes", &o.Processes, list)
	if len(c.BuildArgs) > 0 {
		args := maps.Clone(c.BuildArgs)
		maps.Copy(args, o.Args)
		o.Args = args
	}
	return nil
}

func lay[T comparable](a *app, key string, said *T, file T) {
	var zero T
	switch {
	case file == zero:
	case *said == zero:
		*said = file
		a.byFile[key] = true
	case *said != file:
		a.say("The settings' %s replaces the one of %s.", key, ConfigFile)
	}
}

func layList[T any](a *app, key string, said *[]T, file []T) {
	switch {
	case len(file) == 0:
	case len(*said) == 0:
		*said = file
		a.byFile[key] = true
	default:
		a.say("The settings' %s replaces the one of %s.", key, ConfigFile)
	}
}

// check refuses what cannot stand in a Dockerfile.
func (o *Options) check() error {
	if o.Builder == "" {
		o.Builder = Auto
	}
	for _, c := range []struct{ key, command string }{{"installCommand", o.InstallCommand}, {"buildCommand", o.BuildCommand}, {"startCommand", o.StartCommand}} {
		if err := checkCommand(c.key, c.command); err != nil {
			return err
		}
	}
	for _, p := range o.Processes {
		if !spec.IsProcessName(p.Name) || p.Command == "" {
			return fault.New(fault.NotBuildable, "A process has a name of letters, digits, - and _, and a command: %q has not.", clip(p.Name))
		}
		if err := checkCommand("processes", p.Command); err != nil {
			return err
		}
	}
	if o.OutputDirectory != "" {
		o.OutputDirectory = path.Clean(strings.TrimPrefix(o.OutputDirectory, "./"))
		if !plainPath(o.OutputDirectory) {
			return fault.New(fault.NotBuildable, "The output directory %q must be a plain path inside the source.", clip(o.OutputDirectory))
		}
	}
	o.DockerfilePath = strings.TrimPrefix(o.DockerfilePath, "./")
	for _, name := range o.Packages {
		if !spec.IsDebianPackage(name) {
			return fault.New(fault.NotBuildable, "%q is not the name of a Debian package.", clip(name))
		}
	}
	if o.Port < 0 || o.Port > 65535 {
		return fault.New(fault.NotBuildable, "The port %d is not between 1 and 65535.", o.Port)
	}
	if o.Builder != Auto && o.Builder != Dockerfile && o.Builder != Static {
		return fault.New(fault.NotBuildable, "The builder %q is not known: choose AUTO, DOCKERFILE or STATIC.", clip(string(o.Builder)))
	}
	return nil
}

func checkCommand(key, command string) error {
	const most = 8 << 10
	if len(command) > most || strings.ContainsRune(command, 0) || command != strings.ToValidUTF8(command, "") {
		return fault.New(fault.NotBuildable, "The %s must be text of at most %d KiB.", key, most>>10)
	}
	return nil
}

// who said something: the settings or the file.
func (a *app) who(key string) string {
	if a.byFile[key] {
		return ConfigFile
	}
	return "the settings"
}

// install is the command that fetches dependencies.
func (a *app) install(detected string) string {
	if a.InstallCommand != "" && detected != "" && detected != a.InstallCommand {
		a.say("The install command of %s replaces %s.", a.who("installCommand"), clip(detected))
	}
	return cmp.Or(a.InstallCommand, detected)
}

// compile is the command that compiles.
func (a *app) compile(detected string) string {
	if a.BuildCommand != "" && detected != "" && detected != a.BuildCommand {
		a.say("The build command of %s replaces %s.", a.who("buildCommand"), clip(detected))
	}
	return cmp.Or(a.BuildCommand, detected)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
