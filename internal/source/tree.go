package source

import (
	"fmt"
	"io/fs"
	"os"
)

// Tree is a directory of source that readers cannot leave: not by "..", not by
// an absolute path, not by a link.
type Tree struct {
	root  *os.Root
	files int
	bytes int64
}

// OpenTree opens a directory as a tree. The caller closes it.
func OpenTree(dir string) (*Tree, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open source: %w", err)
	}
	return &Tree{root: root}, nil
}

// FS is the tree for readers. It also implements fs.ReadDirFS, fs.ReadFileFS,
// fs.StatFS and fs.ReadLinkFS.
func (t *Tree) FS() fs.FS { return t.root.FS() }

// Dir is where the tree lies, for programs that want a path. They are not held
// inside by it.
func (t *Tree) Dir() string { return t.root.Name() }

// Files counts what Extract wrote: files, links and directories.
func (t *Tree) Files() int { return t.files }

// Bytes is the size of all files that Extract wrote.
func (t *Tree) Bytes() int64 { return t.bytes }

// Close ends reading. The directory stays.
func (t *Tree) Close() error { return t.root.Close() }
