package site

import (
	"fmt"
	"strings"
	"testing"
)

func TestLinesThatAreNotFollowedAreTold(t *testing.T) {
	t.Parallel()

	for line, say := range map[string]string{
		"/only":                                 "where that leads",
		"old /new":                              "does not begin with /",
		"https://a.example/* /x":                "does not begin with /",
		"/a id=:id /b/:id":                      "parameters of a query",
		"/a /b 301 Country=de":                  "conditions",
		"/a /b 200 Language=de":                 "conditions",
		"/a /b 418":                             "status 418",
		"/a /b x":                               `"x" is no status`,
		"/a /b 99999999999999999999":            "is no status",
		"/a https://api.example.com/:x 200":     "a file of the site",
		"/a //evil.example":                     "no path and no address",
		`/a /\evil.example`:                     "no path and no address",
		"/a javascript:alert(1)":                "no path and no address",
		"/a data:text/html,x":                   "no path and no address",
		"/a ftp://x/":                           "no path and no address",
		"/:h https://:h.example.com/":           "no path and no address",
		"/:h https://:h/":                       "no path and no address",
		"/a https://user:pw@example.com/":       "no path and no address",
		"/a https://":                           "no path and no address",
		"/a /b/:x":                              ":x is not in its path",
		"/a /b/:splat":                          ":splat is not in its path",
		"/:splat/x /b":                          "twice, or the name of *",
		"/:a/:a /b":                             "twice",
		"/*/x /b":                               "end of a path only",
		"/a* /b":                                "whole parts",
		"/:1 /b":                                "no placeholder",
		"/%zz /b":                               "broken %",
		"/a /%zz":                               "broken %",
		"/a?x=1 /b":                             "no ? and no #",
		"/a /b\x01":                             "control characters",
		"/a /\xff":                              "broken UTF-8",
		"/" + strings.Repeat("a", 2000) + " /b": "more than 2000 bytes",
	} {
		rules, notes := parseRedirects([]byte("/ok /fine\n" + line + "\n/also /fine"))
		if len(rules) != 2 || len(notes) != 1 || !strings.Contains(notes[0], "_redirects, line 2 is not followed: ") || !strings.Contains(notes[0], say) {
			t.Errorf("%q: %d rules, notes %q, want %q", line, len(rules), notes, say)
		}
	}
	for line, say := range map[string]string{
		"X-Before: a path":            "does not follow a path",
		"/*\n  X-Davit-Deployment: x": "by Davit alone",
		"/*\n  content-length: 5":     "by Davit alone",
		"/*\n  Transfer-Encoding: x":  "by Davit alone",
		"/*\n  ! Server":              "cannot be taken away",
		"/*\n  No colon":              "neither a path nor a header",
		"/*\n  Bad Name: x":           "neither a path nor a header",
		"/*\n  X-A:":                  "no value",
		"/a*b*\n":                     "at most one *",
		"/:a/x*\n":                    "at most one *",
		"https://x.example/*\n":       "does not begin with /",
	} {
		_, notes := parseHeaders([]byte(line))
		if len(notes) != 1 || !strings.Contains(notes[0], "is not followed: ") || !strings.Contains(notes[0], say) {
			t.Errorf("%q: notes %q, want %q", line, notes, say)
		}
	}
}

func TestRulesAreBounded(t *testing.T) {
	t.Parallel()

	var b strings.Builder
	for i := range maxRedirects + 50 {
		fmt.Fprintf(&b, "/%d /x\n", i)
	}
	rules, notes := parseRedirects([]byte(b.String()))
	if len(rules) != maxRedirects || len(notes) != maxNotes+1 || !strings.Contains(notes[maxNotes], "30 more lines") {
		t.Errorf("%d rules, %d notes, last %q", len(rules), len(notes), notes[len(notes)-1])
	}
	if rules, notes := parseRedirects(make([]byte, maxRules+1)); len(rules) != 0 || len(notes) != 1 || !strings.Contains(notes[0], "more than 128 KiB") {
		t.Errorf("%d rules, %q", len(rules), notes)
	}
}

func TestPathsOfHeaders(t *testing.T) {
	t.Parallel()

	for raw, tt := range map[string]struct{ yes, no string }{
		"/*":          {"/ /a /a/b.html", ""},
		"/a":          {"/a /a/", "/ /a/b /ab"},
		"/a/*":        {"/a /a/ /a/b/c", "/ /ab"},
		"/*.js":       {"/x.js /a/b.js", "/ /x.css /x.js/"},
		"/assets/*.*": {"", ""},
		"/u/:id":      {"/u/1 /u/1/", "/u /u/1/2"},
		"/img-*":      {"/img-1 /img-a/b", "/img"},
	} {
		g, problem := parseGlob(raw)
		if problem != "" {
			if tt.yes != "" {
				t.Errorf("%s: %s", raw, problem)
			}
			continue
		}
		for p := range strings.FieldsSeq(tt.yes) {
			if !g.covers(p) {
				t.Errorf("%s does not cover %s", raw, p)
			}
		}
		for p := range strings.FieldsSeq(tt.no) {
			if g.covers(p) {
				t.Errorf("%s covers %s", raw, p)
			}
		}
	}
}

func TestNamesWithHashes(t *testing.T) {
	t.Parallel()

	for name, want := range map[string]bool{
		"assets/index-B4yq2Zc1.js": true, "assets/index-D-x_9aQz.css": true, "assets/index-B4yq2Zc1.js.map": true, "assets/logo-CdEf12_3.svg": true,
		"_next/static/chunks/main-5d4f8a8c6b6f4a5e.js": true, "_next/static/css/3f5ac9b1d2e4f6a8.css": true, "_astro/index.BmDiwrgT.css": true, "_astro/hoisted.DiwrgTda.js": true,
		"static/js/main.3f5ac9b1.js": true, "static/media/logo.6ce24c58023cc2f8fd88fe9d219db6c6.svg": true, "_app/immutable/entry/start.Cx1Yp2vE.js": true,
		"main.d41d8cd98f00b204e9800998ecf8427e.js": true, "polyfills-5CFQRCPP.js": false, "_nuxt/entry.Dq3x9ZkA.js": true,

		"index.html": false, "jquery-bootstrap.js": false, "report-20240101.pdf": false, "assets/hero-section2.css": false, "photo-holiday2019.jpg": false,
		"assets/my-component.js": false, "BigButton-Component.js": false, "assets/iPhone15Pro.jpg": false, "robots.txt": false, "menu-facade20.pdf": false,
		"lib-bootstrap5.js": false, "assets/jquery-3.7.1.min.js": false, "favicon.ico": false, "cv-deadbeef.pdf": false, "README-JAVASCRIPT.md": false,
		"assets/photo-DSC00001.jpg": false, "assets/photo-iPhone15.png": false,
	} {
		if got := hashed(name); got != want {
			t.Errorf("hashed(%s) = %v", name, got)
		}
	}
}

func TestAPanicOfACompressorIsAnError(t *testing.T) {
	t.Parallel()

	if err := (&Writer{}).finish(nil, "", &File{Path: "a.css"}); err == nil || !strings.Contains(err.Error(), "a.css") {
		t.Errorf("finish = %v", err)
	}
}
