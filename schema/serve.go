package schema

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Handler serves the whole schema as text, to anybody, and not again to who
// has it.
func Handler() (http.Handler, error) {
	sdl, err := SDL()
	if err != nil {
		return nil, err
	}
	tag := fmt.Sprintf(`"%x"`, sha256.Sum256([]byte(sdl)))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "text/plain; charset=utf-8")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-cache")
		h.Set("ETag", tag)
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(sdl))
	}), nil
}
