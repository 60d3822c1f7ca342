package web

import (
	"net/http"
	"strings"
)

// graphiqlPolicy lets the page run and load what this server gives it, and
// nothing else, in no frame. Its editor writes its own style sheets.
const graphiqlPolicy = "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
	"font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// page is where GraphiQL is; its files are below it.
const page = "/graphiql"

// GraphiQL returns what serves the page /graphiql and its files below.
func GraphiQL() http.Handler { return http.HandlerFunc(graphiql) }

func graphiql(w http.ResponseWriter, r *http.Request) {
	b := bundle{dir: "graphiql", policy: graphiqlPolicy}
	name := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, page), "/")
	switch {
	case r.URL.Path == page:
		name = index
	case name == "" || name == index:
		http.Redirect(w, r, page, http.StatusPermanentRedirect)
		return
	}
	body, ok := b.read(name)
	if !ok {
		http.NotFound(w, r)
		return
	}
	b.send(w, r, name, body)
}
