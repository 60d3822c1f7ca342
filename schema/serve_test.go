package schema_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/davitdev/davit/schema"
)

func TestTheSchemaIsSentOnce(t *testing.T) {
	t.Parallel()
	h, err := schema.Handler()
	if err != nil {
		t.Fatal(err)
	}
	get := func(tag string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, "/schema.graphql", nil)
		r.Header.Set("If-None-Match", tag)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	sdl, err := schema.SDL()
	if err != nil {
		t.Fatal(err)
	}
	first := get(`"another"`)
	if first.Code != http.StatusOK || first.Body.String() != sdl || first.Header().Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("first: %d %v, %d bytes", first.Code, first.Header(), first.Body.Len())
	}
	if again := get(first.Header().Get("ETag")); again.Code != http.StatusNotModified || again.Body.Len() != 0 {
		t.Errorf("again: %d, %d bytes", again.Code, again.Body.Len())
	}
}
