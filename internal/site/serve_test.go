package site

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestConditionalRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.bundle(map[string]string{"index.html": page, "photo.png": "0123456789"}, Options{})

	get := w.ask(b, "GET", "/photo.png")
	tag := get.Header.Get("Etag")
	if strings.HasPrefix(tag, "W/") || len(tag) != 34 {
		t.Fatalf("ETag %s is not strong", tag)
	}
	for name, tt := range map[string]struct {
		method  string
		headers []string
		status  int
		body    string
		length  string
	}{
		"whole":                      {"GET", nil, 200, "0123456789", "10"},
		"head":                       {"HEAD", nil, 200, "", "10"},
		"the same":                   {"GET", []string{"If-None-Match: " + tag}, 304, "", ""},
		"one of several":             {"GET", []string{`If-None-Match: "x", ` + tag}, 304, "", ""},
		"weak is good enough":        {"GET", []string{"If-None-Match: W/" + tag}, 304, "", ""},
		"anything":                   {"GET", []string{"If-None-Match: *"}, 304, "", ""},
		"head of the same":           {"HEAD", []string{"If-None-Match: " + tag}, 304, "", ""},
		"another":                    {"GET", []string{`If-None-Match: "x"`}, 200, "0123456789", "10"},
		"must be this":               {"GET", []string{"If-Match: " + tag}, 200, "0123456789", "10"},
		"must be another":            {"GET", []string{`If-Match: "x"`}, 412, "", ""},
		"range":                      {"GET", []string{"Range: bytes=2-4"}, 206, "234", "3"},
		"end":                        {"GET", []string{"Range: bytes=-2"}, 206, "89", "2"},
		"beyond":                     {"GET", []string{"Range: bytes=20-"}, 416, "", ""},
		"malformed":                  {"GET", []string{"Range: lines=1-2"}, 416, "", ""},
		"range of the same":          {"GET", []string{"Range: bytes=2-4", "If-Range: " + tag}, 206, "234", "3"},
		"range of another":           {"GET", []string{"Range: bytes=2-4", `If-Range: "x"`}, 200, "0123456789", "10"},
		"range needs a strong tag":   {"GET", []string{"Range: bytes=2-4", "If-Range: W/" + tag}, 200, "0123456789", "10"},
		"the same, then no range":    {"GET", []string{"Range: bytes=2-4", "If-None-Match: " + tag}, 304, "", ""},
		"more ranges than are wise":  {"GET", []string{"Range: bytes=0-0" + strings.Repeat(",0-0", 20)}, 200, "0123456789", "10"},
		"a date says nothing of it":  {"GET", []string{"If-Modified-Since: Sat, 01 Jan 2050 00:00:00 GMT"}, 200, "0123456789", "10"},
		"range of a head is ignored": {"HEAD", nil, 200, "", "10"},
	} {
		res := w.ask(b, tt.method, "/photo.png", tt.headers...)
		body, _ := io.ReadAll(res.Body)
		if res.StatusCode != tt.status || tt.status < 300 && string(body) != tt.body || tt.length != "" && res.Header.Get("Content-Length") != tt.length {
			t.Errorf("%s: %d %q, length %s; want %d %q", name, res.StatusCode, body, res.Header.Get("Content-Length"), tt.status, tt.body)
		}
		if tt.status == 304 && (res.Header.Get("Etag") != tag || res.Header.Get("Cache-Control") == "" || len(body) > 0) {
			t.Errorf("%s: headers %v, body %q", name, res.Header, body)
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "PATCH"} {
		if res := w.ask(b, method, "/photo.png"); res.StatusCode != 405 || res.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d, allow %q", method, res.StatusCode, res.Header.Get("Allow"))
		}
	}
}

