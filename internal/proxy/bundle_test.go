package proxy_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/proxy"
	"github.com/davitdev/davit/internal/site"
)

// sites is a store of static sites in a directory of its own.
func sites(t *testing.T) *site.Store {
	t.Helper()
	s, err := site.OpenStore(filepath.Join(t.TempDir(), "sites"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// bundle writes files, whose content comes after their paths.
func bundle(t *testing.T, s *site.Store, files ...string) *proxy.Bundle {
	t.Helper()
	w := s.Write(t.Context(), site.Options{})
	defer w.Close()
	for i := 0; i < len(files); i += 2 {
		if err := w.Add(files[i], strings.NewReader(files[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	b, err := w.Commit()
	if err != nil {
		t.Fatal(err)
	}
	return &proxy.Bundle{Dir: s.Dir(), ID: b.ID}
}

func siteRoute(b *proxy.Bundle) proxy.Route {
	return proxy.Route{Host: "shop.localhost", Instance: "ins_1", Deployment: "dep_1", Bundle: b}
}

func TestStaticSitesAreServed(t *testing.T) {
	t.Parallel()
	store := sites(t)
	b := bundle(t, store, "index.html", "home", "docs/index.html", "docs", "a b.txt", "spaced", "_redirects", "/old /docs/")
	p := start(t, nil)
	p.push(siteRoute(b))

	c := client(t, p.addr)
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for path, want := range map[string]string{
		"/": "200 home ", "/docs/": "200 docs ", "/docs": "307  /docs/", "/a%20b.txt": "200 spaced ", "/old?x=1": "301  /docs/?x=1", "//docs/": "308  /docs/",
	} {
		got := get(t, c, "http://shop.localhost"+path)
		if have := fmt.Sprint(got.status, " ", got.body, " ", got.header.Get("Location")); have != want {
			t.Errorf("%s: %q, want %q", path, have, want)
		}
		if got.header.Get("X-Davit-Deployment") != "dep_1" || got.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: headers %v", path, got.header)
		}
	}
	if got := get(t, c, "http://shop.localhost/nothing"); got.status != 404 || !strings.Contains(got.body, "FILE_NOT_FOUND") {
		t.Errorf("nothing: %d %s", got.status, got.body)
	}
	res, err := c.Post("http://shop.localhost/", "text/plain", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 405 || res.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("post: %d %v", res.StatusCode, res.Header)
	}
	if got := raw(t, p.addr, "GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: shop.localhost\r\nConnection: close\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 308") {
		t.Errorf("a way out: %s", got)
	}
}

// A switch between sites, and between a site and an application, drops nothing.
func TestSwitchesOfSitesDropNothing(t *testing.T) {
	t.Parallel()
	store := sites(t)
	p := start(t, nil)
	app, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "version app") }))
	routes := []proxy.Route{routeTo(app)}
	for i := range 5 {
		routes = append(routes, siteRoute(bundle(t, store, "index.html", fmt.Sprint("version ", i))))
	}
	p.push(routes[0])
	c := client(t, p.addr)
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				res, err := c.Get("http://shop.localhost/")
				if err != nil {
					t.Error(err)
					return
				}
				body, err := io.ReadAll(res.Body)
				res.Body.Close()
				if res.StatusCode != 200 || err != nil || !strings.HasPrefix(string(body), "version ") {
					t.Errorf("%d %q %v", res.StatusCode, body, err)
					return
				}
			}
		})
	}
	for i := range 60 {
		now := routes[i%len(routes)]
		p.push(now)
		if got := get(t, c, "http://shop.localhost/").body; now.Bundle != nil && got != fmt.Sprint("version ", i%len(routes)-1) {
			t.Errorf("push %d is in force, and %q answers", i, got)
		}
	}
	close(done)
	wg.Wait()
	stats, err := p.Stats(t.Context())
	if err != nil || stats.Routes[0].Failures != 0 || stats.Routes[0].Requests < 60 || stats.Routes[0].Bundle != routes[5].Bundle.ID {
		t.Errorf("stats %+v, %v", stats, err)
	}
}

