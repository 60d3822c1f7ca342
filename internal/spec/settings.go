// Package spec is what a person says about a service: where it comes from, how
// it is built and how it runs. Values only: defaults, validation and equality,
// no I/O. Rows keep these values as JSON; a zero field means "the default".
package spec

import (
	"io"
	"time"

	"github.com/davitdev/davit/internal/enum"
)

// Kind says what a service is for.
type Kind string

// The kinds.
const (
	Web    Kind = "WEB"    // answers requests; has a host name and a health check
	Worker Kind = "WORKER" // answers none
	// StaticSite is files: it has a host name, and nothing of it runs.
	StaticSite Kind = "STATIC_SITE"
	Cron       Kind = "CRON" // runs now and then, to its end
)

// HasHost says whether services of the kind have a host name of their own.
func (k Kind) HasHost() bool { return k == Web || k == StaticSite }

// Builder says how what is deployed comes about.
type Builder string

// The builders.
const (
	Auto       Builder = "AUTO"       // detected from the source
	Dockerfile Builder = "DOCKERFILE" // the source says
	Static     Builder = "STATIC"     // files, that are there or that a build makes
	Image      Builder = "IMAGE"      // it exists already
)

// CheckKind says how health is asked for.
type CheckKind string

// The kinds of health checks.
const (
	CheckHTTP    CheckKind = "HTTP"
	CheckTCP     CheckKind = "TCP"
	CheckCommand CheckKind = "COMMAND"
	CheckNone    CheckKind = "NONE"
)

// RestartPolicy says what happens when a replica ends by itself.
type RestartPolicy string

// The restart policies.
const (
	RestartAlways    RestartPolicy = "ALWAYS"
	RestartOnFailure RestartPolicy = "ON_FAILURE" // only after a non-zero exit
	RestartNever     RestartPolicy = "NEVER"
)

// Settings is how a service is built and run in one environment.
type Settings struct {
	Builder         Builder    `json:"builder,omitempty"`
	Language        string     `json:"language,omitempty"`        // one of Languages; "" is detected
	LanguageVersion string     `json:"languageVersion,omitempty"` // a version or a range: "22", ">=20"
	DockerfilePath  string     `json:"dockerfilePath,omitempty"`  // below the source's root
	DockerTarget    string     `json:"dockerTarget,omitempty"`
	BuildArgs       []KeyValue `json:"buildArgs,omitempty"`
	// InstallCommand and BuildCommand replace what is detected. A shell runs
	// them inside the build.
	InstallCommand  string   `json:"installCommand,omitempty"`
	BuildCommand    string   `json:"buildCommand,omitempty"`
	OutputDirectory string   `json:"outputDirectory,omitempty"` // of static files, below the source's root
	Packages        []string `json:"packages,omitempty"`        // of Debian, in the image that runs too
	// PreDeployCommand runs once in a deployment, in a container of the new
	// image, before anything of it starts. Words; no shell sees them. nil is
	// what the source of the image says, empty is none.
	PreDeployCommand []string `json:"preDeployCommand,omitzero"`
	// Processes run beside the service itself, of the same image.
	Processes []Process `json:"processes,omitempty"`
	// ConfigFiles are put into every container before it starts.
	ConfigFiles []ConfigFile `json:"configFiles,omitempty"`
	// StartCommand replaces what the image starts. It is split into words;
	// no shell sees it.
	StartCommand  string        `json:"startCommand,omitempty"`
	Port          int           `json:"port,omitempty"` // 0: the image's only declared port, else DefaultPort
	HealthCheck   *HealthCheck  `json:"healthCheck,omitempty"`
	Resources     Resources     `json:"resources,omitzero"`
	RestartPolicy RestartPolicy `json:"restartPolicy,omitempty"`
	// Cron says when a cron service runs, five fields in TimeZone; "" is UTC.
	Cron     string `json:"cron,omitempty"`
	TimeZone string `json:"timeZone,omitempty"`
	// CronOverlap is what a run does that is due while an earlier one runs.
	CronOverlap CronOverlap `json:"cronOverlap,omitempty"`
	// RestartMaxRetries ends restarts after that many in a row; 0: never.
	RestartMaxRetries int `json:"restartMaxRetries,omitempty"`
	// DrainTimeout is how long a replaced replica may finish its requests, and
	// then how long it may take to end after SIGTERM.
	DrainTimeout time.Duration `json:"drainTimeout,omitempty"`
}

// KeyValue is a build argument.
type KeyValue struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Resources limits one replica. 0 means the default.
type Resources struct {
	CPUMillis   int   `json:"cpuMillis,omitempty"`   // thousandths of a core
	MemoryBytes int64 `json:"memoryBytes,omitempty"` // bytes
}

