package e2e

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
)

// slowRegistry is the test registry behind a gate: what is asked for while the
// gate is shut waits until it opens.
type slowRegistry struct {
	host  string
	asked atomic.Int32 // manifests that wait or waited
	open  func()
}

// slowRegistry starts one, shut.
func (h *house) slowRegistry() *slowRegistry {
	h.t.Helper()
	to, err := url.Parse("http://" + h.registry)
	if err != nil {
		h.t.Fatal(err)
	}
	gate := make(chan struct{})
	r := &slowRegistry{open: sync.OnceFunc(func() { close(gate) })}
	proxy := httputil.NewSingleHostReverseProxy(to)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if strings.Contains(req.URL.Path, "/manifests/") {
			r.asked.Add(1)
			select {
			case <-gate:
			case <-req.Context().Done():
				return
			}
		}
		proxy.ServeHTTP(w, req)
	}))
	h.t.Cleanup(srv.Close)
	h.t.Cleanup(r.open) // first
	r.host = strings.TrimPrefix(srv.URL, "http://")
	return r
}

// image is the name of a version of the test application in this registry. The
// engine forgets it at the end of the test.
func (r *slowRegistry) image(h *house, version string) string {
	ref := r.host + "/davit-test/app:" + version
	ctx := context.WithoutCancel(h.ctx)
	h.t.Cleanup(func() { h.engine.untag(ctx, ref) })
	return ref
}
