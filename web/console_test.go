package web_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/davitdev/davit/web"
)

const (
	forPage   = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	forScript = "*/*"
)

func visit(t *testing.T, method, path, accept string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	r.Header.Set("Accept", accept)
	w := httptest.NewRecorder()
	web.Console().ServeHTTP(w, r)
	return w
}

func TestEveryPageOfTheConsoleIsTheSameDocument(t *testing.T) {
	t.Parallel()
	home := visit(t, http.MethodGet, "/", forPage)
	want := text(t, home.Body)
	if home.Code != http.StatusOK || !strings.Contains(want, `<div id="root">`) || home.Header().Get("Content-Type") != "text/html; charset=utf-8" || home.Header().Get("Cache-Control") != "no-cache" {
		t.Fatalf("%d %v: %s", home.Code, home.Header(), want)
	}
	for _, path := range []string{"/claim", "/sign-in", "/projects/shop/services/web/deployments/12", "/projects/a.b"} {
		res := visit(t, http.MethodGet, path, forPage)
		if got := text(t, res.Body); res.Code != http.StatusOK || got != want {
			t.Errorf("%s: %d, %s", path, res.Code, got)
		}
		if got := res.Header().Values("Vary"); len(got) != 2 || got[0] != "Accept" || got[1] != "Accept-Encoding" {
			t.Errorf("%s: Vary is %q", path, got)
		}
	}
	if res := visit(t, http.MethodHead, "/claim", forPage); res.Code != http.StatusOK || res.Body.Len() != 0 || res.Header().Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("HEAD: %d, %d bytes", res.Code, res.Body.Len())
	}
	if res := visit(t, http.MethodGet, "/", "*/*"); res.Code != http.StatusOK {
		t.Errorf("/ for a program: %d", res.Code)
	}
}

func TestWhatIsNeitherFileNorPageIsNotFound(t *testing.T) {
	t.Parallel()
	for path, accept := range map[string]string{
		"/assets/index-gone.js": forPage, "/assets/": forPage, "/assets": forScript, "/favicon.ico": "image/avif,*/*;q=0.8", "/robots.txt": forScript,
		"/claim": "application/json", "/../graphiql/index.html": forScript, "/index.html.gz": forScript, "//": forScript,
	} {
		if res := visit(t, http.MethodGet, path, accept); res.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, res.Code)
		}
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions} {
		if res := visit(t, method, "/claim", forPage); res.Code != http.StatusMethodNotAllowed || res.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d", method, res.Code)
		}
	}
	if res := visit(t, http.MethodGet, "/index.html", forPage); res.Code != http.StatusPermanentRedirect || res.Header().Get("Location") != "/" {
		t.Errorf("/index.html: %d to %q", res.Code, res.Header().Get("Location"))
	}
}

// inline is what a policy without 'unsafe-inline' would keep from working.
var inline = regexp.MustCompile(`(?i)<script>|<script [^>]*>[^<]|<style|\sstyle=|\son[a-z]+=|javascript:`)

func TestTheConsoleNeedsNothingThatItsPolicyForbids(t *testing.T) {
	t.Parallel()
	home := visit(t, http.MethodGet, "/", forPage)
	h, page := home.Header(), text(t, home.Body)
	policy := h.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"} {
		if !strings.Contains(policy+";", want+";") {
			t.Errorf("the policy lacks %s: %s", want, policy)
		}
	}
	if regexp.MustCompile(`unsafe|https?:|data:|\*`).MatchString(policy) {
		t.Errorf("the policy is too wide: %s", policy)
	}
	if found := inline.FindString(page); found != "" {
		t.Errorf("%s is in the page: %s", found, page)
	}
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin",
	} {
		if h.Get(name) != want {
			t.Errorf("%s is %q", name, h.Get(name))
		}
	}
	if got := h.Get("Permissions-Policy"); !strings.Contains(got, "camera=()") || !strings.Contains(got, "geolocation=()") {
		t.Errorf("Permissions-Policy is %q", got)
	}
	for _, m := range regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(page, -1) {
		res := visit(t, http.MethodGet, m[1], forScript)
		if !strings.HasPrefix(m[1], "/assets/") || res.Code != http.StatusOK || res.Header().Get("Cache-Control") != "public, max-age=31536000, immutable" {
			t.Errorf("%s: %d %v", m[1], res.Code, res.Header())
		}
	}
}

func TestEveryFileHasAType(t *testing.T) {
	t.Parallel()
	seen := 0
	for dir, h := range map[string]http.Handler{"/": web.Console(), "/graphiql/": web.GraphiQL()} {
		for name := range files(t, path.Join("dist", map[string]string{"/": "console", "/graphiql/": "graphiql"}[dir])) {
			if name == "index.html" {
				continue
			}
			seen++
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, dir+name, nil))
			if w.Code != http.StatusOK || w.Header().Get("Content-Type") == "" {
				t.Errorf("%s%s: %d of type %q", dir, name, w.Code, w.Header().Get("Content-Type"))
			}
		}
	}
	if seen < 10 {
		t.Errorf("only %d files were looked at", seen)
	}
}

// The first page is there soon, over a slow line too.
func TestTheConsoleIsSmall(t *testing.T) {
	t.Parallel()
	const most = 200 << 10 // bytes, compressed
	page := text(t, visit(t, http.MethodGet, "/", forPage).Body)
	size := 0
	for _, m := range regexp.MustCompile(`(?:src|href)="/([^"]+)"`).FindAllStringSubmatch(page, -1) {
		info, err := os.Stat("dist/console/" + m[1] + ".gz")
		check(t, err)
		size += int(info.Size())
	}
	if size == 0 || size > most {
		t.Errorf("the first page is %d bytes, at most %d", size, most)
	}
	t.Logf("%d bytes", size)
}
