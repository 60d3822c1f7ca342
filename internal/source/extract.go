package source

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/davitdev/davit/internal/fault"
)

// Extract unpacks a gzipped tar into the new directory dir and opens it.
//
// The archive may come from anybody. Files, directories and links that stay
// inside are made, with modes 0644 and 0755 and the owner of this process;
// owners, times and extended attributes of the archive are not applied. An
// archive with anything else, or over a limit, is refused with UPLOAD_INVALID
// and a sentence of its own; so is one with bytes after its end. It fails with
// DISK_FULL when there is no room. When it fails, dir does not exist.
func Extract(ctx context.Context, r io.Reader, dir string, limits Limits) (_ *Tree, err error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, fmt.Errorf("extract: %w", err)
	}
	defer func() {
		if err == nil {
			return
		}
		if left := os.RemoveAll(dir); left != nil {
			err = errors.Join(err, left)
		}
	}()
	t, err := OpenTree(dir)
	if err != nil {
		return nil, err
	}
	x := extractor{tree: t, limits: limits.withDefaults(), made: map[string]byte{}}
	if err := x.extract(ctx, r); err != nil {
		t.Close()
		if isDiskFull(err) {
			err = fault.Wrap(err, fault.DiskFull, "There is no space left to unpack the source.")
		}
		return nil, err
	}
	return t, nil
}

// extractor unpacks one archive.
type extractor struct {
	tree   *Tree
	limits Limits
	made   map[string]byte // every path so far and its tar type
	names  int             // bytes of all paths
	zr     *unzipper
}

// makeArchive says how to make one that can be used.
const makeArchive = "Send the directory with davit deploy, or make the archive with tar -czf inside of it."

func invalid(format string, args ...any) error {
	return fault.New(fault.UploadInvalid, "The archive cannot be used: "+format, args...).WithHint(makeArchive)
}

func (x *extractor) extract(ctx context.Context, r io.Reader) error {
	var err error
	if x.zr, err = newUnzipper(ctx, r, x.limits); err != nil {
		return err
	}
	tr := tar.NewReader(x.zr)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return x.zr.explain(err)
		}
		if err := x.entry(h, tr); err != nil {
			return err
		}
	}
	if err := x.zr.finish(); err != nil {
		return err
	}
	return x.checkLinks()
}

func (x *extractor) entry(h *tar.Header, r io.Reader) error {
	if h.Typeflag == tar.TypeXGlobalHeader { // the comment that git archive writes
		return x.count("")
	}
	name, err := x.name(h.Name)
	if err != nil {
		return err
	}
	if name == "." {
		return x.count(name)
	}
	if err := x.makeParents(name); err != nil {
		return err
	}
	if kind, ok := x.made[name]; ok {
		if kind == implied && h.Typeflag == tar.TypeDir {
			x.made[name] = tar.TypeDir
			return nil
		}
		return invalid("%s is in it twice.", show(name))
	}
	if err := x.count(name); err != nil {
		return err
	}
	x.made[name] = h.Typeflag
	switch h.Typeflag {
	case tar.TypeReg:
		return x.file(name, h, r)
	case tar.TypeDir:
		return x.mkdir(name)
	case tar.TypeSymlink:
		return x.symlink(name, h.Linkname)
	case tar.TypeLink:
		return x.hardLink(name, h.Linkname)
	case tar.TypeGNUSparse:
		return invalid("%s is a sparse file.", show(name))
	case tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		return invalid("%s is a device or a pipe; only files, directories and links are source.", show(name))
	}
	return invalid("%s is of a kind that is not known; only files, directories and links are source.", show(name))
}

// maxNames bounds the bytes of all paths, which are kept in memory.
const maxNames = 64 << 20

// implied marks a directory that the archive did not list itself yet.
const implied = 0

