package site

import (
	"strings"
	"testing"
)

func TestPathsHaveOneForm(t *testing.T) {
	t.Parallel()

	s := siteOf(false, "", "index.html", "about.html", "docs/index.html", "docs/guide.html", "both.html", "both/index.html", "file", "file.html",
		"caf\u00e9.html", "a b.html", "img/logo.png", ".well-known/acme", "Case.html", "index/index.html", `back\slash.html`)
	for asked, want := range map[string]string{
		"/": "index.html", "/about": "about.html", "/docs/": "docs/index.html", "/docs/guide": "docs/guide.html", "/both": "both.html", "/both/": "both/index.html",
		"/file": "file", "/file.html": "file.html", "/cafe\u0301": "caf\u00e9.html", "/a b": "a b.html", "/img/logo.png": "img/logo.png",
		"/.well-known/acme": ".well-known/acme", "/Case": "Case.html", "/index/": "index/index.html", `/back\slash`: `back\slash.html`,

		"/index.html": "307 /", "/about.html": "307 /about", "/about/": "307 /about", "/docs": "307 /docs/", "/docs/index.html": "307 /docs/",
		"/docs/guide/": "307 /docs/guide", "/docs/guide.html": "307 /docs/guide", "/index": "307 /index/", "//evil.example/": "308 /evil.example/",
		"/a/../about": "308 /about", "/./docs/.": "308 /docs/", "/docs//guide": "308 /docs/guide", "/..": "308 /", `/\evil.example/..`: "308 /",

		"/case": "", "/img": "", "/img/": "", "/nothing": "", "/.git/config": "", "/.env": "", "/about.html/": "", "/img/logo.png/": "", "/docs/guide/x": "", "relative": "",
	} {
		got := s.resolve(asked, "").text()
		if got != want {
			t.Errorf("%q: %q, want %q", asked, got, want)
		}
	}
	if got := s.resolve("/docs", "a=1&b=//x").text(); got != "307 /docs/?a=1&b=//x" {
		t.Errorf("the query is not kept: %s", got)
	}
}

// text is an answer in a few words.
func (a answer) text() string {
	var out []string
	if a.file != nil {
		out = append(out, a.file.Path)
	}
	if a.location != "" {
		out = append(out, map[int]string{301: "301", 302: "302", 303: "303", 307: "307", 308: "308"}[a.status], a.location)
	}
	if a.status == 404 {
		out = append(out, "404")
	}
	return strings.Join(out, " ")
}

func TestSinglePageApplications(t *testing.T) {
	t.Parallel()

	s := siteOf(true, "", "index.html", "assets/app.js")
	for asked, want := range map[string]string{
		"/": "index.html", "/users/42": "index.html", "/docs/v1.2": "index.html", "/john.doe": "index.html", "/a.html": "index.html",
		"/assets/app.js": "assets/app.js", "/assets/old.js": "", "/logo.png": "", "/.env": "",
	} {
		if got := s.resolve(asked, "").text(); got != want {
			t.Errorf("%s: %q, want %q", asked, got, want)
		}
	}
	if got := siteOf(false, "", "index.html", "200.html").resolve("/x", "").text(); got != "200.html" {
		t.Errorf("200.html is not the fallback: %q", got)
	}
	if got := siteOf(true, "", "index.html", "404.html").resolve("/x.js", "").text(); got != "404.html 404" {
		t.Errorf("404.html is not there for files: %q", got)
	}
}

func TestRedirectsAreFollowed(t *testing.T) {
	t.Parallel()

	s := siteOf(false, `
		# comment
		/home              /
		/old               /new            302   # moved
		/blog/:year/:slug  /posts/:slug?y=:year
		/news/*            /blog/:splat    307
		/docs/*            https://docs.example.com/v2/:splat 308
		/away              https://example.com/?from=here#top 303
		/about             /forced         301!
		/img/*             /nothing.html   200
		/app/*             /app.html       200
		/gone/*            /404.html       404
		/self              /self
		/enc/*             /x/:splat?q=:splat#:splat
		/index.html        /never
		/*                 /catch/:splat   302
	`, "index.html", "about.html", "app.html", "404.html", "img/a.png")
	for asked, want := range map[string]string{
		"/home": "301 /", "/old": "302 /new", "/old/": "302 /new", "/blog/2024/hello": "301 /posts/hello?y=2024",
		"/news/": "307 /blog/", "/news": "307 /blog/", "/news/2004/01/": "307 /blog/2004/01/", "/docs/a/b": "308 https://docs.example.com/v2/a/b",
		"/away": "303 https://example.com/?from=here#top", "/about": "301 /forced", "/img/a.png": "img/a.png", "/app/x/y": "app.html", "/app": "app.html",
		"/gone/x": "404.html 404", "/self": "302 /catch/self", "/index.html": "307 /",
		`/enc/a?b#c&d\ü`: "301 /x/a%3Fb%23c&d%5C%C3%BC?q=a%3Fb%23c%26d%5C%C3%BC#a?b%23c&d%5C%C3%BC",
		"/img/none":      "302 /catch/img/none", "/app.html": "307 /app", "/blog/2024": "302 /catch/blog/2024", "/catch/x": "302 /catch/catch/x",
	} {
		if got := s.resolve(asked, "").text(); got != want {
			t.Errorf("%q: %q, want %q", asked, got, want)
		}
	}
	for asked, want := range map[string]string{"/old": "302 /new?a=b%20c", "/away": "303 https://example.com/?from=here#top", "/blog/1/2": "301 /posts/2?y=1"} {
		if got := s.resolve(asked, "a=b%20c").text(); got != want {
			t.Errorf("%q with a query: %q, want %q", asked, got, want)
		}
	}
}

// Whatever is asked, a rule that leads into the site never leads out of it.
func TestRedirectsDoNotOpen(t *testing.T) {
	t.Parallel()

	s := siteOf(false, "/go/* /:splat\n/to/:x /:x/\n/up/* /a/../../:splat 302", "index.html")
	for _, asked := range []string{"/go//evil.example", "/go/\\evil.example", "/go/\\/evil.example", "/to/\\evil.example", "/go/http://evil.example", "/up//evil.example", "/go/%2F%2Fevil.example", "/go/ //evil.example"} {
		for _, p := range []string{asked, cleanPath(asked)} {
			if got := s.resolve(p, "").location; strings.HasPrefix(got, "//") || !strings.HasPrefix(got, "/") || strings.ContainsAny(got, "\\ \r\n") {
				t.Errorf("%q leads to %q", p, got)
			}
		}
	}
}
