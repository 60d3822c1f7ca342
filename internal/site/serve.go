package site

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"
)

// What Serve leaves to its caller to answer; nothing was written then.
var (
	ErrNotFound = errors.New("site: there is nothing at this path") // 404
	ErrMethod   = errors.New("site: files are only read")           // 405; Allow is set
)

// maxRanges is how many parts of a file one answer may have.
const maxRanges = 16

// Serve answers r with what the bundle has at its path. Where it has no file,
// the bundle earlier answers, unless it is nil, with a file that is named by its
// content: a page that was loaded from it may ask for it. It fails with
// ErrNotFound or ErrMethod where the caller is to answer, and with another error
// if the bundle cannot be read: that is never the client's fault.
func (l *Library) Serve(w http.ResponseWriter, r *http.Request, ref Ref, earlier *Ref) error {
	path := r.URL.Path
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		return ErrMethod
	}
	s, err := l.site(ref)
	if err != nil {
		return err
	}
	a := s.resolve(path, r.URL.RawQuery)
	if earlier != nil && a.location == "" && a.file != s.at(path) {
		if was, f := l.named(earlier, path); f != nil {
			return was.send(w, r, answer{file: f, status: http.StatusOK}, path)
		}
	}
	switch {
	case a.location != "":
		h := w.Header()
		h.Set("Location", a.location)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Length", "0")
		w.WriteHeader(a.status)
		return nil
	case a.file == nil:
		return ErrNotFound
	}
	return s.send(w, r, a, path)
}

// named is the file at a path of a bundle that may be nil or gone, if it is
// named by its content.
func (l *Library) named(ref *Ref, path string) (*Site, *File) {
	if ref == nil {
		return nil, nil
	}
	s, err := l.site(*ref)
	if err != nil { // it goes when its deployment is no longer kept
		return nil, nil
	}
	f := s.at(path)
	if f == nil || f.cache != cacheNamed {
		return nil, nil
	}
	return s, f
}

// at is the file that lies at a path, nil if none does.
func (s *Site) at(path string) *File { return s.files[norm.NFC.String(strings.TrimPrefix(path, "/"))] }

// send answers with a file: in the encoding the client prefers, whole or in
// parts, or not again if the client has it (RFC 9110).
func (s *Site) send(w http.ResponseWriter, r *http.Request, a answer, path string) error {
	f := a.file
	blob, encoding := f.choose(r.Header.Values("Accept-Encoding"))
	content, err := s.root.Open(blobPath(blob.SHA256))
	if err != nil {
		return fmt.Errorf("%s: %w", f.Path, err)
	}
	defer content.Close()
	h := w.Header()
	h.Set("Content-Type", f.mime)
	h.Set("X-Content-Type-Options", "nosniff")
	switch {
	case a.status != http.StatusOK:
		h.Set("Cache-Control", cachePage)
	case f.cache == cacheNamed && path != "/"+f.Path: // by a rule, at an address that may get another file
		h.Set("Cache-Control", cacheFile)
	default:
		h.Set("Cache-Control", f.cache)
	}
	s.addHeaders(h, path)
	if f.Gzip != nil || f.Brotli != nil {
		h.Add("Vary", "Accept-Encoding")
	}
	if encoding != "" {
		h.Set("Content-Encoding", encoding)
	}
	if a.status != http.StatusOK { // an error has neither parts nor a version
		h.Set("Content-Length", strconv.FormatInt(blob.Size, 10))
		w.WriteHeader(a.status)
		if r.Method == http.MethodGet {
			_, _ = io.CopyN(w, content, blob.Size) // fails if the client is gone
		}
		return nil
	}
	h.Set("Etag", `"`+blob.SHA256.String()[:32]+`"`)
	if strings.Count(r.Header.Get("Range"), ",") >= maxRanges {
		r = r.Clone(r.Context())
		r.Header.Del("Range")
	}
	if encoding != "" {
		w = &sized{w, blob.Size}
	}
	http.ServeContent(w, r, "", time.Time{}, content)
	return nil
}

// sized says how long a whole answer is where ServeContent, which cannot know
// who compresses, does not.
type sized struct {
	http.ResponseWriter
	size int64
}

func (w *sized) WriteHeader(status int) {
	if status == http.StatusOK {
		w.Header().Set("Content-Length", strconv.FormatInt(w.size, 10))
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w *sized) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// ReadFrom lets the kernel copy.
func (w *sized) ReadFrom(r io.Reader) (int64, error) { return io.Copy(w.ResponseWriter, r) }
