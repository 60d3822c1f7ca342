package git

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/source"
	"github.com/davitdev/davit/internal/spec"
)

// Fetch is what to get of a repository.
type Fetch struct {
	Ref    string // branch, tag or whole hash; "" is the default branch
	Commit string // the hash that Ref was once; "" is what it is now
	Root   string // directory of the repository that must be there; "" is all of it
	Dir    string // new directory to put it in
	// Limits bounds what is unpacked; the zero value is what a deployment may
	// have.
	Limits source.Limits
	// Progress hears how far it is, now and then; may be nil.
	Progress func(string)
}

// fetched is where a repository of ours keeps what it fetched.
const fetched = "refs/davit/source"

// Fetch gets one commit, without history, submodules or what is kept in Git
// LFS: all of it, because what is in f.Root may need what lies beside it. The
// caller closes the tree. It fails like List, and with REF_NOT_FOUND,
// NOT_BUILDABLE for a directory that is not there, or has files in Git LFS or a
// submodule, and SOURCE_INVALID for what is no source. When it fails, f.Dir does not exist.
func (g *Git) Fetch(ctx context.Context, r Remote, f Fetch) (*source.Tree, spec.Commit, error) {
	repo, err := os.MkdirTemp(g.Scratch, "git-")
	if err != nil {
		return nil, spec.Commit{}, fmt.Errorf("fetch: %w", err)
	}
	defer os.RemoveAll(repo) //nolint:errcheck // scratch is emptied at every start
	want, branch, err := g.resolve(ctx, r, f)
	if err != nil {
		return nil, spec.Commit{}, err
	}
	if err := g.prepare(ctx, repo); err != nil {
		return nil, spec.Commit{}, err
	}
	err = g.run(ctx, command{
		remote: &r, dir: repo, progress: f.Progress,
		args: []string{"fetch", "--progress", "--depth=1", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head", "--", r.String(), "+" + want + ":" + fetched},
	})
	if err != nil {
		return nil, spec.Commit{}, err
	}
	commit, err := g.describe(ctx, repo)
	if err != nil {
		return nil, spec.Commit{}, err
	}
	commit.Branch = branch
	tree, err := g.unpack(ctx, repo, f)
	if err != nil {
		return nil, spec.Commit{}, err
	}
	if err := refuseParts(tree.FS(), cmp.Or(f.Root, ".")); err != nil {
		return nil, spec.Commit{}, errors.Join(err, tree.Close(), os.RemoveAll(f.Dir))
	}
	return tree, commit, nil
}

// resolve says what to ask the server for.
func (g *Git) resolve(ctx context.Context, r Remote, f Fetch) (want, branch string, err error) {
	if f.Commit == "" && spec.IsHash(f.Ref) {
		return f.Ref, "", nil
	}
	if f.Commit != "" {
		if !spec.IsHash(f.Ref) {
			branch = f.Ref
		}
		return f.Commit, branch, nil
	}
	refs, err := g.List(ctx, r)
	if err != nil {
		return "", "", err
	}
	want, branch, ok := refs.find(f.Ref)
	switch {
	case ok:
		return want, branch, nil
	case f.Ref == "":
		return "", "", fault.New(fault.RefNotFound, "The repository %s has no default branch: it is empty, or no repository.", r.String()).WithHint("Push to it first, or name a branch.")
	}
	return "", "", fault.New(fault.RefNotFound, "The repository %s has no branch or tag %q.", r.String(), f.Ref).WithHint("%s", branchesOf(refs))
}

// branchesOf names some branches that are there.
func branchesOf(refs Refs) string {
	var names []string
	for _, b := range refs.Branches[:min(5, len(refs.Branches))] {
		names = append(names, clean(b.Name))
	}
	if len(names) == 0 {
		return "It has no branches: push one first."
	}
	return "It has " + strings.Join(names, ", ") + "."
}

// prepare makes an empty repository in which no attribute of a commit has any
// effect: what is unpacked is what was committed, byte by byte.
func (g *Git) prepare(ctx context.Context, repo string) error {
	if err := g.run(ctx, command{dir: repo, args: []string{"init", "--quiet", "--bare", "--template=", "--initial-branch=main", "."}}); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(repo, "info"), 0o700); err != nil {
		return fmt.Errorf("fetch: %w", err)
	}
	const none = "* -export-ignore -export-subst -text -eol -ident -filter -working-tree-encoding\n"
	if err := os.WriteFile(filepath.Join(repo, "info", "attributes"), []byte(none), 0o600); err != nil {
		return fmt.Errorf("fetch: %w", err)
	}
	return nil
}

