package proxy_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/davitdev/davit/internal/proxy"
)

var update = flag.Bool("update", false, "rewrite the golden files with what the tests produce")

// golden compares got with testdata/name.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (run with -update to create it)", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got); run with -update if this is intended\n%s", path, diff)
	}
}

var requestID = regexp.MustCompile(`\b[A-Z2-7]{26}\b`)

func TestPages(t *testing.T) {
	t.Parallel()
	dead := refusing(t)
	broken, _ := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	p := start(t, nil)
	p.push(
		proxy.Route{Host: "new.localhost", State: proxy.NotDeployed},
		proxy.Route{Host: "starting.localhost", State: proxy.Starting},
		proxy.Route{Host: "stopped.localhost", State: proxy.Stopped},
		proxy.Route{Host: "crashed.localhost", State: proxy.Crashed},
		proxy.Route{Host: "odd.localhost", State: "SLEEPING"},
		proxy.Route{Host: "dead.localhost", Targets: []proxy.Target{dead}},
		proxy.Route{Host: "broken.localhost", Targets: []proxy.Target{broken}},
	)
	c := client(t, p.addr)
	var summary strings.Builder
	for _, name := range []string{"nobody", "new", "starting", "stopped", "crashed", "odd", "dead", "broken"} {
		for _, accept := range []string{"text/html,application/xhtml+xml,*/*;q=0.8", "application/json", "application/json, text/html", ""} {
			req, _ := http.NewRequest(http.MethodGet, "http://"+name+".localhost/x", nil)
			if accept != "" {
				req.Header.Set("Accept", accept)
			}
			req.Header.Set("X-Request-Id", "chosen-by-a-stranger")
			res, err := c.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			b, _ := io.ReadAll(res.Body)
			res.Body.Close()
			body := string(b)
			if id := res.Header.Get("X-Request-Id"); !requestID.MatchString(id) || !strings.Contains(body, id) {
				t.Errorf("%s: request id %q is not in the page", name, id)
			}
			for _, secret := range []string{"127.", dead.Addr.String(), "connection refused", "rep_"} {
				if strings.Contains(body, secret) {
					t.Errorf("%s tells %q:\n%s", name, secret, body)
				}
			}
			if res.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s may be cached", name)
			}
			body = requestID.ReplaceAllString(body, "REQUESTID")
			if strings.HasPrefix(accept, "text/html") {
				if regexp.MustCompile(`(?i)(src|href)=|url\(|@import|<script`).MatchString(body) {
					t.Errorf("%s asks for something else:\n%s", name, body)
				}
				if name == "starting" || name == "nobody" {
					golden(t, name+".html", body)
				}
				continue
			}
			var v struct {
				Error struct{ Code, Message, RequestID string }
			}
			if err := json.Unmarshal(b, &v); err != nil || v.Error.Code == "" || v.Error.Message == "" || v.Error.RequestID == "" {
				t.Errorf("%s: %q: %v", name, body, err)
			}
			if accept == "" {
				fmt.Fprintf(&summary, "%s %d retry=%s %s", name, res.StatusCode, res.Header.Get("Retry-After"), body)
			}
		}
		res, err := c.Head("http://" + name + ".localhost/") //nolint:bodyclose // has none
		if err != nil || res.ContentLength < 50 {
			t.Errorf("HEAD %s: %v %v", name, res, err)
		}
	}
	golden(t, "pages.txt", summary.String())
}

func TestPagesEscapeWhatTheClientSent(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	for _, host := range []string{"'onmouseover=alert(1)", "a&b", "(x)", "$y;'z"} {
		got := raw(t, p.addr, "GET /<script> HTTP/1.1\r\nHost: "+host+"\r\nAccept: text/html\r\nX-Request-Id: <b>\r\nConnection: close\r\n\r\n")
		_, body, _ := strings.Cut(got, "\r\n\r\n")
		if strings.Contains(body, "'onmouse") || strings.Contains(body, "a&b") || strings.Contains(body, ";'z") || strings.Contains(body, "<script") || strings.Contains(body, "<b>") {
			t.Errorf("%s: %s", host, got)
		}
	}
}
