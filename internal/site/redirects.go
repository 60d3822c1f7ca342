package site

import (
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/davitdev/davit/internal/lazy"
)

// Files that say how a site answers, in a part of the format that Netlify and
// Cloudflare Pages read. They are not served.
const (
	redirectsFile = "_redirects"
	headersFile   = "_headers"
)

func isRules(name string) bool { return name == redirectsFile || name == headersFile }

// Bounds of rules; what is over them is not followed.
const (
	maxRules     = 128 << 10 // bytes of a file
	maxRedirects = 1000
	maxLine      = 2000 // bytes
	maxNotes     = 20   // of a file
)

// Redirect is a line of _redirects.
type Redirect struct {
	From   string `json:"from"`
	To     string `json:"to"`
	Status int    `json:"status"` // 301, 302, 303, 307, 308; 200 and 404 answer with the file To
	Force  bool   `json:"force,omitempty"`
}

// notebook collects what is wrong with a file of rules.
type notebook struct {
	file  string
	notes []string
	more  int
}

func (n *notebook) add(line int, format string, args ...any) {
	if len(n.notes) == maxNotes {
		n.more++
		return
	}
	n.notes = append(n.notes, fmt.Sprintf("%s, line %d is not followed: %s.", n.file, line, fmt.Sprintf(format, args...)))
}

func (n *notebook) all() []string {
	if n.more > 0 {
		return append(n.notes, fmt.Sprintf("%s: %d more lines are not followed.", n.file, n.more))
	}
	return n.notes
}

// eachLine calls do with the lines of a file of rules without their comments,
// and tells of those that cannot be read.
func (n *notebook) eachLine(data []byte, do func(number int, line string)) {
	if len(data) > maxRules {
		n.notes = append(n.notes, fmt.Sprintf("%s is not followed: it has more than %d KiB.", n.file, maxRules>>10))
		return
	}
	number := 0
	for line := range strings.SplitSeq(strings.TrimPrefix(string(data), "\ufeff"), "\n") {
		number++
		line = strings.TrimRight(line, " \t\r")
		if i := strings.IndexByte(line, '#'); i >= 0 && strings.TrimSpace(line[:i]) == "" {
			continue
		}
		switch {
		case line == "":
		case len(line) > maxLine:
			n.add(number, "it has more than %d bytes", maxLine)
		case !printable(line):
			n.add(number, "it has control characters or broken UTF-8")
		default:
			do(number, line)
		}
	}
}

func printable(line string) bool {
	_, problem := cleanName("x" + strings.ReplaceAll(line, "\t", " "))
	return problem == "" || !strings.Contains(problem, "control character")
}

// parseRedirects reads _redirects. Lines that are not understood are left out
// and told.
func parseRedirects(data []byte) ([]Redirect, []string) {
	n := &notebook{file: redirectsFile}
	var out []Redirect
	n.eachLine(data, func(number int, line string) {
		r, problem := parseRedirect(line)
		if problem == "" && len(out) == maxRedirects {
			problem = fmt.Sprintf("there are more than %d", maxRedirects)
		}
		if problem != "" {
			n.add(number, "%s", problem)
			return
		}
		out = append(out, r)
	})
	return out, n.all()
}

func parseRedirect(line string) (r Redirect, problem string) {
	fields := strings.Fields(line)
	for i, f := range fields {
		if i > 0 && strings.HasPrefix(f, "#") {
			fields = fields[:i]
			break
		}
	}
	switch {
	case len(fields) < 2:
		return r, "it needs a path and where that leads"
	case !strings.HasPrefix(fields[1], "/") && strings.Contains(fields[1], "=") && !strings.Contains(fields[1], "://"):
		return r, "parameters of a query are not looked at"
	case len(fields) > 3:
		return r, "conditions are not supported"
	}
	r = Redirect{From: fields[0], To: fields[1], Status: http.StatusMovedPermanently}
	if len(fields) == 3 {
		code, force := strings.CutSuffix(fields[2], "!")
		status, err := strconv.Atoi(code)
		if err != nil {
			return r, show(fields[2]) + " is no status"
		}
		r.Status, r.Force = status, force
	}
	_, problem = r.compile()
	return r, problem
}

// redirect is a Redirect made for looking up.
type redirect struct {
	from                  pattern
	status                int
	force                 bool
	scheme, host          string // "" for a path of the site
	path, query, fragment template
	keepQuery             bool // of the request
}

var hostPort = lazy.Regexp(`^([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$`)

// compile reads the parts of a redirect, or says what is wrong with them.
func (r Redirect) compile() (redirect, string) {
	out := redirect{status: r.Status, force: r.Force}
	switch r.Status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	case http.StatusOK, http.StatusNotFound:
		if !strings.HasPrefix(r.To, "/") {
			return out, "a status of 200 or 404 answers with a file of the site, not with another address"
		}
	default:
		return out, fmt.Sprintf("the status %d is not one of 200, 301, 302, 303, 307, 308 and 404", r.Status)
	}
	from, problem := parsePattern(r.From)
	if problem != "" {
		return out, problem
	}
	out.from = from
	if problem := out.parseTarget(r.To); problem != "" {
		return out, problem
	}
	for _, t := range []template{out.path, out.query, out.fragment} {
		for _, name := range t.placeholders() {
			if !from.has(name) {
				return out, name + " is not in its path"
			}
		}
	}
	return out, ""
}

func (r *redirect) parseTarget(to string) (problem string) {
	rest, fragment, _ := strings.Cut(to, "#")
	rest, query, asked := strings.Cut(rest, "?")
	if scheme, after, ok := strings.Cut(rest, "://"); ok && !strings.HasPrefix(rest, "/") {
		host, p, _ := strings.Cut(after, "/")
		if scheme != "http" && scheme != "https" || !hostPort().MatchString(host) {
			return "it leads to " + show(to) + ", which is no path and no address such as https://example.com/"
		}
		r.scheme, r.host, rest = scheme, host, "/"+p
	}
	if !strings.HasPrefix(rest, "/") || r.host == "" && strings.HasPrefix(strings.ReplaceAll(rest, `\`, "/"), "//") {
		return "it leads to " + show(to) + ", which is no path and no address such as https://example.com/"
	}
	plain, err := url.PathUnescape(rest)
	if err != nil {
		return "where it leads has a broken % sequence"
	}
	r.path, r.query, r.fragment, r.keepQuery = parseTemplate(plain), parseTemplate(query), parseTemplate(fragment), !asked
	return ""
}

// target is where a request that matched leads to. For a path of the site host
// is "", and the path is clean.
func (r *redirect) target(values []string, splat, query string) *url.URL {
	u := &url.URL{Scheme: r.scheme, Host: r.host}
	u.Path = r.path.fill(r.from, values, splat, asItIs)
	if r.host == "" {
		u.Path = cleanPath(u.Path)
	}
	u.RawQuery = r.query.fill(r.from, values, splat, url.QueryEscape)
	if r.keepQuery {
		u.RawQuery = query
	}
	u.Fragment = r.fragment.fill(r.from, values, splat, asItIs)
	return u
}

// cleanPath returns p with one slash in front and no empty part, "." or "..".
// A slash at the end stays.
func cleanPath(p string) string {
	c := path.Clean("/" + p)
	if c != "/" && (strings.HasSuffix(p, "/") || strings.HasSuffix(p, "/.") || strings.HasSuffix(p, "/..")) {
		c += "/"
	}
	return c
}
