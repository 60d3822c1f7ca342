package site

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"path"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/davitdev/davit/internal/fault"
)

// Options say what a bundle is to be.
type Options struct {
	SPA bool // what no file is at is answered with 200.html or index.html
	// Like are ids of earlier bundles: what they have compressed is not
	// compressed again. Those that are gone do not matter.
	Like   []string
	Skip   func(name string) bool // paths that are not part of the site; nil: all are
	Limits Limits
}

// Bundle is what a Writer made.
type Bundle struct {
	ID    string // hex digits of the manifest's SHA-256
	Files int
	Bytes int64 // of all files, without their compressed forms
	Had   bool  // an equal bundle was there
	// Notes are sentences for whoever sent the site: lines of its rules that
	// are not followed, files that are not served.
	Notes []string
}

// Writer makes a bundle of files that come one by one, in any order. It is used
// by one goroutine.
type Writer struct {
	store   *Store
	options Options
	limits  Limits
	files   map[string]*File
	links   map[string]string // target by name
	rules   map[string][]byte // content of _redirects and _headers
	known   map[Sum]*File     // of the bundles in Options.Like
	same    map[string]*File  // whose content a name has, by name
	total   int64
	names   int
	dotted  int      // files that are not served because of a dot
	lost    []string // links to nothing that is served

	group *errgroup.Group // finishes files
	ctx   context.Context //nolint:containedctx // of the one bundle it writes
}

// Write begins a bundle. Commit or Close ends it.
func (s *Store) Write(ctx context.Context, o Options) *Writer {
	w := &Writer{
		store: s, options: o, limits: o.Limits.withDefaults(),
		files: map[string]*File{}, links: map[string]string{}, rules: map[string][]byte{}, known: map[Sum]*File{}, same: map[string]*File{},
	}
	w.group, w.ctx = errgroup.WithContext(ctx)
	w.group.SetLimit(max(2, runtime.GOMAXPROCS(0)))
	for _, id := range o.Like {
		sum, err := ParseSum(id)
		if err != nil {
			continue
		}
		m, err := readManifest(s.root, sum)
		if err != nil {
			continue // gone, or not to be believed: everything is compressed
		}
		for _, f := range m.Files {
			w.known[f.SHA256] = &f
		}
	}
	return w
}

// Close ends a bundle that is not to be. After Commit it does nothing. What was
// written of it stays until a sweep.
func (w *Writer) Close() { _ = w.group.Wait() }

// Add brings the content of a file. It fails with SOURCE_INVALID and a sentence
// for what cannot be part of a site.
func (w *Writer) Add(name string, r io.Reader) error {
	name, served, err := w.admit(name)
	if err != nil || !served {
		return err
	}
	if isRules(name) {
		data, err := io.ReadAll(io.LimitReader(r, maxRules+1))
		w.rules[name] = data
		return err
	}
	f, temp, err := w.store.temp()
	if err != nil {
		return diskFull(fmt.Errorf("write site: %w", err))
	}
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, sum), io.LimitReader(reading(w.ctx, r), min(w.limits.File, w.limits.Total-w.total)+1))
	switch w.total += n; {
	case err != nil:
		err = fmt.Errorf("write site: %w", err)
	case n > w.limits.File:
		err = invalid("%s has more than %d MiB.", show(name), w.limits.File>>20)
	case w.total > w.limits.Total:
		err = invalid("its files have more than %d MiB.", w.limits.Total>>20)
	}
	if err != nil {
		return diskFull(errors.Join(err, f.Close(), w.store.root.Remove(temp)))
	}
	file := &File{Path: name, Blob: Blob{sumOf(sum), n}}
	w.files[name] = file
	w.group.Go(func() error { return diskFull(w.finish(f, temp, file)) })
	return nil
}

// admit checks a name and reports whether something of that name is served.
func (w *Writer) admit(raw string) (name string, served bool, err error) {
	name, problem := cleanName(raw)
	if problem != "" {
		return "", false, invalid("%s %s.", show(raw), problem)
	}
	if hidden(name) {
		w.dotted++
		return name, false, nil
	}
	if w.options.Skip != nil && w.options.Skip(name) {
		return name, false, nil
	}
	if _, twice := w.files[name]; twice || w.links[name] != "" || w.rules[name] != nil {
		return "", false, invalid("%s is in it twice, perhaps in two spellings of the same characters.", show(name))
	}
	return name, true, w.count(name)
}

func (w *Writer) count(name string) error {
	if len(w.files)+len(w.links) >= w.limits.Files {
		return invalid("it has more than %d files.", w.limits.Files)
	}
	if w.names += len(name); w.names > w.limits.Names {
		return invalid("the names of its files have more than %d KiB.", w.limits.Names>>10)
	}
	return nil
}

// Link brings a symbolic link. Where it leads is looked up by Commit.
func (w *Writer) Link(name, target string) error {
	name, served, err := w.admit(name)
	if err != nil || !served {
		return err
	}
	to := path.Join(path.Dir(name), target)
	if to != "." {
		var problem string
		if to, problem = cleanName(to); problem != "" || path.IsAbs(target) {
			return invalid("the link %s leads out of the directory, to %s.", show(name), show(target))
		}
	}
	w.links[name] = to
	return nil
}

// Same brings a file with the content of one that came before.
func (w *Writer) Same(name, as string) error {
	name, served, err := w.admit(name)
	if err != nil || !served {
		return err
	}
	as, problem := cleanName(as)
	if f := w.files[as]; problem == "" && f != nil {
		return w.alias(name, f)
	}
	return invalid("the hard link %s leads to %s, which is no earlier file of it.", show(name), show(as))
}