// maxCommitMessage bounds what is kept of a commit's message, in bytes.
const maxCommitMessage = 4 << 10

// describe says what was fetched.
func (g *Git) describe(ctx context.Context, repo string) (spec.Commit, error) {
	text, err := g.output(ctx, command{dir: repo, args: []string{"log", "-1", "--no-show-signature", "--format=%H%x00%cI%x00%an%x00%B", fetched, "--"}})
	if err != nil {
		return spec.Commit{}, err
	}
	part := strings.SplitN(text, "\x00", 4)
	if len(part) != 4 || !spec.IsHash(part[0]) {
		return spec.Commit{}, fault.New(fault.SourceInvalid, "What was fetched is not a commit.")
	}
	at, err := time.Parse(time.RFC3339, part[1])
	if err != nil {
		at = time.Time{}
	}
	text = strings.ToValidUTF8(strings.TrimSpace(strings.ReplaceAll(part[3], "\x00", "")), "?")
	if len(text) > maxCommitMessage {
		text = strings.ToValidUTF8(text[:maxCommitMessage], "")
	}
	return spec.Commit{SHA: part[0], Message: text, Author: clean(part[2]), CommittedAt: at.UTC()}, nil
}

// unpack writes what was fetched to f.Dir.
func (g *Git) unpack(ctx context.Context, repo string, f Fetch) (*source.Tree, error) {
	if f.Root != "" && f.Root != "." {
		kind, err := g.output(ctx, command{dir: repo, args: []string{"cat-file", "-t", fetched + ":" + f.Root}})
		if exit, said := errors.AsType[*exec.ExitError](err); err != nil && (!said || !exit.Exited()) {
			return nil, err // git did not run, or not to its end
		}
		if err != nil || strings.TrimSpace(kind) != "tree" {
			return nil, fault.New(fault.NotBuildable, "The repository has no directory %q.", f.Root).WithHint("Change the service's root directory.")
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		zw, err := gzip.NewWriterLevel(w, gzip.NoCompression)
		if err == nil {
			err = g.run(ctx, command{dir: repo, stdout: zw, args: []string{"archive", "--format=tar", fetched}})
			err = errors.Join(err, zw.Close())
		}
		w.CloseWithError(err)
		done <- err
	}()
	limits := f.Limits
	if limits == (source.Limits{}) {
		limits.Archive = 3 << 30 // uncompressed, as git writes it
	}
	tree, err := source.Extract(ctx, r, f.Dir, limits)
	r.CloseWithError(context.Canceled)
	cancel()
	<-done
	if e, ok := errors.AsType[*fault.Error](err); ok && e.Code == fault.UploadInvalid {
		return nil, fault.New(fault.SourceInvalid, "%s", strings.Replace(e.Message, "The archive", "The repository", 1)).
			WithHint("Change that, push, and deploy again.").Because(err)
	}
	return tree, err
}

const lfsPointer = "version https://git-lfs.github.com/spec/v1\n"

// refuseParts fails with NOT_BUILDABLE if something below root is kept elsewhere
// and was not fetched: a build would take the pointer into Git LFS for the file,
// and the empty directory for the submodule.
func refuseParts(fsys fs.FS, root string) error {
	return fs.WalkDir(fsys, root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return refuseSubmodule(fsys, name)
		case d.Type().IsRegular():
			return refuseLFS(fsys, name, d)
		}
		return nil
	})
}

// refuseSubmodule refuses an empty directory, of which git keeps none of its own.
func refuseSubmodule(fsys fs.FS, name string) error {
	if name == "." {
		return nil
	}
	entries, err := fs.ReadDir(fsys, name)
	if err != nil || len(entries) > 0 {
		return err
	}
	return fault.New(fault.NotBuildable, "%q is a git submodule, which is not fetched.", name).
		WithHint("Commit its files to the repository itself, or set a root directory without it.")
}

func refuseLFS(fsys fs.FS, name string, d fs.DirEntry) error {
	info, err := d.Info()
	if err != nil || info.Size() < int64(len(lfsPointer)) || info.Size() > 1024 {
		return err
	}
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		return err
	}
	if bytes.HasPrefix(data, []byte(lfsPointer)) {
		return fault.New(fault.NotBuildable, "%q is kept in Git LFS, which is not fetched.", name).
			WithHint("Commit the file itself, or set a root directory without it and let the build download it.")
	}
	return nil
}
