package site

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
)

// BenchmarkServe answers requests without a network: for a page, whole, in its
// best encoding and with "not modified", and for a small script.
func BenchmarkServe(b *testing.B) {
	store, err := OpenStore(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	w := store.Write(b.Context(), Options{})
	for i := range 1000 {
		if err := w.Add(fmt.Sprintf("docs/%d.html", i), strings.NewReader("x")); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Add("index.html", strings.NewReader(page)); err != nil {
		b.Fatal(err)
	}
	if err := w.Add("assets/app-B4yq2Zc1.js", strings.NewReader("x")); err != nil {
		b.Fatal(err)
	}
	bundle, err := w.Commit()
	if err != nil {
		b.Fatal(err)
	}
	library := NewLibrary(1 << 20)
	defer library.Close()
	ref := Ref{store.Dir(), bundle.ID}
	ask := func(path string, headers ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, path, http.NoBody)
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		rec := httptest.NewRecorder()
		if err := library.Serve(rec, r, ref, nil); err != nil {
			b.Fatal(err)
		}
		return rec
	}
	tag := ask("/").Header().Get("Etag")
	for name, in := range map[string][]string{
		"whole": {"/"}, "brotli": {"/", "Accept-Encoding", "gzip, br"}, "not modified": {"/", "If-None-Match", tag}, "named by its content": {"/assets/app-B4yq2Zc1.js"},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				ask(in[0], in[1:]...)
			}
		})
	}
}

// BenchmarkWrite writes a site of 100 pages of 20 KB, and the same again with
// one page changed.
func BenchmarkWrite(b *testing.B) {
	text := func(n int) string {
		var s strings.Builder
		for i := range 400 {
			fmt.Fprintf(&s, "<p id=%d>%x of page %d</p>\n", i, uint64(i*n+7)*0x9e3779b97f4a7c15, n)
		}
		return s.String()
	}
	write := func(b *testing.B, store *Store, o Options, changed string) string {
		w := store.Write(b.Context(), o)
		defer w.Close()
		for i := range 100 {
			if err := w.Add(fmt.Sprintf("docs/%d.html", i), strings.NewReader(text(i))); err != nil {
				b.Fatal(err)
			}
		}
		if err := w.Add("index.html", strings.NewReader(changed+text(1000))); err != nil {
			b.Fatal(err)
		}
		bundle, err := w.Commit()
		if err != nil {
			b.Fatal(err)
		}
		return bundle.ID
	}
	open := func(b *testing.B) *Store {
		store, err := OpenStore(filepath.Join(b.TempDir(), rand.Text()))
		if err != nil {
			b.Fatal(err)
		}
		return store
	}
	b.Run("new", func(b *testing.B) {
		for b.Loop() {
			store := open(b)
			write(b, store, Options{}, "")
			store.Close()
		}
	})
	b.Run("one page changed", func(b *testing.B) {
		store := open(b)
		defer store.Close()
		id := write(b, store, Options{}, "")
		for n := 0; b.Loop(); n++ {
			write(b, store, Options{Like: []string{id}}, fmt.Sprint(n))
		}
	})
}
