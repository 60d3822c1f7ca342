package proxy_test

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/davitdev/davit/internal/proxy"
)

func TestForwardedHeaders(t *testing.T) {
	t.Parallel()
	show := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, values := range r.Header {
			if strings.HasPrefix(strings.ToLower(name), "x") || name == "Forwarded" {
				fmt.Fprintf(w, "%s=%s\n", name, strings.Join(values, "|"))
			}
		}
	})
	hostile := "GET / HTTP/1.1\r\nHost: Shop.localhost:99\r\nConnection: close, X-Forwarded-Proto\r\n" +
		"X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 7.7.7.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\n" +
		"X-Forwarded-Port: 1\r\nX-Forwarded-Prefix: /evil\r\nX_Forwarded_For: 8.8.8.8\r\nX-Real-IP: 6.6.6.6\r\n" +
		"Forwarded: for=6.6.6.6\r\nX-Request-Id: mine\r\n\r\n"

	for name, trusted := range map[string][]netip.Prefix{
		"a stranger is not believed":   {netip.MustParsePrefix("10.0.0.0/8")},
		"a trusted peer's chain grows": {netip.MustParsePrefix("127.0.0.0/8")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target, _ := serve(t, show)
			p := start(t, func(o *proxy.Options) { o.Trusted = trusted })
			p.push(routeTo(target))
			_, body, _ := strings.Cut(raw(t, p.addr, hostile), "\r\n\r\n")
			_, port, _ := net.SplitHostPort(p.addr)
			got := map[string]string{}
			for line := range strings.Lines(body) {
				name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
				got[name] = value
			}
			want := map[string]string{
				"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http",
				"X-Forwarded-Host": "Shop.localhost:99", "X-Forwarded-Port": port,
			}
			if trusted[0].Addr().IsLoopback() {
				want = map[string]string{
					"X-Forwarded-For": "6.6.6.6, 7.7.7.7, 127.0.0.1", "X-Forwarded-Proto": "https",
					"X-Forwarded-Host": "evil", "X-Forwarded-Port": "1", "X-Request-Id": "mine",
				}
			} else if id := got["X-Request-Id"]; len(id) != 26 {
				t.Errorf("request id %q", id)
			} else {
				delete(got, "X-Request-Id")
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("headers (-want +got):\n%s", diff)
			}
		})
	}
}
