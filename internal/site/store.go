package site

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/davitdev/davit/internal/fault"
)

// Directories of a store.
const (
	bundleDir = "bundles"
	blobDir   = "blobs"
	tempDir   = "temp"
)

// Store writes bundles and removes them. One process at a time has one on a
// directory; any number may read it with a Library. It is safe for concurrent
// use.
type Store struct {
	dir  string
	root *os.Root

	// Held from looking whether content is there to counting on it, and from
	// looking whether it is old to removing it.
	mu sync.Mutex
}

// OpenStore opens the store in dir, which it makes if it is missing. The caller
// closes it.
func OpenStore(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open sites: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open sites: %w", err)
	}
	for _, name := range []string{bundleDir, blobDir, tempDir} {
		if err := root.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			root.Close()
			return nil, fmt.Errorf("open sites: %w", err)
		}
	}
	return &Store{dir: dir, root: root}, nil
}

// Dir is where the store is.
func (s *Store) Dir() string { return s.dir }

// Close ends the use of the store.
func (s *Store) Close() error { return s.root.Close() }

func manifestPath(id Sum) string { return bundleDir + "/" + id.String() + ".json" }

func blobPath(sum Sum) string {
	hex := sum.String()
	return blobDir + "/" + hex[:2] + "/" + hex[2:]
}

// Verify makes sure that a bundle is there with all its files. It fails with
// IMAGE_NOT_KEPT if it is not.
func (s *Store) Verify(id string) error {
	sum, err := ParseSum(id)
	if err != nil {
		return fmt.Errorf("verify bundle: %w", err)
	}
	m, err := readManifest(s.root, sum)
	if errors.Is(err, fs.ErrNotExist) {
		return notKept()
	}
	if err != nil {
		return fmt.Errorf("verify bundle %s: %w", id, err)
	}
	missing := false
	m.blobs(func(b Blob) {
		if missing || err != nil {
			return
		}
		var info fs.FileInfo
		info, err = s.root.Stat(blobPath(b.SHA256))
		if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() != b.Size {
			missing, err = true, nil
		}
	})
	if err != nil {
		return fmt.Errorf("verify bundle %s: %w", id, err)
	}
	if missing {
		return notKept()
	}
	return nil
}

func notKept() error {
	return fault.New(fault.ImageNotKept, "The files of this deployment are no longer kept.").WithHint("Deploy the source again instead.")
}

// readManifest reads the manifest of a bundle, whose content must have its name.
func readManifest(root *os.Root, id Sum) (*Manifest, error) {
	f, err := root.Open(manifestPath(id))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxManifest+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxManifest || sha256.Sum256(data) != id {
		return nil, errors.New("the manifest is not what its name says")
	}
	return decodeManifest(data)
}

// temp makes a file that is not complete yet.
func (s *Store) temp() (*os.File, string, error) {
	name := tempDir + "/" + rand.Text()
	f, err := s.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	return f, name, err
}

// keep gives a complete and synced temporary file its name, or drops it if
// content of that name is there; then that counts as new again, so that no
// sweep takes it. It reports whether it was there.
func (s *Store) keep(temp, name string, size int64) (had bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.touch(name, size) {
		return true, s.root.Remove(temp)
	}
	if err := s.root.Mkdir(path.Dir(name), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return false, err
	}
	return false, s.root.Rename(temp, name)
}

// touch makes a file of the store as young as one that is written now, and
// reports whether it is there with that size. s.mu is held.
func (s *Store) touch(name string, size int64) bool {
	info, err := s.root.Lstat(name)
	if err != nil || !info.Mode().IsRegular() || info.Size() != size {
		return false
	}
	now := time.Now()
	return s.root.Chtimes(name, now, now) == nil
}

// have is touch for a blob.
func (s *Store) have(b Blob) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.touch(blobPath(b.SHA256), b.Size)
}

