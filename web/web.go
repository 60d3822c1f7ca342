// Package web is what browsers get: GraphiQL, bundled from the sources beside
// this file by "make web" and embedded.
package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed dist/graphiql
var dist embed.FS

// policy lets the page run and load what this server gives it, and nothing
// else, in no frame. Its editor writes its own style sheets.
const policy = "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
	"font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// page is where GraphiQL is; its files are below it.
const page = "/graphiql"

// types of the files, whatever the machine's own table says.
var types = map[string]string{
	".css":  "text/css; charset=utf-8",
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".md":   "text/markdown; charset=utf-8",
	".svg":  "image/svg+xml",
	".ttf":  "font/ttf",
}

// GraphiQL returns what serves the page /graphiql and its files below. It asks
// nobody who they are: the page does, and the API refuses who does not say.
func GraphiQL() http.Handler { return http.HandlerFunc(graphiql) }

func graphiql(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, page), "/")
	switch {
	case r.URL.Path == page:
		name = "index.html"
	case name == "" || name == "index.html":
		http.Redirect(w, r, page, http.StatusPermanentRedirect)
		return
	}
	body, err := dist.ReadFile("dist/graphiql/" + name + ".gz")
	if err != nil {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	if strings.HasPrefix(name, "assets/") { // the name has a hash of the content in it
		h.Set("ETag", `W/"`+path.Base(name)+`"`)
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		h.Set("ETag", fmt.Sprintf(`W/"%x"`, sha256.Sum256(body)))
		h.Set("Cache-Control", "no-cache")
	}
	h.Set("Content-Type", types[path.Ext(name)])
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Vary", "Accept-Encoding")
	if takesGzip(r.Header.Values("Accept-Encoding")) {
		h.Set("Content-Encoding", "gzip")
	} else if body, err = unpack(body); err != nil {
		http.Error(w, "this file is damaged", http.StatusInternalServerError)
		return
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// takesGzip reports whether a header Accept-Encoding lists gzip (RFC 9110,
// section 12.5.3), which all browsers do; brotli they take only over TLS.
func takesGzip(values []string) bool {
	for item := range strings.SplitSeq(strings.Join(values, ","), ",") {
		coding, weight, _ := strings.Cut(item, ";")
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			_, q, _ := strings.Cut(weight, "=")
			return strings.Trim(q, "0. ") != "" || strings.TrimSpace(q) == ""
		}
	}
	return false
}

func unpack(body []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}
