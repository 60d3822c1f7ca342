package site

import (
	"fmt"
	"net/http"
	"net/textproto"
	"strings"

	"golang.org/x/net/http/httpguts"
)

const (
	maxHeaderRules = 200
	maxHeaders     = 50 // of a rule
	// maxAdded bounds what rules add to one answer, in bytes.
	maxAdded = 16 << 10
)

// HeaderRule is what _headers adds to the answers for a path.
type HeaderRule struct {
	Path string   `json:"path"`
	Set  []Header `json:"set"`
}

// Header is a name and a value.
type Header struct {
	Name  string `json:"name"` // canonical
	Value string `json:"value"`
}

// reserved are the headers that say how an answer is sent, or that are Davit's
// own: a site does not set them.
var reserved = map[string]bool{
	"Accept-Ranges": true, "Connection": true, "Content-Encoding": true, "Content-Length": true, "Content-Range": true, "Date": true,
	"Etag": true, "Keep-Alive": true, "Last-Modified": true, "Location": true, "Proxy-Authenticate": true, "Proxy-Connection": true,
	"Te": true, "Trailer": true, "Transfer-Encoding": true, "Upgrade": true, "Vary": true, "X-Davit-Deployment": true, "X-Request-Id": true,
}

// parseHeaders reads _headers. Lines that are not understood are left out and
// told.
func parseHeaders(data []byte) ([]HeaderRule, []string) {
	n := &notebook{file: headersFile}
	var out []HeaderRule
	open := false // the lines that follow belong to the last rule
	n.eachLine(data, func(number int, line string) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "/") || strings.Contains(line, "://") && !strings.Contains(line, " ") {
			_, problem := parseGlob(line)
			if problem == "" && len(out) == maxHeaderRules {
				problem = fmt.Sprintf("there are more than %d rules", maxHeaderRules)
			}
			if open = problem == ""; open {
				out = append(out, HeaderRule{Path: line})
			} else {
				n.add(number, "%s", problem)
			}
			return
		}
		h, problem := parseHeader(line)
		switch {
		case !open && len(out) == 0:
			problem = "it does not follow a path"
		case !open:
			problem = "its path is not followed"
		case problem == "" && len(out[len(out)-1].Set) == maxHeaders:
			problem = fmt.Sprintf("its path has more than %d", maxHeaders)
		}
		if problem != "" {
			n.add(number, "%s", problem)
			return
		}
		last := &out[len(out)-1]
		last.Set = append(last.Set, h)
	})
	return out, n.all()
}

func parseHeader(line string) (Header, string) {
	name, value, ok := strings.Cut(line, ":")
	name, value = textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(name)), strings.TrimSpace(value)
	switch {
	case strings.HasPrefix(line, "!"):
		return Header{}, "headers cannot be taken away"
	case !ok || !httpguts.ValidHeaderFieldName(name):
		return Header{}, show(line) + " is neither a path nor a header"
	case value == "" || !httpguts.ValidHeaderFieldValue(value):
		return Header{}, "the header " + name + " has no value, or one that cannot be sent"
	case reserved[name]:
		return Header{}, "the header " + name + " is set by Davit alone"
	}
	return Header{Name: name, Value: value}, ""
}

// glob is the path of a rule for headers: a pattern, or text with one * that
// stands for anything, slashes too.
type glob struct {
	pattern
	before, after string
	star          bool
}

func parseGlob(raw string) (glob, string) {
	if before, after, ok := strings.Cut(raw, "*"); ok && (after != "" || !strings.HasSuffix(before, "/")) {
		switch {
		case !strings.HasPrefix(raw, "/"):
			return glob{}, "the path does not begin with /"
		case strings.Contains(after, "*"), strings.Contains(raw, "/:"), strings.ContainsAny(raw, "?#"):
			return glob{}, "a path has at most one *, and then no placeholders"
		}
		return glob{before: before, after: after, star: true}, ""
	}
	p, problem := parsePattern(raw)
	return glob{pattern: p}, problem
}

func (g glob) covers(path string) bool {
	if g.star {
		return len(path) >= len(g.before)+len(g.after) && strings.HasPrefix(path, g.before) && strings.HasSuffix(path, g.after)
	}
	_, _, ok := g.match(path)
	return ok
}

type headerRule struct {
	glob
	set []Header
}

// addHeaders adds what the site's rules say for a path. The first rule for a
// header replaces what Davit says; further ones add to it.
func (s *Site) addHeaders(h http.Header, path string) {
	added := 0
	said := map[string]bool{}
	for _, r := range s.headers {
		if !r.covers(path) {
			continue
		}
		for _, set := range r.set {
			if added += len(set.Name) + len(set.Value) + 4; added > maxAdded {
				return
			}
			if !said[set.Name] {
				h.Del(set.Name)
				said[set.Name] = true
			}
			if old := h.Get(set.Name); old != "" && set.Name != "Set-Cookie" {
				h.Set(set.Name, old+", "+set.Value)
				continue
			}
			h.Add(set.Name, set.Value)
		}
	}
}
