package site

import (
	"net/url"
	"slices"
	"strings"

	"github.com/davitdev/davit/internal/lazy"
)

// pattern is the path of a rule: words that must be there, :names for one part
// of the path each, and at the end perhaps * for whatever is left.
type pattern struct {
	parts []string // ":name" for a placeholder
	rest  bool
}

var placeholder = lazy.Regexp(`^:[A-Za-z][A-Za-z0-9_]{0,63}$`)

// parsePattern reads the path of a rule, or says what is wrong with it.
func parsePattern(raw string) (p pattern, problem string) {
	if !strings.HasPrefix(raw, "/") {
		return p, "the path does not begin with /"
	}
	if strings.ContainsAny(raw, "?#") {
		return p, "a path has no ? and no #"
	}
	for part := range strings.SplitSeq(strings.Trim(raw, "/"), "/") {
		if part == "" {
			continue
		}
		if p.rest {
			return p, "* is allowed at the end of a path only"
		}
		switch {
		case part == "*":
			p.rest = true
			continue
		case placeholder().MatchString(part):
			if part == ":splat" || slices.Contains(p.parts, part) {
				return p, part + " is there twice, or the name of *"
			}
		case strings.HasPrefix(part, ":"):
			return p, shorten(part) + " is no placeholder: it has letters, digits and underscores"
		case strings.Contains(part, "*"):
			return p, "* stands for whole parts of a path"
		default:
			plain, err := url.PathUnescape(part)
			if err != nil {
				return p, "the path has a broken % sequence"
			}
			part = plain
			if strings.HasPrefix(part, ":") { // or it would be taken for a placeholder
				return p, "a part of a path does not begin with an encoded :"
			}
		}
		p.parts = append(p.parts, part)
	}
	return p, ""
}

// match reports whether a clean path is covered, and returns what the
// placeholders stand for in it, in their order, and what * does.
func (p pattern) match(path string) (values []string, splat string, ok bool) {
	left := strings.TrimPrefix(path, "/")
	for _, part := range p.parts {
		have, after, _ := strings.Cut(left, "/")
		switch {
		case have == "":
			return nil, "", false
		case part[0] == ':':
			values = append(values, have)
		case part != have:
			return nil, "", false
		}
		left = after
	}
	return values, left, left == "" || p.rest
}

// has reports whether the pattern gives a value to a placeholder.
func (p pattern) has(name string) bool {
	return name == ":splat" && p.rest || slices.Contains(p.parts, name)
}

// value is what a placeholder stands for.
func (p pattern) value(name string, values []string, splat string) string {
	if name == ":splat" {
		return splat
	}
	i := 0
	for _, part := range p.parts {
		if part[0] != ':' {
			continue
		}
		if part == name {
			return values[i]
		}
		i++
	}
	return ""
}

// template is text with placeholders.
type template []string // every second one is a placeholder

var inTemplate = lazy.Regexp(`:[A-Za-z][A-Za-z0-9_]{0,63}`)

func parseTemplate(text string) template {
	var t template
	at := 0
	for _, m := range inTemplate().FindAllStringIndex(text, -1) {
		t = append(t, text[at:m[0]], text[m[0]:m[1]])
		at = m[1]
	}
	return append(t, text[at:])
}

// placeholders lists what is to be filled in.
func (t template) placeholders() []string {
	var out []string
	for i := 1; i < len(t); i += 2 {
		out = append(out, t[i])
	}
	return out
}

// fill fills the template in, with each value changed by escape.
func (t template) fill(p pattern, values []string, splat string, escape func(string) string) string {
	if len(t) == 1 {
		return t[0]
	}
	var b strings.Builder
	for i, part := range t {
		if i%2 == 1 {
			part = escape(p.value(part, values, splat))
		}
		b.WriteString(part)
	}
	return b.String()
}

func asItIs(s string) string { return s }
