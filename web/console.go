package web

import (
	"net/http"
	"strings"
)

// consolePolicy lets the console run and load what this server gives it, and
// nothing else, in no frame. There is no style or script in its pages.
const consolePolicy = "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; " +
	"connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Console returns what serves the console at / and its files. Which page a path
// is for, the console itself knows: what is no file is answered with the same
// document, if a page is asked for.
func Console() http.Handler { return http.HandlerFunc(console) }

func console(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "There are only pages here; the API is at /graphql.", http.StatusMethodNotAllowed)
		return
	}
	b := bundle{dir: "console", policy: consolePolicy}
	name := strings.TrimPrefix(r.URL.Path, "/")
	if name == index {
		http.Redirect(w, r, "/", http.StatusPermanentRedirect)
		return
	}
	if body, ok := b.read(name); ok && name != "" {
		b.send(w, r, name, body)
		return
	}
	w.Header().Set("Vary", "Accept")
	body, ok := b.read(index)
	if !ok || strings.HasPrefix(name, "assets/") || name != "" && !takesPage(r.Header.Values("Accept")) {
		http.NotFound(w, r)
		return
	}
	b.send(w, r, index, body)
}

// takesPage reports whether a header Accept asks for a page by name, as browsers
// do for what is to be shown.
func takesPage(values []string) bool { return strings.Contains(strings.Join(values, ","), "text/html") }
