// Package web is what browsers get: the console and GraphiQL, bundled from the
// sources beside this file by "make web" and embedded. It asks nobody who they
// are: the pages do, and the API refuses who does not say.
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

//go:embed dist/console dist/graphiql
var dist embed.FS

// types of the files, whatever the machine's own table says.
var types = map[string]string{
	".css":   "text/css; charset=utf-8",
	".html":  "text/html; charset=utf-8",
	".js":    "text/javascript; charset=utf-8",
	".json":  "application/json",
	".md":    "text/markdown; charset=utf-8",
	".png":   "image/png",
	".svg":   "image/svg+xml",
	".ttf":   "font/ttf",
	".woff2": "font/woff2",
}

// index is the page that runs the rest of a bundle.
const index = "index.html"

// bundle is what a directory of dist has.
type bundle struct {
	dir    string
	policy string // Content-Security-Policy
}

// read returns a file as it is embedded: compressed.
func (b bundle) read(name string) ([]byte, bool) {
	body, err := dist.ReadFile("dist/" + b.dir + "/" + name + ".gz") // refuses what leaves dist
	return body, err == nil
}

// send answers r with a file of the bundle.
func (b bundle) send(w http.ResponseWriter, r *http.Request, name string, body []byte) {
	h := w.Header()
	if strings.HasPrefix(name, "assets/") { // the name has a hash of the content in it
		h.Set("ETag", `W/"`+path.Base(name)+`"`)
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		h.Set("ETag", fmt.Sprintf(`W/"%x"`, sha256.Sum256(body)))
		h.Set("Cache-Control", "no-cache")
	}
	h.Set("Content-Type", types[path.Ext(name)])
	h.Set("Content-Security-Policy", b.policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", features)
	h.Add("Vary", "Accept-Encoding")
	if takesGzip(r.Header.Values("Accept-Encoding")) {
		h.Set("Content-Encoding", "gzip")
	} else {
		var err error
		if body, err = unpack(body); err != nil {
			http.Error(w, "this file is damaged", http.StatusInternalServerError)
			return
		}
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// features of a browser that no page of ours needs, and so no script in one
// gets.
const features = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), hid=(), magnetometer=(), microphone=(), midi=(), payment=(), serial=(), usb=()"

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
