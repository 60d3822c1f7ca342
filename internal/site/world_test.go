package site

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// page is long enough to be compressed.
var page = "<!doctype html><title>Davit</title>" + strings.Repeat("<p>A davit is the crane that lowers a boat safely into the water.</p>\n", 40)

// world is a store with a library that reads it.
type world struct {
	*testing.T
	store   *Store
	library *Library
}

func newWorld(t *testing.T) *world {
	t.Helper()
	store, err := OpenStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, store: store, library: NewLibrary(1 << 20)}
	t.Cleanup(func() {
		if err := w.library.Close(); err != nil {
			t.Error(err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// bundle writes the files, whose paths come with their content.
func (w *world) bundle(files map[string]string, o Options) Bundle {
	w.Helper()
	b, err := w.try(files, o)
	if err != nil {
		w.Fatal(err)
	}
	return b
}

func (w *world) try(files map[string]string, o Options) (Bundle, error) {
	wr := w.store.Write(w.Context(), o)
	defer wr.Close()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		var err error
		if target, ok := strings.CutPrefix(files[name], "-> "); ok {
			err = wr.Link(name, target)
		} else {
			err = wr.Add(name, strings.NewReader(files[name]))
		}
		if err != nil {
			return Bundle{}, err
		}
	}
	return wr.Commit()
}

// ask sends a request to a bundle; headers come as "Name: value".
func (w *world) ask(b Bundle, method, target string, headers ...string) reply {
	w.Helper()
	r := httptest.NewRequest(method, target, http.NoBody)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	rec := httptest.NewRecorder()
	switch err := w.library.Serve(rec, r, Ref{w.store.Dir(), b.ID}, nil); {
	case err == nil:
	case errors.Is(err, ErrNotFound):
		rec.WriteHeader(http.StatusNotFound)
	case errors.Is(err, ErrMethod):
		rec.WriteHeader(http.StatusMethodNotAllowed)
	default:
		w.Fatal(err)
	}
	res := rec.Result()
	defer res.Body.Close()
	return reply{res.StatusCode, res.Header, bytes.NewReader(rec.Body.Bytes()), res.ContentLength}
}

// reply is an answer that was read whole.
type reply struct {
	StatusCode    int
	Header        http.Header
	Body          io.Reader
	ContentLength int64
}

// siteOf makes a site of paths alone.
func siteOf(spa bool, rules string, paths ...string) *Site {
	m := &Manifest{Format: format, SPA: spa}
	m.Redirects, _ = parseRedirects([]byte(rules))
	for _, p := range paths {
		m.Files = append(m.Files, File{Path: p})
	}
	return newSite(nil, m)
}