// A name that says what is in a file says it at its own address only: what a
// rule leads to may be another file tomorrow.
func TestOnlyAFilesOwnAddressIsImmutable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.bundle(map[string]string{"index.html": page, "assets/app-B4yq2Zc1.js": "x", "_redirects": "/app.js /assets/app-B4yq2Zc1.js 200\n"}, Options{})
	for path, want := range map[string]string{"/assets/app-B4yq2Zc1.js": cacheNamed, "/app.js": cacheFile, "/": cachePage} {
		if res := w.ask(b, "GET", path); res.StatusCode != 200 || res.Header.Get("Cache-Control") != want {
			t.Errorf("%s: %d %s, want %s", path, res.StatusCode, res.Header.Get("Cache-Control"), want)
		}
	}
}

func TestEncodingsAreNegotiated(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.bundle(map[string]string{"index.html": page, "small.css": "a{}"}, Options{})

	tags := map[string]string{}
	for accept, want := range map[string]string{
		"": "", "gzip": "gzip", "br": "br", "gzip, deflate, br, zstd": "br", "gzip;q=1, br;q=0.5": "gzip", "br;q=0": "",
		"gzip;q=0, br;q=0.001": "br", "identity": "", "identity, gzip": "gzip", "gzip;q=0.5, identity": "", "*": "br", "*;q=0": "",
		"BR": "br", "x-gzip": "gzip", "br;q=2": "", "br;q=0.5;level=3": "br", "gzip;q=1.0000": "", ";;;,,=,q": "", "br;Q=0": "", "zstd": "",
		"identity;q=0": "", "identity;q=0, *": "br",
	} {
		res := w.ask(b, "GET", "/", "Accept-Encoding: "+accept)
		body, _ := io.ReadAll(res.Body)
		if got := res.Header.Get("Content-Encoding"); got != want {
			t.Errorf("Accept-Encoding %q: %q, want %q", accept, got, want)
			continue
		}
		if res.Header.Get("Vary") != "Accept-Encoding" || res.Header.Get("Content-Type") != "text/html; charset=utf-8" || res.ContentLength != int64(len(body)) {
			t.Errorf("Accept-Encoding %q: %d bytes, headers %v", accept, len(body), res.Header)
		}
		tags[want] = res.Header.Get("Etag")
	}
	if tags[""] == tags["gzip"] || tags["gzip"] == tags["br"] || tags[""] == tags["br"] {
		t.Errorf("a strong ETag names one representation: %v", tags)
	}
	if res := w.ask(b, "GET", "/", "Accept-Encoding: br", "If-None-Match: "+tags["br"]); res.StatusCode != 304 || res.Header.Get("Vary") == "" {
		t.Errorf("the same in the same encoding: %d %v", res.StatusCode, res.Header)
	}
	if res := w.ask(b, "GET", "/", "Accept-Encoding: br", "If-None-Match: "+tags["gzip"]); res.StatusCode != 200 {
		t.Errorf("the same in another encoding: %d", res.StatusCode)
	}
	if res := w.ask(b, "GET", "/", "Accept-Encoding: br", "Range: bytes=0-3"); res.StatusCode != 206 || res.ContentLength != 4 || res.Header.Get("Content-Encoding") != "br" {
		t.Errorf("a range is one of the chosen representation: %d, %d bytes, %v", res.StatusCode, res.ContentLength, res.Header)
	}
	if res := w.ask(b, "GET", "/", "Accept-Encoding: br", `If-Match: "x"`); res.StatusCode != 412 || res.ContentLength > 0 {
		t.Errorf("another version: %d, %d bytes", res.StatusCode, res.ContentLength)
	}
	if res := w.ask(b, "HEAD", "/", "Accept-Encoding: gzip"); res.StatusCode != 200 || res.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("head: %d %v", res.StatusCode, res.Header)
	}
	if res := w.ask(b, "GET", "/small.css", "Accept-Encoding: br"); res.Header.Get("Vary") != "" || res.Header.Get("Content-Encoding") != "" {
		t.Errorf("what is not compressed does not vary: %v", res.Header)
	}
}

func TestHeadersOfAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.bundle(map[string]string{
		"index.html": "home", "assets/index-B4yq2Zc1.js": "x()", "feed.xml": "<x/>", "blob": "?", "404.html": "lost", "docs/404.html": "lost in docs",
		"_headers":   "/*\n  X-Frame-Options: DENY\n  Cache-Control: no-store\n/feed.xml\n\tContent-Type: application/rss+xml\n  X-Frame-Options: SAMEORIGIN\n",
		"_redirects": "/old/:page /new/:page 302\n",
	}, Options{})
	if len(b.Notes) != 0 {
		t.Errorf("notes %q", b.Notes)
	}
	for target, want := range map[string]map[string]string{
		"/":         {"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store", "X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff"},
		"/feed.xml": {"Content-Type": "application/rss+xml", "X-Frame-Options": "DENY, SAMEORIGIN"},
		"/blob":     {"Content-Type": "application/octet-stream"},
		"/nothing":  {"X-Frame-Options": "DENY", "Content-Type": "text/html; charset=utf-8"},
	} {
		res := w.ask(b, "GET", target)
		for name, value := range want {
			if got := res.Header.Get(name); got != value {
				t.Errorf("%s: %s is %q, want %q", target, name, got, value)
			}
		}
	}
	for target, want := range map[string]string{"/nothing": "lost", "/docs/a/b": "lost in docs", "/_headers": "lost", "/_redirects": "lost"} {
		res := w.ask(b, "GET", target)
		if body, _ := io.ReadAll(res.Body); res.StatusCode != 404 || string(body) != want || res.Header.Get("Etag") != "" {
			t.Errorf("%s: %d %q %v", target, res.StatusCode, body, res.Header)
		}
	}
	res := w.ask(b, "GET", "/old/a%20b?x=1&y=%2F")
	if got := res.Header.Get("Location"); res.StatusCode != 302 || got != "/new/a%20b?x=1&y=%2F" {
		t.Errorf("redirect: %d %q", res.StatusCode, got)
	}

	plain := w.bundle(map[string]string{"index.html": "home", "assets/index-B4yq2Zc1.js": "x()", "logo.svg": "<svg/>"}, Options{})
	for target, want := range map[string]string{"/": cachePage, "/assets/index-B4yq2Zc1.js": cacheNamed, "/logo.svg": cacheFile} {
		if got := w.ask(plain, "GET", target).Header.Get("Cache-Control"); got != want {
			t.Errorf("%s: %q, want %q", target, got, want)
		}
	}
	if res := w.ask(plain, "GET", "/nothing"); res.StatusCode != http.StatusNotFound {
		t.Errorf("a site without 404.html: %d", res.StatusCode)
	}
}

func TestLibraryIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.library.most = 4 * fileCost

	var bundles []Bundle
	for _, content := range []string{"a", "b", "c", "d", "e", "f"} {
		bundles = append(bundles, w.bundle(map[string]string{"index.html": content, "x.css": content}, Options{}))
	}
	for range 3 {
		for i, b := range bundles {
			res := w.ask(b, "GET", "/")
			if body, _ := io.ReadAll(res.Body); string(body) != string("abcdef"[i]) {
				t.Errorf("bundle %d: %d %q", i, res.StatusCode, body)
			}
		}
	}
	if w.library.size > w.library.most || w.library.sites.Len() == len(bundles) || w.library.sites.Len() == 0 {
		t.Errorf("%d manifests of %d bytes are kept, at most %d are allowed", w.library.sites.Len(), w.library.size, w.library.most)
	}
}

func TestSitesThatAreGoneAreNobodysFault(t *testing.T) {
	t.Parallel()
	w := newWorld(t)

	for _, ref := range []Ref{{w.store.Dir(), strings.Repeat("0", 64)}, {w.store.Dir() + "/away", strings.Repeat("0", 64)}, {w.store.Dir(), "../../etc/passwd"}} {
		r, err := http.NewRequestWithContext(t.Context(), "GET", "http://x/", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.library.Serve(nil, r, ref, nil); err == nil || errors.Is(err, ErrNotFound) {
			t.Errorf("%+v: %v", ref, err)
		}
	}
}
