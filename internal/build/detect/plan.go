package detect

import "github.com/davitdev/davit/internal/spec"

// Builder says how an image comes about.
type Builder = spec.Builder

// The builders that source may have.
const (
	Auto       = spec.Auto
	Dockerfile = spec.Dockerfile
	Static     = spec.Static
)

// Options is what a person said about a build. It goes before what davit.toml
// says, which goes before what is detected. The zero value leaves everything
// to Detect.
type Options struct {
	// RootDirectory is where the application is, below the root of the source;
	// "" is the root itself. Files above it are used where the application
	// belongs to a workspace that begins there.
	RootDirectory string

	Builder         Builder           // Dockerfile takes nothing else; "" is Auto
	Language        string            // "node", "python" …; "" is detected
	LanguageVersion string            // as its version file would say it: "22", "3.12", ">=20"
	DockerfilePath  string            // below RootDirectory; "" is "Dockerfile"
	DockerTarget    string            // stage of the Dockerfile; "" is the last one
	Args            map[string]string // build arguments; declared in a Dockerfile made here
	Secrets         []string          // ids of build secrets: environment of the install and build commands

	InstallCommand   string    // fetches dependencies
	BuildCommand     string    // compiles
	PreDeployCommand []string  // argv; runs before a deployment goes live
	StartCommand     string    // runs the result
	OutputDirectory  string    // of static files, below RootDirectory
	Packages         []string  // of Debian, in the final image too
	Processes        []Process // besides or instead of web
	Port             int       // TCP; 0 is detected
}

// Process is one way to run an image.
type Process struct {
	Name    string   `json:"name"`
	Command string   `json:"command"` // as it was written
	Argv    []string `json:"argv"`    // what a container of the image runs
}

// Plan says how source is built.
type Plan struct {
	Builder        Builder // Static: the image has files at its root and starts nothing
	Key            string  // of the language, as Options.Language says it: "go"
	Language       string  // "Go"; "" for a Dockerfile of the source
	Framework      string  // "Next.js"; "" for none that is known
	PackageManager string  // "pnpm 9.15.9"; "" where a language has but one
	Version        string  // of the language: "1.26"
	VersionFrom    string  // what says so: "go.mod"

	Install   string    // command that fetches dependencies; "" if there is none
	Build     string    // command that compiles
	Start     string    // command that runs the result; "" if the Dockerfile says, or Static
	PreDeploy []string  // argv that runs before a deployment goes live
	Processes []Process // by name; one called "web" starts by Start

	Package         string   // of Go, the one to build: "./cmd/shop"
	Packages        []string // of Debian, in the final image
	Port            int      // TCP port the result listens on; 0 if nothing tells
	OutputDirectory string   // of Static: where the files come from, below Context
	SPA             bool     // of Static: an unknown path is answered with /index.html

	Confidence float64 // 0 to 1
	Trace      []string

	Context        string            // directory of the source that COPY sees; "" is its root
	Directory      string            // of the application, below Context; "" is Context itself
	Dockerfile     []byte            // of the source, or made for it
	DockerfilePath string            // below Context; "" for one made for it
	DockerTarget   string            // stage; "" is the last one
	Args           map[string]string // build arguments of Options and davit.toml
	Custom         bool              // somebody's own commands are part of it
}
