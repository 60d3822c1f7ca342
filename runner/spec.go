package runner

import (
	"fmt"
	"io/fs"
	"net/netip"
	"path"
	"slices"
	"strings"
)

// maxName is the length of a DNS label, so that a name can become one.
const maxName = 63

// MinMemory is the smallest memory limit, in bytes; engines refuse less.
const MinMemory = 6 << 20

// ValidName reports whether s can name a container or a network on every
// backend: 2 to 63 letters, digits, dots, dashes and underscores, the first
// one a letter or a digit. Such a name is safe as a part of a path and of a
// URL.
func ValidName(s string) bool {
	if len(s) < 2 || len(s) > maxName {
		return false
	}
	for i, c := range []byte(s) {
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && (i == 0 || c != '.' && c != '-' && c != '_') {
			return false
		}
	}
	return true
}

// Validate checks what no backend could run, and fails with ErrSpec. Whether
// image and network exist is for Create to find out.
func (s Spec) Validate() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrSpec, fmt.Sprintf(format, args...))
	}
	switch {
	case !ValidName(s.Name):
		return bad("name %q", s.Name)
	case !ValidName(s.Network):
		return bad("network %q", s.Network)
	case s.Image == "":
		return bad("no image")
	case s.Port < 0 || s.Port > 65535:
		return bad("port %d", s.Port)
	case s.Memory < 0 || s.CPUMillis < 0 || s.Pids < 0:
		return bad("a negative limit")
	case s.Memory > 0 && s.Memory < MinMemory:
		return bad("memory %d is less than %d", s.Memory, MinMemory)
	case slices.ContainsFunc(s.Names, func(a netip.Addr) bool { return !a.IsValid() }):
		return bad("a name server without an address")
	case s.Command != nil && (len(s.Command) == 0 || s.Command[0] == ""):
		return bad("an empty command")
	}
	for _, arg := range s.Command {
		if strings.ContainsRune(arg, 0) {
			return bad("a NUL in the command")
		}
	}
	for k, v := range s.Env {
		if k == "" || strings.ContainsAny(k, "=\x00") || strings.ContainsRune(v, 0) {
			return bad("environment variable %q", k) // never the value: it may be a secret
		}
	}
	for n, f := range s.Files {
		if !path.IsAbs(f.Path) || path.Clean(f.Path) != f.Path || f.Path == "/" || strings.ContainsRune(f.Path, 0) || f.Mode&^fs.ModePerm != 0 {
			return bad("file %q with mode %o", f.Path, f.Mode)
		}
		for _, other := range s.Files[:n] {
			if other.Path == f.Path || strings.HasPrefix(f.Path, other.Path+"/") || strings.HasPrefix(other.Path, f.Path+"/") {
				return bad("file %q in the way of %q", other.Path, f.Path)
			}
		}
	}
	return nil
}
