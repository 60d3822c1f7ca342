package proxy_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/davitdev/davit/internal/proxy"
)

func TestHosts(t *testing.T) {
	t.Parallel()
	target, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "app ", r.URL.Path) }))
	p := start(t, nil)
	p.push(routeTo(target), proxy.Route{Host: "[2001:DB8::1]", Targets: []proxy.Target{target}})
	tests := []struct{ name, request, status string }{
		{"the plain name", "GET / HTTP/1.1\r\nHost: shop.localhost", "200"},
		{"upper case", "GET / HTTP/1.1\r\nHost: SHOP.LocalHost", "200"},
		{"a port", "GET / HTTP/1.1\r\nHost: shop.localhost:8080", "200"},
		{"a trailing dot", "GET / HTTP/1.1\r\nHost: shop.localhost.", "200"},
		{"dot and port", "GET / HTTP/1.1\r\nHost: shop.localhost.:8080", "200"},
		{"absolute form counts more than Host", "GET http://shop.localhost/x HTTP/1.1\r\nHost: other", "200"},
		{"absolute form without a path", "GET http://shop.localhost HTTP/1.1\r\nHost: other", "200"},
		{"absolute form for another host", "GET http://other/ HTTP/1.1\r\nHost: shop.localhost", "404"},
		{"IPv6", "GET / HTTP/1.1\r\nHost: [2001:db8::1]", "200"},
		{"IPv6 with a port", "GET / HTTP/1.1\r\nHost: [2001:db8::1]:8080", "200"},
		{"a bracket that stays open", "GET / HTTP/1.1\r\nHost: [2001:db8::1", "404"},
		{"an empty host", "GET / HTTP/1.1\r\nHost:", "404"},
		{"no host", "GET / HTTP/1.1", "400"},
		{"two hosts", "GET / HTTP/1.1\r\nHost: shop.localhost\r\nHost: other", "400"},
		{"a blank", "GET / HTTP/1.1\r\nHost: a b", "400"},
		{"control characters", "GET / HTTP/1.1\r\nHost: shop\x00.localhost", "400"},
		{"a slash", "GET / HTTP/1.1\r\nHost: shop.localhost/x", "400"},
		{"a long name", "GET / HTTP/1.1\r\nHost: " + strings.Repeat("a", 5000), "404"},
		{"a name over the limit of headers", "GET / HTTP/1.1\r\nHost: " + strings.Repeat("a", 80<<10), "431"},
		{"a subdomain is another host", "GET / HTTP/1.1\r\nHost: x.shop.localhost", "404"},
		{"a proxy's method", "CONNECT shop.localhost:80 HTTP/1.1\r\nHost: shop.localhost", "400"},
		{"a target without a path", "GET http:shop HTTP/1.1\r\nHost: shop.localhost", "400"},
		{"two lengths", "POST / HTTP/1.1\r\nHost: shop.localhost\r\nContent-Length: 1\r\nContent-Length: 2", "400"},
		{"two framings", "POST / HTTP/1.1\r\nHost: shop.localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked, identity", "501"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := raw(t, p.addr, tt.request+"\r\nConnection: close\r\n\r\n")
			if !strings.HasPrefix(got, "HTTP/1.1 "+tt.status+" ") {
				t.Errorf("got %.200q, want %s", got, tt.status)
			}
		})
	}
}

func TestPathsAndPrefixes(t *testing.T) {
	t.Parallel()
	target, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.RequestURI) }))
	p := start(t, nil)
	to := []proxy.Target{target}
	p.push(
		proxy.Route{Host: "a.localhost", Path: "/api/", Deployment: "one", Targets: to},
		proxy.Route{Host: "a.localhost", Path: "/api/v2", Deployment: "two", Targets: to},
		proxy.Route{Host: "a.localhost", Path: "/é", Deployment: "three", Targets: to},
	)
	c := client(t, p.addr)
	for path, want := range map[string]string{
		"/api":            "one",
		"/api/":           "one",
		"/api/x?q=/api":   "one",
		"/api/a%2Fb":      "one",
		"/%61pi/a%2Fb":    "one",
		"/api//x":         "one",
		"/api/v2/x":       "two",
		"/api/v22":        "one",
		"/%C3%A9/%C3%A9x": "three",
		"/apix":           "404",
		"/":               "404",
	} {
		got := get(t, c, "http://a.localhost"+path)
		by := got.header.Get("X-Davit-Deployment")
		if got.status != http.StatusOK {
			by = fmt.Sprint(got.status)
		} else if got.body != path { // the application sees it as it came
			t.Errorf("%s: the application saw %s", path, got.body)
		}
		if by != want {
			t.Errorf("%s: got %s, want %s", path, by, want)
		}
	}
}
