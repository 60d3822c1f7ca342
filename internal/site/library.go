package site

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/sync/singleflight"
)

// Ref says where a bundle is.
type Ref struct {
	Dir string // of the store
	ID  string
}

// Library reads bundles for requests. It keeps the manifests that were asked
// for last, up to a number of bytes. The zero value is not usable; see
// NewLibrary. It is safe for concurrent use.
type Library struct {
	most  int64
	loads singleflight.Group

	mu    sync.Mutex
	sites *simplelru.LRU[Ref, *Site]
	size  int64 // of sites, in bytes
	roots map[string]*os.Root
}

// maxSites bounds the number of manifests in memory; their size is bounded too.
const maxSites = 100_000

// NewLibrary returns a library whose manifests take at most about most bytes of
// memory, however many there are; one that is larger is still served.
func NewLibrary(most int64) *Library {
	l := &Library{most: most, roots: map[string]*os.Root{}}
	l.sites, _ = simplelru.NewLRU(maxSites, func(_ Ref, s *Site) { l.size -= s.size }) // fails for no size only
	return l
}

// Close ends the use of the library.
func (l *Library) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for dir, root := range l.roots {
		errs = append(errs, root.Close())
		delete(l.roots, dir)
	}
	l.sites.Purge()
	return errors.Join(errs...)
}

// site returns a bundle made for looking up, from memory or from its manifest.
func (l *Library) site(ref Ref) (*Site, error) {
	l.mu.Lock()
	s, ok := l.sites.Get(ref)
	l.mu.Unlock()
	if ok {
		return s, nil
	}
	v, err, _ := l.loads.Do(ref.Dir+"\x00"+ref.ID, func() (any, error) { return l.load(ref) })
	if err != nil {
		return nil, err
	}
	return v.(*Site), nil
}

func (l *Library) load(ref Ref) (*Site, error) {
	id, err := ParseSum(ref.ID)
	if err != nil {
		return nil, err
	}
	root, err := l.root(ref.Dir)
	if err != nil {
		return nil, err
	}
	m, err := readManifest(root, id)
	if err != nil {
		return nil, fmt.Errorf("bundle %s: %w", ref.ID, err)
	}
	s := newSite(root, m)
	l.mu.Lock()
	defer l.mu.Unlock()
	if had, ok := l.sites.Peek(ref); ok { // another call was faster
		return had, nil
	}
	l.size += s.size
	l.sites.Add(ref, s)
	for l.size > l.most && l.sites.Len() > 1 {
		l.sites.RemoveOldest()
	}
	return s, nil
}

func (l *Library) root(dir string) (*os.Root, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if root := l.roots[dir]; root != nil {
		return root, nil
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open sites: %w", err)
	}
	l.roots[dir] = root
	return root, nil
}

// Site is a bundle made for looking up. It is not changed.
type Site struct {
	root      *os.Root
	spa       string // what is answered where no file is, "" for nothing
	files     map[string]*File
	redirects []redirect
	headers   []headerRule
	size      int64 // in memory, about
}

// fileCost is about what a file takes in memory besides its path: the entry of
// the map, three blobs, three strings.
const fileCost = 352

func newSite(root *os.Root, m *Manifest) *Site {
	s := &Site{root: root, files: make(map[string]*File, len(m.Files))}
	for i := range m.Files {
		f := &m.Files[i]
		f.mime, f.cache = mimeOf(f.Path), cacheOf(f.Path)
		s.files[f.Path] = f
		s.size += fileCost + int64(len(f.Path))
	}
	for _, r := range m.Redirects {
		if c, problem := r.compile(); problem == "" {
			s.redirects = append(s.redirects, c)
			s.size += 256 + 2*int64(len(r.From)+len(r.To))
		}
	}
	for _, r := range m.Headers {
		if g, problem := parseGlob(r.Path); problem == "" {
			s.headers = append(s.headers, headerRule{g, r.Set})
			for _, h := range r.Set {
				s.size += 64 + int64(len(h.Name)+len(h.Value))
			}
		}
	}
	if m.SPA || s.files["200.html"] != nil {
		s.spa = "index.html"
		if s.files["200.html"] != nil {
			s.spa = "200.html"
		}
	}
	return s
}