// alias makes name another name of a file.
func (w *Writer) alias(name string, f *File) error {
	if first := w.same[f.Path]; first != nil {
		f = first
	}
	if w.total += f.Size; w.total > w.limits.Total {
		return invalid("its files have more than %d MiB.", w.limits.Total>>20)
	}
	w.files[name], w.same[name] = &File{Path: name, Blob: f.Blob}, f
	return nil
}

// Commit makes the bundle. It fails with NOT_BUILDABLE if there is no
// index.html.
func (w *Writer) Commit() (Bundle, error) {
	if err := w.followLinks(); err != nil {
		w.Close()
		return Bundle{}, err
	}
	if err := w.group.Wait(); err != nil {
		return Bundle{}, err
	}
	if w.files["index.html"] == nil {
		return Bundle{}, fault.New(fault.NotBuildable, "There is no index.html at the root of the site.").
			WithHint("Add one, or set the output directory to where it is.")
	}
	m := Manifest{Format: format, SPA: w.options.SPA, Files: make([]File, 0, len(w.files))}
	for _, name := range slices.Sorted(maps.Keys(w.files)) {
		f := w.files[name]
		if as := w.same[name]; as != nil && compressible(name) {
			f.Gzip, f.Brotli = as.Gzip, as.Brotli
		}
		m.Files = append(m.Files, *f)
	}
	out := Bundle{Files: len(m.Files), Bytes: w.total, Notes: w.notes(&m)}
	var err error
	out.ID, out.Had, err = w.store.commit(&m)
	return out, diskFull(err)
}

// notes reads the rules of the site into m and says what it does not follow.
func (w *Writer) notes(m *Manifest) []string {
	var notes, more []string
	m.Redirects, notes = parseRedirects(w.rules[redirectsFile])
	m.Headers, more = parseHeaders(w.rules[headersFile])
	notes = append(notes, more...)
	if n := len(w.lost); n > 0 {
		notes = append(notes, fmt.Sprintf("Links that lead to nothing that is served: %d, such as %s.", n, show(w.lost[0])))
	}
	if w.dotted > 0 {
		notes = append(notes, fmt.Sprintf("Files whose name begins with a dot are not served: %d.", w.dotted))
	}
	return notes
}

// commit writes a manifest whose content is complete. The id is its name.
func (s *Store) commit(m *Manifest) (id string, had bool, err error) {
	data, err := json.Marshal(m)
	if err != nil {
		return "", false, fmt.Errorf("encode manifest: %w", err)
	}
	if len(data) > maxManifest {
		return "", false, invalid("its list of files has more than %d MiB.", maxManifest>>20)
	}
	shelves := map[string]bool{blobDir: true}
	m.blobs(func(b Blob) { shelves[path.Dir(blobPath(b.SHA256))] = true })
	for shelf := range shelves {
		if err := s.syncDir(shelf); err != nil {
			return "", false, fmt.Errorf("write site: %w", err)
		}
	}
	sum := Sum(sha256.Sum256(data))
	f, temp, err := s.temp()
	if err != nil {
		return "", false, fmt.Errorf("write site: %w", err)
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		had, err = s.keep(temp, manifestPath(sum), int64(len(data)))
	}
	if err == nil {
		err = s.syncDir(bundleDir)
	}
	if err != nil {
		return "", false, fmt.Errorf("write manifest: %w", err)
	}
	return sum.String(), had, nil
}

// followLinks makes files of the links. One that leads to nothing is not served.
func (w *Writer) followLinks() error {
	names := slices.Sorted(maps.Keys(w.files)) // files alone: links below a link are not followed
	for _, name := range slices.Sorted(maps.Keys(w.links)) {
		if err := context.Cause(w.ctx); err != nil {
			return err
		}
		to, err := w.follow(name)
		if err != nil {
			return err
		}
		if f := w.files[to]; f != nil {
			if err := w.alias(name, f); err != nil {
				return err
			}
			continue
		}
		if to == "." || strings.HasPrefix(name+"/", to+"/") {
			return invalid("the link %s leads in a circle.", show(name))
		}
		found := false
		first, _ := slices.BinarySearch(names, to+"/")
		for _, below := range names[first:] {
			rest, ok := strings.CutPrefix(below, to+"/")
			if !ok {
				break
			}
			found = true
			if w.files[name+"/"+rest] != nil {
				continue
			}
			if err := w.count(name + "/" + rest); err != nil {
				return err
			}
			if err := w.alias(name+"/"+rest, w.files[below]); err != nil {
				return err
			}
		}
		if !found {
			w.lost = append(w.lost, name)
		}
	}
	return nil
}

// follow returns the path without links that a link leads to.
func (w *Writer) follow(name string) (string, error) {
	const most = 40 // as Linux
	at := name
	for range most {
		link := ""
		for i := range len(at) + 1 { // the first part of the path that is a link
			if i == len(at) || at[i] == '/' {
				if _, is := w.links[at[:i]]; is {
					link = at[:i]
					break
				}
			}
		}
		if link == "" {
			return at, nil
		}
		at = path.Join(w.links[link], at[len(link):])
	}
	return "", invalid("the link %s leads in a circle.", show(name))
}

func sumOf(h hash.Hash) (s Sum) {
	h.Sum(s[:0])
	return s
}

// reading stops a reader between two reads when ctx ends.
func reading(ctx context.Context, r io.Reader) io.Reader {
	return readerFunc(func(b []byte) (int, error) {
		if err := context.Cause(ctx); err != nil {
			return 0, err
		}
		return r.Read(b)
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }
