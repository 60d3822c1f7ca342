//go:build unix

package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestPagesOfOtherSitesNeedTheirOrigin(t *testing.T) {
	t.Parallel()

	const console = "https://console.example.com"
	api := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	for name, tt := range map[string]struct {
		allowed         []string
		origin, headers string
		want            string // Access-Control-Allow-Origin
	}{
		"the allowed one":             {[]string{console}, console, "authorization,content-type", console},
		"another":                     {[]string{console}, "https://evil.example", "authorization", ""},
		"one that begins like it":     {[]string{console}, console + ".evil.example", "authorization", ""},
		"the same by plain http":      {[]string{console}, "http://console.example.com", "authorization", ""},
		"none that can be named":      {[]string{console}, "null", "authorization", ""},
		"with a header nobody allows": {[]string{console}, console, "x-forwarded-for", ""},
		"where none is allowed":       {nil, console, "authorization", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := allowOrigins(tt.allowed, api)
			preflight := httptest.NewRequest(http.MethodOptions, "/graphql", nil)
			preflight.Header.Set("Origin", tt.origin)
			preflight.Header.Set("Access-Control-Request-Method", http.MethodPost)
			preflight.Header.Set("Access-Control-Request-Headers", tt.headers)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, preflight)
			got := w.Result().Header
			if got.Get("Access-Control-Allow-Origin") != tt.want || got.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("the preflight is answered with %v", got)
			}
			if tt.want != "" && (got.Get("Access-Control-Allow-Methods") != http.MethodPost || got.Get("Access-Control-Allow-Headers") != tt.headers) {
				t.Errorf("the preflight allows %v", got)
			}
			post := httptest.NewRequest(http.MethodPost, "/graphql", nil)
			post.Header.Set("Origin", tt.origin)
			w = httptest.NewRecorder()
			h.ServeHTTP(w, post)
			if got := w.Result().Header.Get("Access-Control-Allow-Origin"); tt.headers != "x-forwarded-for" && got != tt.want {
				t.Errorf("the answer may be read by %q", got)
			}
		})
	}
}
