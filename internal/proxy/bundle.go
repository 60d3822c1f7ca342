package proxy

import (
	"errors"
	"net/http"
	"path/filepath"
	"time"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/site"
)

// Bundle is a static site: the proxy itself answers with its files.
type Bundle struct {
	Dir string `json:"dir"` // of the store that has it, absolute
	ID  string `json:"id"`  // content address
}

// manifests bounds what the lists of files of all sites take in memory, in
// bytes. Those of sites that nobody visits are read again when somebody does.
const manifests = 32 << 20

func (b *Bundle) validate(r *Route) error {
	switch {
	case b == nil:
		return nil
	case len(r.Targets) > 0:
		return fault.At("routes.bundle", fault.Invalid, "%s has targets and a bundle.", r.Host)
	case !filepath.IsAbs(b.Dir) || filepath.Clean(b.Dir) != b.Dir:
		return fault.At("routes.bundle.dir", fault.Invalid, "%q is no directory to find a bundle in.", b.Dir)
	}
	if _, err := site.ParseSum(b.ID); err != nil {
		return fault.At("routes.bundle.id", fault.Invalid, "%q is no bundle.", b.ID)
	}
	return nil
}

func (b *Bundle) ref() *site.Ref { return &site.Ref{Dir: b.Dir, ID: b.ID} }

// serveBundle answers with a file of the route's bundle, or with a page.
func (s *server) serveBundle(w http.ResponseWriter, r *http.Request, rt *route) {
	if rt.deployment != nil {
		w.Header()["X-Davit-Deployment"] = rt.deployment
	}
	err := s.library.Serve(w, r, *rt.Bundle.ref(), rt.earlier.ref(time.Now()))
	switch {
	case err == nil:
	case errors.Is(err, site.ErrNotFound):
		s.page(w, r, pageNoFile, "")
	case errors.Is(err, site.ErrMethod):
		s.page(w, r, pageMethod, "")
	default:
		rt.count.failures.Add(1)
		s.log.ErrorContext(r.Context(), "a static site cannot be read", "instance", rt.Instance, "bundle", rt.Bundle.ID, "error", err)
		s.page(w, r, pageUnavailable, "")
	}
}
