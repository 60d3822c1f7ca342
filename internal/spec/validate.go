package spec

import (
	"errors"
	"math"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/distribution/reference"
	"github.com/google/shlex"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lazy"
)

// Bounds of settings.
const (
	MaxReplicas     = 50
	minMemory       = 6 << 20
	maxMemory       = 1 << 40
	minCPUMillis    = 10
	maxCPUMillis    = 1024 * 1000
	maxDrain        = time.Hour
	maxStartPeriod  = time.Hour
	maxBuildArgs    = 100
	maxText         = 4096
	maxCommandWords = 256
)

// slug is a name that is also a DNS label, so that it can be part of a host
// name and of internal names.
var slug = lazy.Regexp(`^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$`)

var (
	envName = lazy.Regexp(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)
	target  = lazy.Regexp(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)
	urlPath = lazy.Regexp(`^/[A-Za-z0-9\-._~!$&'()*+,;=:@%/?]*$`)
)

// CheckSlug refuses what cannot be a slug. field names the input.
func CheckSlug(field, s string) error {
	if slug().MatchString(s) && !strings.HasPrefix(s, "xn--") { // which browsers would decode (RFC 5890)
		return nil
	}
	return fault.At(field, fault.NameInvalid, "%s is not a valid slug: use 1 to 40 lower-case letters, digits and dashes, beginning with a letter and not ending with a dash.", quote(s))
}

// Slugify makes a slug of a display name, "" if nothing of it can be kept.
func Slugify(name string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9' && b.Len() > 0:
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
		if b.Len() == 40 {
			break
		}
	}
	return strings.TrimSuffix(b.String(), "-")
}

// CheckName refuses what cannot be shown as a name: empty, over 100
// characters, with control characters or bad UTF-8.
func CheckName(field, s string) error {
	if strings.TrimSpace(s) == "" {
		return fault.At(field, fault.NameInvalid, "A name must not be empty.")
	}
	if n := utf8.RuneCountInString(s); n > 100 {
		return fault.At(field, fault.NameInvalid, "A name has at most 100 characters; this one has %d.", n)
	}
	if !printable(s) || strings.TrimSpace(s) != s {
		return fault.At(field, fault.NameInvalid, "A name has no control characters and no space at its ends.")
	}
	return nil
}

// CheckVariable refuses what cannot be the name of an environment variable,
// and the names Davit sets itself.
func CheckVariable(field, name string) error {
	if !envName().MatchString(name) {
		return fault.At(field, fault.NameInvalid, "%s is not a valid variable name: use letters, digits and underscores, not beginning with a digit.", quote(name))
	}
	if name == "PORT" {
		return fault.At(field, fault.NameInvalid, "PORT is set by Davit: change the port in the service's settings instead.")
	}
	return nil
}

// Validate refuses settings that can never work. Fields are named below field.
func (s Settings) Validate(field string) error {
	bad := func(name, format string, args ...any) error {
		return fault.At(field+"."+name, fault.Invalid, format, args...)
	}
	if s.DockerfilePath != "" && !LocalPath(s.DockerfilePath) {
		return bad("dockerfilePath", "The path of the Dockerfile must stay inside the source.")
	}
	if s.DockerTarget != "" && !target().MatchString(s.DockerTarget) {
		return bad("dockerTarget", "A build target is a stage name of the Dockerfile.")
	}
	if len(s.BuildArgs) > maxBuildArgs {
		return bad("buildArgs", "At most %d build arguments are allowed.", maxBuildArgs)
	}
	for _, a := range s.BuildArgs {
		if !envName().MatchString(a.Key) || len(a.Value) > maxText || strings.ContainsRune(a.Value, 0) {
			return bad("buildArgs", "Build argument %s has a malformed name or value.", quote(a.Key))
		}
	}
	if err := s.validateBuild(field); err != nil {
		return err
	}
	if _, err := s.Command(); err != nil {
		return bad("startCommand", "The start command cannot be split into words: %v.", err)
	}
	if len(s.PreDeployCommand) > 0 {
		if err := CheckWords(field+".preDeployCommand", s.PreDeployCommand); err != nil {
			return err
		}
	}
	if s.Cron != "" || s.TimeZone != "" {
		_, err := ParseSchedule(or(s.Cron, "0 0 * * *"), s.TimeZone)
		switch {
		case errors.Is(err, errZone):
			return bad("timeZone", "%s.", sentence(err))
		case err != nil:
			return bad("cron", "%s.", sentence(err))
		}
	}
	if err := checkProcesses(field+".processes", s.Processes); err != nil {
		return err
	}
	if err := checkFiles(field+".configFiles", s.ConfigFiles); err != nil {
		return err
	}
	if s.Port < 0 || s.Port > math.MaxUint16 {
		return bad("port", "A port is between 1 and 65535.")
	}
	if m := s.Resources.MemoryBytes; m != 0 && (m < minMemory || m > maxMemory) {
		return bad("resources.memoryBytes", "Memory is between 6 MiB and 1 TiB.")
	}
	if c := s.Resources.CPUMillis; c != 0 && (c < minCPUMillis || c > maxCPUMillis) {
		return bad("resources.cpuMillis", "CPU is between %d and %d thousandths of a core.", minCPUMillis, maxCPUMillis)
	}
	if s.RestartMaxRetries < 0 || s.RestartMaxRetries > 1000 {
		return bad("restartMaxRetries", "The number of restarts is between 0 (no limit) and 1000.")
	}
	if s.DrainTimeout < 0 || s.DrainTimeout > maxDrain {
		return bad("drainTimeout", "The drain timeout is at most an hour.")
	}
	if s.HealthCheck != nil {
		return s.HealthCheck.validate(field + ".healthCheck")
	}
	return nil
}

