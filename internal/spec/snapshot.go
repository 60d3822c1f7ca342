package spec

// VariableRef names the version of a variable that a deployment uses.
type VariableRef struct {
	VersionID string `json:"versionId"` // "vrv_…"
	Name      string `json:"name"`
	Digest    string `json:"digest"`
	Scope     Scope  `json:"scope"`
	Secret    bool   `json:"secret"`
	Build     bool   `json:"build"`
	Runtime   bool   `json:"runtime"`
}

// ImageRef is the image a deployment's replicas run.
type ImageRef struct {
	Reference string `json:"reference"` // as asked for, or the name a build gave it
	ID        string `json:"id"`        // content address in the engine
	Digest    string `json:"digest"`    // of the registry's manifest; the ID for what was built here
	SizeBytes int64  `json:"sizeBytes"`
	Port      int    `json:"port,omitempty"` // the only port the image declares, 0 otherwise
	// PreDeploy is what its source says is run before a deployment of it: the
	// release command of a Procfile.
	PreDeploy []string `json:"preDeploy,omitempty"`
	// Processes are what its source says runs of it beside the service itself:
	// the other lines of a Procfile.
	Processes []ImageProcess `json:"processes,omitempty"`
}

// BundleRef is the static site that a deployment serves.
type BundleRef struct {
	Digest    string `json:"digest"` // its content address, SHA-256 in hex digits
	Files     int    `json:"files"`
	SizeBytes int64  `json:"sizeBytes"`
}
