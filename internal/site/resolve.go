package site

import (
	"net/http"
	"net/url"
	"path"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// answer is what a site has for a path: a file with a status, or another
// address; none of them means that there is nothing.
type answer struct {
	file     *File
	status   int
	location string
}

// resolve finds the answer for a decoded path. query is as it came.
//
// A path has one form: /about for about.html, /about/ for about/index.html; the
// others lead there. A rule of _redirects counts where no file is, or
// everywhere if it is forced.
func (s *Site) resolve(asked, query string) answer {
	if !strings.HasPrefix(asked, "/") || strings.ContainsRune(asked, 0) {
		return answer{}
	}
	if clean := cleanPath(asked); clean != asked {
		return moved(http.StatusPermanentRedirect, clean, query)
	}
	name := norm.NFC.String(asked[1:])
	found := s.find(name, query)
	for i := range s.redirects {
		r := &s.redirects[i]
		if !r.force && found != (answer{}) {
			continue
		}
		values, splat, ok := r.from.match(asked)
		if !ok {
			continue
		}
		if a := s.follow(r, values, splat, asked, query); a != (answer{}) {
			return a
		}
	}
	if found != (answer{}) {
		return found
	}
	return s.nothing(name)
}

// find looks for the file of a path, or for the one form of it.
func (s *Site) find(name, query string) answer {
	if hidden(name) {
		return answer{}
	}
	if f := s.files[name]; f != nil && !strings.HasSuffix(name, "/") {
		if short, ok := strings.CutSuffix(name, "index.html"); ok && (short == "" || strings.HasSuffix(short, "/")) {
			return moved(http.StatusTemporaryRedirect, "/"+short, query)
		}
		if short, ok := strings.CutSuffix(name, ".html"); ok && s.page(short) == f {
			return moved(http.StatusTemporaryRedirect, "/"+short, query)
		}
		return answer{file: f, status: http.StatusOK}
	}
	if f := s.page(name); f != nil {
		return answer{file: f, status: http.StatusOK}
	}
	// The other way to write it. Browsers keep no temporary redirect, so a
	// later deployment may turn it around.
	other := name + "/"
	if strings.HasSuffix(name, "/") {
		other = strings.TrimSuffix(name, "/")
	}
	if name != "" && s.page(other) != nil {
		return moved(http.StatusTemporaryRedirect, "/"+other, query)
	}
	return answer{}
}

// page is the page at a path that names no file itself, nil without one.
func (s *Site) page(name string) *File {
	if name == "" || strings.HasSuffix(name, "/") {
		return s.files[name+"index.html"]
	}
	if s.files[name] != nil || path.Base(name) == "index" {
		return nil
	}
	return s.files[name+".html"]
}

// follow is what a rule of _redirects that matched answers. A rule that leads
// to where it came from, or to no file, is none.
func (s *Site) follow(r *redirect, values []string, splat, asked, query string) answer {
	to := r.target(values, splat, query)
	switch r.status {
	case http.StatusOK, http.StatusNotFound:
		name := norm.NFC.String(to.Path[1:])
		if hidden(name) {
			return answer{}
		}
		f := s.files[name]
		if f == nil || strings.HasSuffix(name, "/") {
			f = s.page(name)
		}
		if f == nil {
			return answer{}
		}
		return answer{file: f, status: r.status}
	}
	if to.Host == "" && to.Path == asked && to.RawQuery == query {
		return answer{} // for ever
	}
	return answer{status: r.status, location: encode(to)}
}

// nothing is the answer where no file and no rule is: the page of a single page
// application, unless a file is asked for by its type, else the nearest 404.html.
func (s *Site) nothing(name string) answer {
	ext := strings.ToLower(path.Ext(name))
	if s.spa != "" && !hidden(name) && (types[ext].mime == "" || isPage(name)) {
		if f := s.files[s.spa]; f != nil {
			return answer{file: f, status: http.StatusOK}
		}
	}
	for dir := path.Dir("/" + name); ; dir = path.Dir(dir) {
		if f := s.files[strings.TrimPrefix(path.Join(dir, "404.html"), "/")]; f != nil {
			return answer{file: f, status: http.StatusNotFound}
		}
		if dir == "/" {
			return answer{}
		}
	}
}

// moved leads to a clean path of the site.
func moved(status int, to, query string) answer {
	return answer{status: status, location: encode(&url.URL{Path: to, RawQuery: query})}
}

// encode writes a URL so that it can stand in a header: printable ASCII alone.
func encode(u *url.URL) string {
	const hex = "0123456789ABCDEF"
	plain := u.String()
	var b strings.Builder
	for i := range len(plain) {
		if c := plain[i]; c <= ' ' || c >= 0x7f || c == '"' || c == '<' || c == '>' || c == '\\' {
			b.WriteString(string([]byte{'%', hex[c>>4], hex[c&15]}))
			continue
		}
		b.WriteByte(plain[i])
	}
	return b.String()
}
