package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"

	"github.com/davitdev/davit/internal/fault"
)

// Never packed, wherever they lie: history, and what Davit keeps.
var neverPacked = []string{".git", ".davit"}

// Always packed although .dockerignore may name them: a build reads them
// before it applies it.
var alwaysPacked = []string{"Dockerfile", dockerignore, dockerfileIgnore}

const (
	gitignore        = ".gitignore"
	dockerignore     = ".dockerignore"
	dockerfileIgnore = "Dockerfile.dockerignore" // comes before .dockerignore
	maxIgnoreFile    = 1 << 20
)

// item is a file, link or directory that is packed.
type item struct {
	name string // slash-separated, below the root
	mode fs.FileMode
	size int64
	link string // where a link leads
}

// walker lists what is packed of a directory.
type walker struct {
	root   *os.Root
	limits Limits
	docker *patternmatcher.PatternMatcher
	items  []item
	total  int64
}

// walk lists the items below dir in a fixed order. ignores are the .gitignore
// files of dir's parents, outermost first.
func (w *walker) walk(ctx context.Context, dir string, ignores []ignoreFile, docker patternmatcher.MatchInfo) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	data, err := w.readIgnore(path.Join(dir, gitignore))
	if err != nil {
		return err
	}
	ignores = append(slices.Clip(ignores), parseGitignore(dir, data))
	f, err := w.root.Open(dir)
	if err != nil {
		return fmt.Errorf("read directory %s: %w", dir, err)
	}
	entries, err := f.ReadDir(-1)
	f.Close()
	if err != nil {
		return fmt.Errorf("read directory %s: %w", dir, err)
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	for _, e := range entries {
		if err := w.visit(ctx, path.Join(dir, e.Name()), e, ignores, docker); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) visit(ctx context.Context, name string, e fs.DirEntry, ignores []ignoreFile, parent patternmatcher.MatchInfo) error {
	if slices.Contains(neverPacked, e.Name()) || gitIgnored(ignores, name, e.IsDir()) {
		return nil
	}
	ignored, docker, err := w.docker.MatchesUsingParentResults(name, parent)
	if err != nil {
		return fault.Wrap(err, fault.Invalid, "%s has a pattern that is not understood.", dockerignore)
	}
	ignored = ignored && !slices.Contains(alwaysPacked, name)
	switch {
	case e.IsDir():
		if ignored && !w.docker.Exclusions() {
			return nil // nothing below it can be wanted after all
		}
		if !ignored {
			if err := w.add(item{name: name, mode: fs.ModeDir | 0o755}); err != nil {
				return err
			}
		}
		return w.walk(ctx, name, ignores, docker)
	case ignored:
		return nil
	case e.Type() == fs.ModeSymlink:
		return w.addLink(name)
	case e.Type().IsRegular():
		return w.addFile(name)
	}
	return nil // sockets, pipes and devices are not source
}

func (w *walker) addFile(name string) error {
	info, err := w.root.Lstat(name)
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	mode := fs.FileMode(0o644)
	if info.Mode()&0o111 != 0 {
		mode = 0o755
	}
	return w.add(item{name: name, mode: mode, size: info.Size()})
}

func (w *walker) addLink(name string) error {
	target, err := w.root.Readlink(name)
	if err != nil {
		return fmt.Errorf("read link %s: %w", name, err)
	}
	// A link whose target is not there yet is no danger; one that leads out is.
	if _, err := w.root.Stat(name); !linkInside(name, target) || err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.Invalid, "The link %s leads out of the directory, to %s: replace it by a copy or ignore it.", show(name), show(target))
	}
	return w.add(item{name: name, mode: fs.ModeSymlink | 0o777, link: target})
}

func (w *walker) add(i item) error {
	if p := nameProblem(i.name, w.limits.Depth); p != "" {
		return fault.New(fault.Invalid, "%s %s: rename, move or ignore it.", show(i.name), p)
	}
	w.items = append(w.items, i)
	w.total += i.size
	if len(w.items) > w.limits.Files {
		return tooLarge("The directory has more than %d files: name what is not needed in %s or %s.", w.limits.Files, gitignore, dockerignore)
	}
	if w.total > w.limits.Total {
		return tooLarge("The files of the directory have more than %s: name what is not needed in %s or %s.", size(w.limits.Total), gitignore, dockerignore)
	}
	return nil
}

// readIgnore reads an ignore file, as empty if there is none.
func (w *walker) readIgnore(name string) ([]byte, error) {
	info, err := w.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
		return []byte{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if info.Size() > maxIgnoreFile {
		return nil, fault.New(fault.Invalid, "%s is larger than %s.", name, size(maxIgnoreFile))
	}
	data, err := w.root.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return data, nil
}

// dockerMatcher reads the patterns of the file that a build will apply.
func (w *walker) dockerMatcher() (*patternmatcher.PatternMatcher, error) {
	name := dockerfileIgnore
	if _, err := w.root.Lstat(name); err != nil {
		name = dockerignore
	}
	data, err := w.readIgnore(name)
	if err != nil {
		return nil, err
	}
	patterns, err := ignorefile.ReadAll(bytes.NewReader(data))
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "%s cannot be read.", name)
	}
	m, err := patternmatcher.New(patterns)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "%s has a pattern that is not understood.", name)
	}
	return m, nil
}

// gitIgnored asks the innermost .gitignore with a rule about name.
func gitIgnored(ignores []ignoreFile, name string, isDir bool) bool {
	for _, f := range slices.Backward(ignores) {
		if ignored, found := f.match(name, isDir); found {
			return ignored
		}
	}
	return false
}
