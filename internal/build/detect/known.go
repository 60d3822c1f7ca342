package detect

// known lists the release lines of a language for which there are base images.
// It is the one place to add a version to.
type known struct {
	title    string
	lines    []string // rising
	fallback string   // where nothing says which
	aliases  map[string]string
	distro   map[string]string // of a line's images, where it is not the usual one
}

// Versions that are known. A newer one than the last is taken as it is; an
// older one than the first has no base image that still gets updates.
var (
	nodeVersions = known{
		title: "Node.js", lines: []string{"16", "18", "20", "21", "22", "23", "24", "25", "26"}, fallback: "24",
		aliases: map[string]string{
			"lts": "24", "lts/*": "24", "lts/-1": "22", "lts/gallium": "16", "lts/hydrogen": "18", "lts/iron": "20", "lts/jod": "22", "lts/krypton": "24",
			"node": "26", "latest": "26", "current": "26", "stable": "26", "*": "24",
		},
	}
	bunVersions    = known{title: "Bun", lines: []string{"1.0", "1.1", "1.2", "1.3", "1.4"}, fallback: "1.3", aliases: map[string]string{"latest": "1.4", "*": "1.3"}}
	goVersions     = known{title: "Go", lines: []string{"1.21", "1.22", "1.23", "1.24", "1.25", "1.26"}, fallback: "1.26", aliases: map[string]string{"latest": "1.26"}}
	pythonVersions = known{
		title: "Python", lines: []string{"3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14"}, fallback: "3.13",
		aliases: map[string]string{"3": "3.13", "latest": "3.14", "*": "3.13"},
	}
	rubyVersions   = known{title: "Ruby", lines: []string{"3.0", "3.1", "3.2", "3.3", "3.4"}, fallback: "3.4", aliases: map[string]string{"3": "3.4", "latest": "3.4"}}
	phpVersions    = known{title: "PHP", lines: []string{"8.2", "8.3", "8.4"}, fallback: "8.4", aliases: map[string]string{"8": "8.4", "*": "8.4", "latest": "8.4"}}
	rustVersions   = known{title: "Rust", lines: []string{"1.75", "1.80", "1.85", "1.90", "1.91"}, fallback: "1.91", aliases: map[string]string{"stable": "1.91", "1": "1.91", "latest": "1.91"}}
	javaVersions   = known{title: "Java", lines: []string{"8", "11", "17", "21", "25"}, fallback: "21", aliases: map[string]string{"1.8": "8", "lts": "21", "latest": "25"}}
	dotnetVersions = known{
		title: ".NET", lines: []string{"8.0", "9.0", "10.0"}, fallback: "9.0", aliases: map[string]string{"8": "8.0", "9": "9.0", "10": "10.0", "latest": "10.0"},
		distro: map[string]string{"10.0": "noble"},
	}
	elixirVersions = known{
		title: "Elixir", lines: []string{"1.14", "1.15", "1.16", "1.17", "1.18"}, fallback: "1.18", aliases: map[string]string{"1": "1.18", "latest": "1.18"},
		distro: map[string]string{"1.14": "otp-25", "1.15": "otp-26", "1.16": "otp-26", "1.17": "otp-27", "1.18": "otp-27"},
	}
	denoVersions = known{title: "Deno", lines: []string{"1.46", "2.5"}, fallback: "2.5", aliases: map[string]string{"1": "1.46", "2": "2.5", "latest": "2.5", "*": "2.5"}}
)

// denoImages are the releases of Deno's lines, whose images have no shorter
// names.
var denoImages = map[string]string{"1.46": "1.46.3", "2.5": "2.5.6"}

// Versions of tools that are installed into an image.
const (
	yarnClassic = "1.22.22"
	yarnBerry   = "4.9.4" // where nothing says which
	pnpmDefault = "10"
	uvVersion   = "0.9.5"
	poetry      = "2.2.1"
	pipenv      = "2025.0.4"
	composer    = "2.8"
	mavenLine   = "3.9"
	gradleLine  = "8.14"
)

// pnpmVersions are the last releases of pnpm's lines.
var pnpmVersions = map[string]string{"6": "6.35.1", "7": "7.33.7", "8": "8.15.9", "9": "9.15.9", "10": "10.34.9", "11": "11.28.11", "12": "12.21.0"}

// bunReleases are the last releases of Bun's lines.
var bunReleases = map[string]string{"1.0": "1.0.36", "1.1": "1.1.45", "1.2": "1.2.23", "1.3": "1.3.14", "1.4": "1.4.5"}