// name checks the name of an entry and returns it clean.
func (x *extractor) name(raw string) (string, error) {
	for part := range strings.SplitSeq(raw, "/") {
		if part == ".." {
			return "", invalid("%s leads out of the directory.", show(raw))
		}
	}
	name := path.Clean(raw)
	if raw == "" {
		return "", invalid("an entry has no name.")
	}
	if p := nameProblem(name, x.limits.Depth); p != "" {
		return "", invalid("%s %s.", show(raw), p)
	}
	return name, nil
}

// makeParents makes the directories above name that are not there yet. None
// of them may be a link: the entry would land elsewhere.
func (x *extractor) makeParents(name string) error {
	for i, c := range name {
		if c != '/' {
			continue
		}
		dir := name[:i]
		switch kind, ok := x.made[dir]; {
		case !ok:
			if err := x.count(dir); err != nil {
				return err
			}
			x.made[dir] = implied
			if err := x.mkdir(dir); err != nil {
				return err
			}
		case kind != implied && kind != tar.TypeDir:
			return invalid("%s lies below %s, which is no directory.", show(name), show(dir))
		}
	}
	return nil
}

// count counts one more entry.
func (x *extractor) count(name string) error {
	if x.names += len(name); x.names > maxNames {
		return invalid("the names of its files have more than %s.", size(maxNames))
	}
	if x.tree.files++; x.tree.files > x.limits.Files {
		return invalid("it has more than %d files.", x.limits.Files)
	}
	return nil
}

func (x *extractor) mkdir(name string) error {
	if err := x.tree.root.Mkdir(name, 0o755); err != nil {
		return fmt.Errorf("extract: %w", err)
	}
	if err := x.tree.root.Chmod(name, 0o755); err != nil { // whatever the umask
		return fmt.Errorf("extract: %w", err)
	}
	return nil
}

func (x *extractor) file(name string, h *tar.Header, r io.Reader) error {
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return invalid("%s is a sparse file.", show(name))
		}
	}
	if h.Size > x.limits.Total-x.tree.bytes {
		return invalid("its files have more than %s.", size(x.limits.Total))
	}
	mode := fs.FileMode(0o644)
	if h.Mode&0o111 != 0 {
		mode = 0o755
	}
	f, err := x.tree.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return fmt.Errorf("extract: %w", err)
	}
	defer f.Close()
	n, err := io.Copy(f, r)
	x.tree.bytes += n
	if err != nil {
		return x.zr.explain(err)
	}
	if err := f.Chmod(mode); err != nil {
		return fmt.Errorf("extract: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("extract: %w", err)
	}
	return nil
}

func (x *extractor) symlink(name, target string) error {
	if unprintable(target) {
		return invalid("the link %s leads to %s, which is no name of a file.", show(name), show(target))
	}
	if !linkInside(name, target) {
		return invalid("the link %s leads out of the directory, to %s.", show(name), show(target))
	}
	if err := x.tree.root.Symlink(target, name); err != nil {
		return fmt.Errorf("extract: %w", err)
	}
	return nil
}

// hardLink links to a file that came earlier in the archive.
func (x *extractor) hardLink(name, target string) error {
	to, err := x.name(target)
	if err != nil {
		return invalid("the link %s leads out of the directory, to %s.", show(name), show(target))
	}
	if kind := x.made[to]; kind != tar.TypeReg && kind != tar.TypeLink {
		return invalid("the hard link %s leads to %s, which is no earlier file of it.", show(name), show(target))
	}
	if err := x.tree.root.Link(to, name); err != nil {
		return fmt.Errorf("extract: %w", err)
	}
	return nil
}

// checkLinks follows every link once everything is there: through other links
// even a target that looks harmless can lead out.
func (x *extractor) checkLinks() error {
	for name, kind := range x.made {
		if kind != tar.TypeSymlink {
			continue
		}
		if _, err := x.tree.root.Stat(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return invalid("the link %s leads out of the directory or in a circle.", show(name))
		}
	}
	return nil
}