// HealthCheck says how to ask a replica whether it is well.
type HealthCheck struct {
	Kind         CheckKind     `json:"kind"`
	SuccessCodes string        `json:"successCodes,omitempty"` // HTTP: "200-399,401"
	Path         string        `json:"path,omitempty"`         // HTTP
	Port         int           `json:"port,omitempty"`         // HTTP, TCP; 0: the service's
	Command      []string      `json:"command,omitempty"`      // COMMAND: argv inside the replica
	Interval     time.Duration `json:"interval,omitempty"`     // between checks of a replica that serves
	Timeout      time.Duration `json:"timeout,omitempty"`      // of one check
	StartPeriod  time.Duration `json:"startPeriod,omitempty"`  // until the first good one
	// HealthyThreshold is how many good checks in a row make a replica healthy.
	HealthyThreshold int `json:"healthyThreshold,omitempty"`
}

// Defaults.
const (
	DefaultPort         = 8080
	DefaultMemory       = 512 << 20
	DefaultCPUMillis    = 1000
	DefaultDrainTimeout = 30 * time.Second
	DefaultCodes        = "200-399"
	DefaultInterval     = 10 * time.Second
	DefaultCheckTimeout = 5 * time.Second
	DefaultStartPeriod  = time.Minute
	// StopGrace is how long a replica that never served may take to end.
	StopGrace = 5 * time.Second
)

// WithDefaults returns s with every field said. A web service is checked by
// TCP on its port; anything else is healthy as soon as it runs.
func (s Settings) WithDefaults(k Kind) Settings {
	s.Builder = or(s.Builder, Auto)
	s.DockerfilePath = or(s.DockerfilePath, "Dockerfile")
	s.Resources.CPUMillis = or(s.Resources.CPUMillis, DefaultCPUMillis)
	s.Resources.MemoryBytes = or(s.Resources.MemoryBytes, DefaultMemory)
	s.RestartPolicy = or(s.RestartPolicy, RestartAlways)
	s.DrainTimeout = or(s.DrainTimeout, DefaultDrainTimeout)
	s.CronOverlap = or(s.CronOverlap, OverlapSkip)
	h := HealthCheck{Kind: CheckTCP}
	if k != Web {
		h.Kind = CheckNone
	}
	if s.HealthCheck != nil {
		h = *s.HealthCheck
	}
	if h.Kind == CheckHTTP {
		h.Path = or(h.Path, "/")
		h.SuccessCodes = or(h.SuccessCodes, DefaultCodes)
	}
	h.Interval = or(h.Interval, DefaultInterval)
	h.Timeout = or(h.Timeout, DefaultCheckTimeout)
	h.StartPeriod = or(h.StartPeriod, DefaultStartPeriod)
	h.HealthyThreshold = or(h.HealthyThreshold, 1)
	s.HealthCheck = &h
	return s
}

func or[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}

// Source is where a service comes from: exactly one field is set, or none for
// a service that waits for its first upload.
type Source struct {
	Git    *GitSource    `json:"git,omitempty"`
	Image  *ImageSource  `json:"image,omitempty"`
	Upload *UploadSource `json:"upload,omitempty"`
}

// ImageSource is an image of a registry.
type ImageSource struct {
	Image        string `json:"image"`                  // any reference
	CredentialID string `json:"credentialId,omitempty"` // "" for a public one
}

// UploadSource is a directory somebody sent.
type UploadSource struct {
	ArtifactID string `json:"artifactId,omitempty"` // the newest one; "" before the first
}

var (
	kinds    = []Kind{Web, Worker, StaticSite, Cron}
	builders = []Builder{Auto, Dockerfile, Static, Image}
	checks   = []CheckKind{CheckHTTP, CheckTCP, CheckCommand, CheckNone}
	overlaps = []CronOverlap{OverlapSkip, OverlapAllow, OverlapReplace}
	restarts = []RestartPolicy{RestartAlways, RestartOnFailure, RestartNever}
)

func (CronOverlap) Values() []string              { return enum.Strings(overlaps) }
func (o CronOverlap) MarshalGQL(w io.Writer)      { enum.Write(w, o) }
func (o *CronOverlap) UnmarshalGQL(v any) error   { return enum.Read(o, v, overlaps) }
func (Kind) Values() []string                     { return enum.Strings(kinds) }
func (k Kind) MarshalGQL(w io.Writer)             { enum.Write(w, k) }
func (k *Kind) UnmarshalGQL(v any) error          { return enum.Read(k, v, kinds) }
func (Builder) Values() []string                  { return enum.Strings(builders) }
func (b Builder) MarshalGQL(w io.Writer)          { enum.Write(w, b) }
func (b *Builder) UnmarshalGQL(v any) error       { return enum.Read(b, v, builders) }
func (c CheckKind) MarshalGQL(w io.Writer)        { enum.Write(w, c) }
func (c *CheckKind) UnmarshalGQL(v any) error     { return enum.Read(c, v, checks) }
func (p RestartPolicy) MarshalGQL(w io.Writer)    { enum.Write(w, p) }
func (p *RestartPolicy) UnmarshalGQL(v any) error { return enum.Read(p, v, restarts) }

// Ready reports whether there is something to deploy.
func (s Source) Ready() bool {
	return s.Image != nil || s.Git != nil || s.Upload != nil && s.Upload.ArtifactID != ""
}
