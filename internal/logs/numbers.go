package logs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// numbers gives out the numbers of streams, each once, rising, also over
// restarts: a file holds a number none given out has reached.
type numbers struct {
	path string
	file sync.Mutex // held while the file is written; before mu

	mu      sync.Mutex
	next    uint64 // to give out
	ceiling uint64 // what the file says
}

const (
	numbersFile  = "numbers"
	numbersAhead = 1024
)

func openNumbers(root string) (*numbers, error) {
	n := &numbers{path: filepath.Join(root, numbersFile)}
	b, err := os.ReadFile(n.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read stream numbers: %w", err)
	}
	last, perr := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 63)
	if err != nil || perr != nil { // a first start, or somebody lost the file
		if last, err = highestNumber(root); err != nil {
			return nil, err
		}
	}
	n.next, n.ceiling = last+1, last+1
	return n, n.ensure()
}

// ensure sees to it that many calls of take succeed, or, while the file cannot be
// written, some. It may write the file.
func (n *numbers) ensure() error {
	if _, left := n.left(); left > numbersAhead/2 {
		return nil
	}
	n.file.Lock()
	defer n.file.Unlock()
	next, left := n.left()
	if left > numbersAhead/2 {
		return nil
	}
	ceiling := next + numbersAhead
	if err := writeFile(n.path, []byte(strconv.FormatUint(ceiling, 10)+"\n")); err != nil {
		if _, left := n.left(); left > 0 {
			return nil
		}
		return fmt.Errorf("reserve stream numbers: %w", err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ceiling = ceiling
	return nil
}

// left returns the number that is next, and how many can be given out.
func (n *numbers) left() (next, left uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.next, n.ceiling - n.next
}

// take gives out a number, or false until ensure was called again.
func (n *numbers) take() (uint64, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.next >= n.ceiling {
		return 0, false
	}
	n.next++
	return n.next - 1, true
}

// peek returns the number that take will give out next.
func (n *numbers) peek() uint64 {
	next, _ := n.left()
	return next
}

// highestNumber looks at the names of all files below root.
func highestNumber(root string) (highest uint64, err error) {
	groups, err := listDir(root)
	if err != nil {
		return 0, err
	}
	for _, g := range groups {
		sources, err := listDir(filepath.Join(root, g))
		if err != nil {
			return 0, err
		}
		for _, id := range sources {
			for _, ext := range []string{spoolExt, segmentExt} {
				files, err := listFiles(root, Source{g, id}, ext)
				if err != nil {
					return 0, err
				}
				for _, f := range files {
					highest = max(highest, f.stream.Number)
				}
			}
		}
	}
	return highest, nil
}

// writeFile replaces the content of a file, as a whole or not at all, and
// makes it survive a power cut.
func writeFile(path string, content []byte) error {
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		return err
	}
	return syncPath(filepath.Dir(path))
}
