package web_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/davitdev/davit/web"
)

func get(t *testing.T, path string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	web.GraphiQL().ServeHTTP(w, r)
	return w
}

func text(t *testing.T, r io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var script = regexp.MustCompile(`src="(/graphiql/assets/[^"]+\.js)"`)

func TestThePageIsTheSameCompressedAndNot(t *testing.T) {
	t.Parallel()
	plain := get(t, "/graphiql")
	want := text(t, plain.Body)
	if plain.Code != http.StatusOK || !script.MatchString(want) || plain.Header().Get("Content-Encoding") != "" {
		t.Fatalf("%d %v: %s", plain.Code, plain.Header(), want)
	}
	for accept, packed := range map[string]bool{
		"gzip": true, "br, GZIP;q=0.5": true, "deflate,gzip": true, "gzip; q=1.0": true,
		"": false, "br": false, "gzip;q=0": false, "gzip; q=0.000, br": false, "xgzip": false,
	} {
		res := get(t, "/graphiql", "Accept-Encoding", accept)
		var body io.Reader = res.Body
		if got := res.Header().Get("Content-Encoding") == "gzip"; got != packed {
			t.Errorf("Accept-Encoding %q: compressed is %v", accept, got)
		} else if packed {
			var err error
			if body, err = gzip.NewReader(res.Body); err != nil {
				t.Fatal(err)
			}
		}
		if text(t, body) != want {
			t.Errorf("Accept-Encoding %q gets another page", accept)
		}
	}
}

func TestAFileIsNotSentTwice(t *testing.T) {
	t.Parallel()
	asset := script.FindStringSubmatch(text(t, get(t, "/graphiql").Body))[1]
	for path, keep := range map[string]string{
		"/graphiql": "no-cache", "/graphiql/licenses.md": "no-cache", asset: "public, max-age=31536000, immutable",
	} {
		first := get(t, path)
		if got := first.Header().Get("Cache-Control"); got != keep {
			t.Errorf("%s: Cache-Control %q", path, got)
		}
		again := get(t, path, "If-None-Match", first.Header().Get("ETag"), "Accept-Encoding", "gzip")
		if again.Code != http.StatusNotModified || text(t, again.Body) != "" {
			t.Errorf("%s: %d the second time", path, again.Code)
		}
		if other := get(t, path, "If-None-Match", `W/"other"`); other.Code != http.StatusOK {
			t.Errorf("%s: %d for another version", path, other.Code)
		}
	}
}

func TestNothingElseIsServed(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/graphiql/assets", "/graphiql/assets/", "/graphiql/../web.go", "/graphiql//", "/graphiql/assets/../../../web.go", "/graphiql/index.html.gz", "/graphiqlx"} {
		if res := get(t, path); res.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, res.Code)
		}
	}
	for _, path := range []string{"/graphiql/", "/graphiql/index.html"} {
		if res := get(t, path); res.Code != http.StatusPermanentRedirect || res.Header().Get("Location") != "/graphiql" {
			t.Errorf("%s: %d to %q", path, res.Code, res.Header().Get("Location"))
		}
	}
}

func TestThePolicyForbidsEvalFramesAndOtherSites(t *testing.T) {
	t.Parallel()
	h := get(t, "/graphiql").Header()
	policy := h.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "connect-src 'self'"} {
		if !strings.Contains(policy, want+";") && !strings.HasSuffix(policy, want) {
			t.Errorf("the policy lacks %s: %s", want, policy)
		}
	}
	if regexp.MustCompile(`eval|https?:|\*`).MatchString(policy) {
		t.Errorf("the policy is too wide: %s", policy)
	}
	for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY", "Vary": "Accept-Encoding", "Content-Type": "text/html; charset=utf-8"} {
		if h.Get(name) != want {
			t.Errorf("%s is %q", name, h.Get(name))
		}
	}
}
