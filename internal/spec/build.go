package spec

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lazy"
)

// Languages are the names that Settings.Language may have: those that can be
// detected, and "static" for files that are served as they are.
var Languages = []string{"elixir", "ruby", "php", "python", "go", "rust", "java", "dotnet", "deno", "node", "static"}

// Bounds of what is said about a build.
const (
	maxPackages = 100
	maxVersion  = 64
)

var (
	languageVersion = lazy.Regexp(`^[A-Za-z0-9<>=~^*|.,/+ -]+$`)
	debianPackage   = lazy.Regexp(`^[a-z0-9][a-z0-9+.-]{1,100}$`)
	plainDirectory  = lazy.Regexp(`^[A-Za-z0-9._@+][A-Za-z0-9._/@+-]*$`)
)

// IsDebianPackage reports whether a package of Debian may be called that.
func IsDebianPackage(name string) bool { return debianPackage().MatchString(name) }

// validateBuild refuses what can never be a part of a Dockerfile.
func (s Settings) validateBuild(field string) error {
	bad := func(name, format string, args ...any) error {
		return fault.At(field+"."+name, fault.Invalid, format, args...)
	}
	if s.Language != "" && !slices.Contains(Languages, s.Language) {
		return bad("language", "The language %s is not known: choose one of %s, or leave it out to have it detected.", quote(s.Language), strings.Join(Languages, ", "))
	}
	if v := s.LanguageVersion; v != "" && (len(v) > maxVersion || !languageVersion().MatchString(v)) {
		return bad("languageVersion", "A version looks like 22, 3.12 or >=20.")
	}
	if !isCommand(s.InstallCommand) {
		return bad("installCommand", "The install command is text of at most %d bytes.", maxText)
	}
	if !isCommand(s.BuildCommand) {
		return bad("buildCommand", "The build command is text of at most %d bytes.", maxText)
	}
	if d := s.OutputDirectory; d != "" && (!LocalPath(d) || !plainDirectory().MatchString(d)) {
		return bad("outputDirectory", "The output directory is a plain path inside the source, such as dist or build/client.")
	}
	if len(s.Packages) > maxPackages {
		return bad("packages", "At most %d packages are installed.", maxPackages)
	}
	for _, p := range s.Packages {
		if !IsDebianPackage(p) {
			return bad("packages", "%s is not the name of a Debian package.", quote(p))
		}
	}
	return nil
}

// isCommand reports whether s can be a command for a shell, or none.
func isCommand(s string) bool {
	return len(s) <= maxText && utf8.ValidString(s) && !strings.ContainsRune(s, 0) && (s == "" || strings.TrimSpace(s) != "")
}