func (h HealthCheck) validate(field string) error {
	bad := func(name, format string, args ...any) error {
		return fault.At(field+"."+name, fault.Invalid, format, args...)
	}
	switch {
	case h.Kind == "":
		return bad("kind", "Say which kind of health check: HTTP, TCP, COMMAND or NONE.")
	case len(h.Path) > 1024 || h.Path != "" && !urlPath().MatchString(h.Path):
		return bad("path", "The path of a health check begins with / and has only characters allowed in URLs.")
	case h.Port < 0 || h.Port > math.MaxUint16:
		return bad("port", "A port is between 1 and 65535.")
	case h.Kind == CheckCommand && (len(h.Command) == 0 || len(h.Command) > maxCommandWords):
		return bad("command", "A command check needs a command of 1 to %d words.", maxCommandWords)
	case h.Interval != 0 && (h.Interval < time.Second || h.Interval > time.Hour):
		return bad("interval", "The interval is between a second and an hour.")
	case h.Timeout != 0 && (h.Timeout < 10*time.Millisecond || h.Timeout > time.Minute):
		return bad("timeout", "The timeout is between 10 milliseconds and a minute.")
	case h.StartPeriod != 0 && (h.StartPeriod < time.Second || h.StartPeriod > maxStartPeriod):
		return bad("startPeriod", "The start period is between a second and an hour.")
	case h.HealthyThreshold < 0 || h.HealthyThreshold > 100:
		return bad("healthyThreshold", "Between 1 and 100 good checks make a replica healthy.")
	}
	for _, w := range h.Command {
		if len(w) > maxText || strings.ContainsRune(w, 0) {
			return bad("command", "A word of the command is too long or has a NUL byte.")
		}
	}
	if _, err := ParseCodes(h.SuccessCodes); err != nil {
		return bad("successCodes", "Success codes look like 200-399,401: %v.", err)
	}
	return nil
}

// sentence is an error as a person reads it.
func sentence(err error) string {
	text := err.Error()
	return strings.ToUpper(text[:1]) + text[1:]
}

// CheckWords refuses words that no program can be started by. field names
// the input.
func CheckWords(field string, words []string) error {
	if len(words) == 0 || len(words) > maxCommandWords || words[0] == "" {
		return fault.At(field, fault.Invalid, "A command has 1 to %d words, the program first.", maxCommandWords)
	}
	for _, w := range words {
		if len(w) > maxText || strings.ContainsRune(w, 0) || !utf8.ValidString(w) {
			return fault.At(field, fault.Invalid, "A word of a command has at most %d bytes of UTF-8, none of them NUL.", maxText)
		}
	}
	return nil
}

// Command is the start command in words, nil if none was said.
func (s Settings) Command() ([]string, error) {
	if s.StartCommand == "" {
		return nil, nil //nolint:nilnil // no command is the common case, not an error
	}
	if len(s.StartCommand) > maxText || strings.ContainsRune(s.StartCommand, 0) {
		return nil, strconv.ErrRange
	}
	words, err := shlex.Split(s.StartCommand)
	if err == nil && (len(words) == 0 || words[0] == "") {
		err = strconv.ErrSyntax
	}
	return words, err
}

// CodeRange is a range of HTTP statuses, both ends included.
type CodeRange struct{ From, To int }

// ParseCodes reads a set such as "200-399,401". The empty string is
// DefaultCodes.
func ParseCodes(set string) ([]CodeRange, error) {
	set = or(set, DefaultCodes)
	var out []CodeRange
	for part := range strings.SplitSeq(set, ",") {
		from, to, ranged := strings.Cut(strings.TrimSpace(part), "-")
		if !ranged {
			to = from
		}
		a, err1 := strconv.ParseUint(from, 10, 16) // which takes no sign
		b, err2 := strconv.ParseUint(to, 10, 16)
		if err1 != nil || err2 != nil || a < 100 || b > 599 || a > b || len(out) == 32 {
			return nil, strconv.ErrSyntax
		}
		out = append(out, CodeRange{int(a), int(b)})
	}
	return out, nil
}

// LocalPath reports whether p is a clean relative path that stays inside its
// root.
func LocalPath(p string) bool {
	return len(p) <= 1024 && printable(p) && path.Clean(p) == p && !path.IsAbs(p) && p != ".." && !strings.HasPrefix(p, "../") && !strings.Contains(p, `\`)
}

func printable(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !strconv.IsPrint(r) {
			return false
		}
	}
	return true
}

// quote shows hostile input without its control characters, shortened.
func quote(s string) string {
	if len(s) > 60 {
		s = s[:60] + "…"
	}
	return strconv.Quote(s)
}

// CheckImage refuses what is no reference of an image.
func CheckImage(field, ref string) error {
	if len(ref) > 512 {
		return fault.At(field, fault.Invalid, "An image reference has at most 512 characters.")
	}
	if _, err := reference.ParseNormalizedNamed(ref); err != nil {
		return fault.At(field, fault.Invalid, "%s is not an image reference such as nginx:1.27 or registry.example.com/team/app@sha256:….", quote(ref)).Because(err)
	}
	return nil
}

// ImageHost is the host of the registry that an image reference names, in lower
// case.
func ImageHost(ref string) string {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return ""
	}
	return strings.ToLower(reference.Domain(named))
}
