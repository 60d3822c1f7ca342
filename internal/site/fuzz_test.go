package site

import (
	"net/url"
	"path"
	"strings"
	"testing"
)

// Whatever the rules of a site say and whatever is asked: no crash, no file that
// is hidden or outside, and no way out that the rules do not name.
func FuzzResolve(f *testing.F) {
	for _, rules := range []string{"", "/* /index.html 200", "/go/* /:splat\n/a/:b /:b/:b 302!\n/x https://example.com/:splat", "/* /:splat/ 301!", "/a /b?c=:d\n/:d /x?y=:d#:d", "/* /.env 200\n/e /.git/config 200"} {
		for _, asked := range []string{"/", "//evil.example", "/go/\\x", "/a/../b", "/.env", "/a%2fb", "/\u212a", "/a\r\nX: y", "/go/http://x", "/x/index.html"} {
			f.Add(rules, asked, "a=b")
		}
	}
	f.Fuzz(func(t *testing.T, rules, asked, query string) {
		s := siteOf(len(rules)%2 == 0, rules, "index.html", "about.html", "docs/index.html", "a/b.html", "404.html", "x.js")
		a := s.resolve(asked, query)
		if a.file != nil && (hidden(a.file.Path) || s.files[a.file.Path] == nil) {
			t.Errorf("%q answers with %q", asked, a.file.Path)
		}
		if a.location == "" {
			return
		}
		for i := range len(a.location) {
			if c := a.location[i]; c <= ' ' || c >= 0x7f || c == '\\' {
				t.Fatalf("%q leads to %q", asked, a.location)
			}
		}
		u, err := url.Parse(a.location)
		if err != nil {
			return // a query may be anything
		}
		if u.Host != "" && !strings.Contains(rules, u.Scheme+"://"+u.Host) {
			t.Errorf("%q leads to %q, which no rule of %q names", asked, a.location, rules)
		}
		if u.Host == "" && (strings.HasPrefix(a.location, "//") || !strings.HasPrefix(a.location, "/")) {
			t.Errorf("%q leads out, to %q", asked, a.location)
		}
	})
}

// What a file of rules says is either followed, and then can be read again from
// a manifest, or told.
func FuzzRules(f *testing.F) {
	for _, s := range []string{"/a /b", "/a /b 200!", "/* https://x.example/:splat 308", "# c\n/a  /b\t302\r\n", "\xef\xbb\xbf/a /b", "/a b=c /d", "/*\n  X-A: b\n/a\n  : \n", "/:a/:b /:b/:a?x=:a#:b", "/*.js\n X: y", strings.Repeat("/a /b\n", 1100)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		redirects, notes := parseRedirects([]byte(text))
		if len(redirects) > maxRedirects || len(notes) > maxNotes+1 {
			t.Errorf("%d redirects, %d notes", len(redirects), len(notes))
		}
		for _, r := range redirects {
			if _, problem := r.compile(); problem != "" {
				t.Errorf("%+v was accepted: %s", r, problem)
			}
		}
		headers, notes := parseHeaders([]byte(text))
		if len(headers) > maxHeaderRules || len(notes) > maxNotes+1 {
			t.Errorf("%d rules, %d notes", len(headers), len(notes))
		}
		for _, r := range headers {
			if _, problem := parseGlob(r.Path); problem != "" {
				t.Errorf("%+v was accepted: %s", r, problem)
			}
			for _, h := range r.Set {
				if reserved[h.Name] || strings.ContainsAny(h.Name+h.Value, "\r\n\x00") {
					t.Errorf("%+v was accepted", h)
				}
			}
		}
	})
}

// A name that is accepted is inside, in one form, and found again by itself.
func FuzzNames(f *testing.F) {
	for _, s := range []string{"a", "../a", "a/../../b", "/a", "a//b", "./a", "cafe\u0301", "a\x00", "..", "a/..", ".env", ".well-known/x", ".well-known/.x", "a/.b/c", `a\..\b`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		name, problem := cleanName(raw)
		if problem != "" {
			return
		}
		if path.IsAbs(name) || path.Clean(name) != name || name == ".." || strings.HasPrefix(name, "../") {
			t.Errorf("%q is %q", raw, name)
		}
		if again, problem := cleanName(name); problem != "" || again != name {
			t.Errorf("%q is %q, and that %q (%s)", raw, name, again, problem)
		}
		if hidden(name) {
			return
		}
		a := siteOf(false, "", name).resolve("/"+name, "")
		if a.file == nil && !strings.HasSuffix(name, ".html") {
			t.Errorf("%q is not found", name)
		}
	})
}