// syncDir makes the names in a directory survive a loss of power.
func (s *Store) syncDir(name string) error {
	dir, err := s.root.Open(name)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

// Swept is what a sweep removed.
type Swept struct {
	Bundles []string // ids
	Blobs   int
	Bytes   int64
}

// Sweep removes the bundles that needed does not report, and then every file
// that no bundle has. What was written or counted on after young is left alone:
// it belongs to a bundle that is being written, or whose row is. needed is
// called after the bundles were listed, so it may look at rows then; its error
// ends the sweep.
func (s *Store) Sweep(young time.Time, needed func(ids []string) (map[string]bool, error)) (Swept, error) {
	var out Swept
	ids, err := s.List()
	if err != nil {
		return out, err
	}
	keep, err := needed(ids)
	if err != nil {
		return out, err
	}
	marked := map[Sum]bool{}
	for _, id := range ids {
		sum, err := ParseSum(id)
		if err != nil {
			continue // not ours
		}
		if !keep[id] {
			n, err := s.removeOld(manifestPath(sum), young)
			if err != nil {
				return out, err
			}
			if n >= 0 {
				out.Bundles = append(out.Bundles, id)
				continue
			}
		}
		m, err := readManifest(s.root, sum)
		if err != nil { // without knowing what it needs, nothing can be removed
			return out, fmt.Errorf("sweep sites: bundle %s: %w", id, err)
		}
		m.blobs(func(b Blob) { marked[b.SHA256] = true })
	}
	return out, s.sweepFiles(young, marked, &out)
}

// List returns the ids of all bundles.
func (s *Store) List() ([]string, error) {
	entries, err := fs.ReadDir(s.root.FS(), bundleDir)
	if err != nil {
		return nil, fmt.Errorf("list bundles: %w", err)
	}
	var ids []string
	for _, e := range entries {
		if id, ok := strings.CutSuffix(e.Name(), ".json"); ok {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// Touched says when a bundle was written or counted on last; the zero time if
// it is not there.
func (s *Store) Touched(id string) (time.Time, error) {
	sum, err := ParseSum(id)
	if err != nil {
		return time.Time{}, err
	}
	info, err := s.root.Stat(manifestPath(sum))
	if errors.Is(err, fs.ErrNotExist) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("look at a bundle: %w", err)
	}
	return info.ModTime(), nil
}

// sweepFiles removes unmarked blobs and what was left half written.
func (s *Store) sweepFiles(young time.Time, marked map[Sum]bool, out *Swept) error {
	shelves, err := fs.ReadDir(s.root.FS(), blobDir)
	if err != nil {
		return fmt.Errorf("sweep sites: %w", err)
	}
	for _, shelf := range shelves {
		entries, err := fs.ReadDir(s.root.FS(), blobDir+"/"+shelf.Name())
		if err != nil {
			return fmt.Errorf("sweep sites: %w", err)
		}
		for _, e := range entries {
			sum, err := ParseSum(shelf.Name() + e.Name())
			if err != nil || marked[sum] {
				continue // not ours, or needed
			}
			n, err := s.removeOld(blobPath(sum), young)
			if err != nil {
				return err
			}
			if n >= 0 {
				out.Blobs, out.Bytes = out.Blobs+1, out.Bytes+n
			}
		}
	}
	left, err := fs.ReadDir(s.root.FS(), tempDir)
	if err != nil {
		return fmt.Errorf("sweep sites: %w", err)
	}
	for _, e := range left {
		if _, err := s.removeOld(tempDir+"/"+e.Name(), young); err != nil {
			return err
		}
	}
	return nil
}

// removeOld removes a file that nobody counted on since young, and returns its
// size; -1 if it stays.
func (s *Store) removeOld(name string, young time.Time) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	info, err := s.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return -1, nil
	}
	if err != nil {
		return -1, fmt.Errorf("sweep sites: %w", err)
	}
	if !info.Mode().IsRegular() || !info.ModTime().Before(young) {
		return -1, nil
	}
	if err := s.root.Remove(name); err != nil {
		return -1, fmt.Errorf("sweep sites: %w", err)
	}
	return info.Size(), nil
}

// diskFull says so if that is what err means.
func diskFull(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fault.Wrap(err, fault.DiskFull, "There is no space left for the files of the site")
	}
	return err
}