// A page of the deployment before finds the scripts it was loaded with, and
// nothing else of that deployment is there.
func TestPagesOfTheSiteBeforeFindTheirScripts(t *testing.T) {
	t.Parallel()
	store := sites(t)
	const one, two, three = "assets/app-B4yq2Zc1.js", "assets/app-C5zr3Ad2.js", "assets/app-D6as4Be3.js"
	b := []*proxy.Bundle{
		bundle(t, store, "index.html", "1", one, "one", "old.html", "old", "old.txt", "old", "404.html", "none", "_redirects", "/latest.js /"+one+" 200"),
		bundle(t, store, "index.html", "2", two, "two", "404.html", "none"),
		bundle(t, store, "index.html", "3", three, "three", "_redirects", "/* /index.html 200"), // which hides no script
	}
	p := start(t, nil)
	c := client(t, p.addr)
	n := 0
	deploy := func(b *proxy.Bundle) {
		t.Helper()
		n++
		r := siteRoute(b)
		r.Deployment = fmt.Sprint("dep_", n)
		p.push(r)
		p.push(r) // for another reason
	}
	check := func(when string, want map[string]int) {
		t.Helper()
		for path, status := range want {
			got := get(t, c, "http://shop.localhost/"+path)
			if got.status != status {
				t.Errorf("%s: %s is %d %s, want %d", when, path, got.status, got.body, status)
			}
			if status == 200 && path != "" && got.header.Get("Cache-Control") != "public, max-age=31536000, immutable" {
				t.Errorf("%s: %s has the headers %v", when, path, got.header)
			}
		}
	}
	deploy(b[0])
	check("of the first", map[string]int{one: 200, two: 404})
	deploy(b[1])
	check("after the second", map[string]int{"": 200, one: 200, two: 200, three: 404, "old": 404, "old.txt": 404, "latest.js": 404})
	deploy(b[2])
	check("after the third", map[string]int{two: 200, three: 200})
	deploy(b[1])
	check("on the way back", map[string]int{one: 404, two: 200, three: 200})
	deploy(b[1])
	check("after the same again", map[string]int{two: 200, three: 200})

	others := siteRoute(b[0])
	others.Instance = "ins_2"
	p.push(others)
	check("when the host is another's", map[string]int{one: 200, two: 404})
	deploy(b[1])
	check("when it is back", map[string]int{one: 404, two: 200})
}

func TestSitesAreServedWithoutAControlPlane(t *testing.T) {
	t.Parallel()
	store := sites(t)
	b := bundle(t, store, "index.html", "home")
	first := start(t, nil)
	first.push(siteRoute(b))
	first.stop()
	second := start(t, func(o *proxy.Options) { o.Data = first.data })
	if got := get(t, client(t, second.addr), "http://shop.localhost/"); got.status != 200 || got.body != "home" {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestASiteThatIsGoneHasAPage(t *testing.T) {
	t.Parallel()
	store := sites(t)
	b := bundle(t, store, "index.html", "home")
	p := start(t, nil)
	p.push(siteRoute(b))
	if err := os.RemoveAll(filepath.Join(store.Dir(), "bundles")); err != nil {
		t.Fatal(err)
	}
	got := get(t, client(t, p.addr), "http://shop.localhost/")
	stats, err := p.Stats(t.Context())
	if got.status != 503 || !strings.Contains(got.body, "APP_UNAVAILABLE") || err != nil || stats.Routes[0].Failures != 1 {
		t.Errorf("%d %s, %+v, %v", got.status, got.body, stats, err)
	}
}

func TestTablesWithBrokenBundlesAreRefused(t *testing.T) {
	t.Parallel()
	id := strings.Repeat("a", 64)
	target := targetAt(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1})
	for name, r := range map[string]proxy.Route{
		"relative":  {Host: "a", Bundle: &proxy.Bundle{Dir: "sites", ID: id}},
		"not clean": {Host: "a", Bundle: &proxy.Bundle{Dir: "/a/../b", ID: id}},
		"no id":     {Host: "a", Bundle: &proxy.Bundle{Dir: "/a"}},
		"a path":    {Host: "a", Bundle: &proxy.Bundle{Dir: "/a", ID: "../x"}},
		"both":      {Host: "a", Bundle: &proxy.Bundle{Dir: "/a", ID: id}, Targets: []proxy.Target{target}},
	} {
		table := proxy.Table{Version: 1, Routes: []proxy.Route{r}}
		if err := table.Validate(); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	table := proxy.Table{Version: 1, Routes: []proxy.Route{{Host: "a", Bundle: &proxy.Bundle{Dir: "/a", ID: id}}}}
	if err := table.Validate(); err != nil {
		t.Error(err)
	}
}
