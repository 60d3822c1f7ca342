package detect

import (
	"strconv"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lazy"
)

// saying is a version, or a range of them, that a file names.
type saying struct {
	text string
	from string // the file
}

var (
	exactVersion = lazy.Regexp(`^v?(\d{1,3})(?:\.(\d{1,4}))?(?:\.(\d{1,6}))?$`)
	twoDots      = lazy.Regexp(`~[>=]\s*(\d+)\.(\d+)(\.\d+)?`)
	equalsWord   = lazy.Regexp(`===?\s*`)
	onePipe      = lazy.Regexp(`\s*\|\|?\s*`)
)

// version decides which release line of a language is used: the settings', else
// that of the first file that names one, else the usual one. The lists of
// sayings are in order of priority.
func (a *app) version(k known, sayings ...saying) (version, from string, err error) {
	if a.LanguageVersion != "" {
		by := a.who("languageVersion")
		if m := exactVersion().FindStringSubmatch(a.LanguageVersion); m != nil && k.aliases[a.LanguageVersion] == "" {
			v := strings.TrimPrefix(a.LanguageVersion, "v")
			if !k.tooOld(v) {
				a.say("%s %s is used: that is the version of %s.", k.title, v, by)
				return v, by, nil
			}
		}
		sayings = append([]saying{{a.LanguageVersion, by}}, sayings...)
	}
	for i, s := range sayings {
		s.text = strings.TrimSpace(s.text)
		if s.text == "" {
			continue
		}
		line, ok, old := k.resolve(s.text)
		switch {
		case old:
			return "", "", fault.New(fault.NotBuildable, "%s %s, which %s asks for, has no base image any more: change it, or set the language version to one of %s.",
				k.title, clip(s.text), s.from, strings.Join(k.lines, ", "))
		case !ok && a.LanguageVersion != "" && i == 0:
			return "", "", fault.New(fault.NotBuildable, "The language version %q is no version of %s that is known: choose one of %s.", clip(s.text), k.title, strings.Join(k.lines, ", "))
		case !ok:
			a.say("%s says %q, which is no version of %s that is known.", s.from, clip(s.text), k.title)
			continue
		}
		if line == strings.TrimPrefix(s.text, "v") {
			a.say("%s %s is used, as %s says.", k.title, line, s.from)
		} else {
			a.say("%s %s is used: %s says %q.", k.title, line, s.from, clip(s.text))
		}
		for _, other := range sayings[i+1:] {
			if l, ok, _ := k.resolve(strings.TrimSpace(other.text)); ok && l != line && other.from != s.from {
				a.say("%s says %q, but %s goes before it.", other.from, clip(other.text), s.from)
			}
		}
		return line, s.from, nil
	}
	a.say("Nothing says which %s: %s is used.", k.title, k.fallback)
	return k.fallback, "the default", nil
}

// resolve finds the line that a text means. old tells of a version from before
// the first line.
func (k known) resolve(text string) (line string, ok, old bool) {
	text = strings.ToLower(strings.TrimSpace(text))
	if len(text) > 100 || text == "" {
		return "", false, false
	}
	if l := k.aliases[text]; l != "" {
		return l, true, false
	}
	if m := exactVersion().FindStringSubmatch(text); m != nil {
		if k.tooOld(text) {
			return "", false, true
		}
		return k.exact(m)
	}
	c, err := semver.NewConstraint(normalise(text))
	if err != nil {
		return "", false, false
	}
	if c.Check(last(k.fallback)) {
		return k.fallback, true, false
	}
	for i := len(k.lines) - 1; i >= 0; i-- {
		if c.Check(last(k.lines[i])) {
			return k.lines[i], true, false
		}
	}
	// "~22.11.0" means a part of a line that is over.
	if m := exactVersion().FindStringSubmatch(strings.TrimLeft(text, "~^= v")); m != nil && !k.tooOld(strings.TrimLeft(text, "~^= v")) {
		return k.exact(m)
	}
	return "", false, false
}

// exact is the line of an exact version. One word of a language with two, such
// as Python 3, means the newest line that begins with it.
func (k known) exact(m []string) (string, bool, bool) {
	if !strings.Contains(k.fallback, ".") {
		return m[1], true, false
	}
	if m[2] != "" {
		return m[1] + "." + m[2], true, false
	}
	for i := len(k.lines) - 1; i >= 0; i-- {
		if strings.HasPrefix(k.lines[i], m[1]+".") {
			return k.lines[i], true, false
		}
	}
	return "", false, false
}

// tooOld reports whether an exact version is from before the first line.
func (k known) tooOld(text string) bool {
	v, err := semver.NewVersion(text)
	if err != nil {
		return false
	}
	if !strings.Contains(strings.TrimPrefix(text, "v"), ".") && strings.Contains(k.fallback, ".") {
		first, _ := semver.NewVersion(k.lines[0])
		return v.Major() < first.Major()
	}
	first, err := semver.NewVersion(k.lines[0])
	return err == nil && v.LessThan(first)
}

// last stands for the newest release of a line.
func last(line string) *semver.Version {
	major, minor, _ := strings.Cut(line, ".")
	x, _ := strconv.ParseUint(major, 10, 32)
	y := uint64(999)
	if minor != "" {
		y, _ = strconv.ParseUint(minor, 10, 32)
	}
	return semver.New(x, y, 999, "", "")
}

// normalise brings the ranges of other languages into the form of npm's:
// "~> 3.2" of Ruby, "~=3.11" and "==3.11.*" of Python, "^8.1|^8.2" of PHP.
func normalise(text string) string {
	text = twoDots().ReplaceAllStringFunc(text, func(s string) string {
		m := twoDots().FindStringSubmatch(s)
		if m[3] != "" {
			return "~" + m[1] + "." + m[2] + m[3]
		}
		return "^" + m[1] + "." + m[2]
	})
	text = equalsWord().ReplaceAllString(text, "=")
	return onePipe().ReplaceAllString(text, " || ")
}

// tools reads version files that many languages share, by the name of a tool.
func (a *app) tools(names ...string) []saying {
	var out []saying
	var mise struct {
		Tools map[string]any `toml:"tools"`
	}
	for _, file := range []string{"mise.toml", ".mise.toml"} {
		if ok, err := a.toml(file, &mise); !ok || err != nil {
			continue
		}
		for _, n := range names {
			if v := toolVersion(mise.Tools[n]); v != "" {
				out = append(out, saying{v, file})
			}
		}
	}
	for line := range strings.Lines(a.head(".tool-versions", 16<<10)) {
		fields := strings.Fields(line)
		for _, n := range names {
			if len(fields) > 1 && fields[0] == n {
				out = append(out, saying{fields[1], ".tool-versions"})
			}
		}
	}
	return out
}

// toolVersion reads the forms that mise.toml has for a version.
func toolVersion(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case []any:
		if len(v) > 0 {
			return toolVersion(v[0])
		}
	case map[string]any:
		return toolVersion(v["version"])
	}
	return ""
}
