package source

import (
	"bytes"
	"path"
	"regexp"
	"strings"
)

// ignoreFile is one .gitignore; see gitignore(5).
type ignoreFile struct {
	dir   string // where it lies, "." for the root
	rules []ignoreRule
}

type ignoreRule struct {
	re      *regexp.Regexp
	negate  bool // "!": a match is not ignored after all
	dirOnly bool // ends with "/"
	base    bool // has no other "/": matches the last part of a path
}

// parseGitignore reads a .gitignore that lies in dir. Patterns that can never
// match, such as an unclosed bracket, are dropped as git does.
func parseGitignore(dir string, data []byte) ignoreFile {
	f := ignoreFile{dir: dir}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	for line := range bytes.SplitSeq(data, []byte("\n")) {
		if r, ok := parseIgnoreRule(string(bytes.TrimSuffix(line, []byte("\r")))); ok {
			f.rules = append(f.rules, r)
		}
	}
	return f
}

func parseIgnoreRule(line string) (ignoreRule, bool) {
	var r ignoreRule
	if strings.HasPrefix(line, "#") {
		return r, false
	}
	line = trimTrailingSpaces(line)
	if rest, ok := strings.CutPrefix(line, "!"); ok {
		r.negate, line = true, rest
	}
	if rest, ok := strings.CutSuffix(line, "/"); ok {
		r.dirOnly, line = true, rest
	}
	r.base = !strings.Contains(line, "/")
	line = strings.TrimPrefix(line, "/")
	if line == "" {
		return r, false
	}
	expr, ok := globExpr(line)
	if !ok {
		return r, false
	}
	re, err := regexp.Compile(`(?s)\A` + expr + `\z`)
	if err != nil {
		return r, false
	}
	r.re = re
	return r, true
}

// trimTrailingSpaces drops spaces at the end unless a backslash keeps them.
func trimTrailingSpaces(s string) string {
	end := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case ' ':
			continue
		case '\\':
			i++
		}
		end = min(i+1, len(s))
	}
	return s[:end]
}

// match reports whether the last rule about name says that it is ignored, and
// whether there is such a rule. name is a path below f.dir, from the root.
func (f ignoreFile) match(name string, isDir bool) (ignored, found bool) {
	if f.dir != "." {
		name = strings.TrimPrefix(name, f.dir+"/")
	}
	for i := len(f.rules) - 1; i >= 0; i-- {
		r, subject := f.rules[i], name
		if r.base {
			subject = path.Base(name)
		}
		if (isDir || !r.dirOnly) && r.re.MatchString(subject) {
			return !r.negate, true
		}
	}
	return false, false
}

// globExpr translates a pattern of git's wildmatch into a regular expression,
// which matches in linear time whatever the pattern. It returns false for a
// pattern that matches nothing.
func globExpr(glob string) (string, bool) {
	var b strings.Builder
	plain := strings.IndexAny(glob, `*?[\`)
	for i := 0; i < len(glob); {
		rest := glob[i:]
		switch rest[0] {
		case '*':
			stars := len(rest) - len(strings.TrimLeft(rest, "*"))
			i += stars
			// Git cuts off what has no wildcard and matches the rest alone, so
			// the first wildcard stands at a beginning, too.
			whole := stars > 1 && (i-stars == plain || glob[i-stars-1] == '/')
			switch {
			case whole && i == len(glob):
				b.WriteString(`.*`)
			case whole && glob[i] == '/':
				b.WriteString(`(?:.*/)?`)
				i++
			default:
				b.WriteString(`[^/]*`)
			}
		case '?':
			b.WriteString(`[^/]`)
			i++
		case '[':
			class, n, ok := classExpr(rest)
			if !ok {
				return "", false
			}
			b.WriteString(class)
			i += n
		case '\\':
			if len(rest) == 1 {
				return "", false
			}
			b.WriteString(regexp.QuoteMeta(rest[1:2]))
			i += 2
		default:
			b.WriteString(regexp.QuoteMeta(rest[:1]))
			i++
		}
	}
	return b.String(), true
}
