package worker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/git"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/source"
	"github.com/davitdev/davit/internal/spec"
)

// fetchLimit bounds how long a repository may take to arrive.
const fetchLimit = 10 * time.Minute

// fetchesAtOnce bounds the sources of this process that arrive at a time: each
// takes memory and the disk.
const fetchesAtOnce = 8

// sourceDir is where the source of a claim lies: no other run has the same.
func (b *Builds) sourceDir(c *deploy.Claim) string {
	return filepath.Join(b.Scratch, fmt.Sprintf("%s-%d", c.ID, c.Epoch))
}

// discardSource removes what a run fetched.
func (w *Worker) discardSource(ctx context.Context, c *deploy.Claim) {
	if w.Builds.Scratch == "" || w.Builds.waiting.kept(c.ID) {
		return
	}
	if err := os.RemoveAll(w.Builds.sourceDir(c)); err != nil {
		w.Log.WarnContext(ctx, "a source stays behind until the next start", "deployment", c.ID, "err", err)
	}
}

// fetched is the source of a deployment, which this run may have already.
func (w *Worker) fetched(ctx context.Context, c *deploy.Claim) (*source.Tree, error) {
	dir := w.Builds.sourceDir(c)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return w.fetch(ctx, c)
	}
	return source.OpenTree(dir)
}

// fetch gets the source of a deployment, when few others arrive. The caller
// closes it; it stays until discardSource.
func (w *Worker) fetch(ctx context.Context, c *deploy.Claim) (*source.Tree, error) {
	leave, err := w.Builds.fetches.enter(ctx, fetchesAtOnce, func() {
		w.Recorder.Say(ctx, c.Row, lifecycle.Info, fmt.Sprintf("Waiting: %d sources are fetched at a time.", fetchesAtOnce))
	})
	if err != nil {
		return nil, err
	}
	defer leave()
	dir := w.Builds.sourceDir(c)
	if err := os.RemoveAll(dir); err != nil { // of an attempt before
		return nil, fmt.Errorf("fetch: %w", err)
	}
	unpack := w.unpackUpload
	if c.Row.Source.Git != nil {
		unpack = w.fetchGit
	}
	tree, err := unpack(ctx, c, dir)
	if err == nil {
		w.Builds.waiting.unpacked(c.ID, tree)
	}
	return tree, err
}

// unfolds is how many times larger than its archive a source is taken to be.
const unfolds = 4

func (w *Worker) unpackUpload(ctx context.Context, c *deploy.Claim, dir string) (*source.Tree, error) {
	sum, err := w.Deploy.ArtifactSum(ctx, c.Row.Source.Upload.ArtifactID)
	if err != nil {
		return nil, err
	}
	archive, err := w.Builds.Uploads.Open(sum)
	if err != nil {
		return nil, err
	}
	defer archive.Close()
	info, err := archive.Stat()
	if err != nil {
		return nil, fmt.Errorf("fetch: %w", err)
	}
	if err := w.makeSpace(ctx, c, minSpace+unfolds*info.Size()); err != nil {
		return nil, err
	}
	return source.Extract(ctx, archive, dir, source.Limits{})
}

// fetchGit gets a commit of a repository: the one that was fetched before, if
// one was.
func (w *Worker) fetchGit(ctx context.Context, c *deploy.Claim, dir string) (*source.Tree, error) {
	if err := w.makeSpace(ctx, c, minSpace); err != nil {
		return nil, err
	}
	src := c.Row.Source.Git
	repository, err := spec.ParseRepository("source.git.repository", src.Repository)
	if err != nil {
		return nil, err
	}
	login, err := w.Deploy.OpenGitCredential(ctx, c.Row.ServiceID, repository)
	if err != nil {
		return nil, err
	}
	ctx, cancel := within(ctx, fetchLimit, fault.New(fault.RepositoryAway, "The repository did not arrive within %s.", fetchLimit))
	defer cancel()
	want := git.Fetch{
		Ref: src.Ref, Commit: src.Commit, Root: src.RootDirectory, Dir: dir,
		Progress: func(line string) { w.Recorder.Say(ctx, c.Row, lifecycle.Info, line) },
	}
	if c.Row.Commit != nil {
		want.Commit = c.Row.Commit.SHA
	}
	w.Recorder.Say(ctx, c.Row, lifecycle.Info, "Fetching "+repository.String())
	tree, commit, err := w.Builds.Git.Fetch(ctx, git.Remote{Repository: repository, Credential: git.Credential(login)}, want)
	if err != nil {
		return nil, cause(ctx, err)
	}
	if c.Row.Commit != nil {
		return tree, nil
	}
	w.Recorder.Say(ctx, c.Row, lifecycle.Info, "Commit "+commit.SHA+" by "+commit.Author)
	if err := w.Deploy.SetCommit(ctx, c, commit); err != nil {
		tree.Close()
		return nil, err
	}
	return tree, nil
}
