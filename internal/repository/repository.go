// Package repository looks into git repositories before anything is made of
// them: who may create services may ask what a repository has and how it would
// be built.
package repository

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/internal/access"
	"github.com/davitdev/davit/internal/bucket"
	"github.com/davitdev/davit/internal/build"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/git"
	"github.com/davitdev/davit/internal/source"
	"github.com/davitdev/davit/internal/spec"
)

// Reader looks into repositories. All exported fields are required. It is safe
// for concurrent use.
type Reader struct {
	DB      *ent.Client
	Git     *git.Git
	Scratch string // directory for sources under way, emptied at start
	Limits  Limits

	callers bucket.Set    // by principal
	once    sync.Once     // makes busy
	busy    chan struct{} // one for each look under way
}

// Credential opens a private repository. The zero value opens public ones.
type Credential struct {
	Username string // "" is one that forges take with any token
	Token    string
}

// Repository is a repository at the time it was opened.
type Repository struct {
	spec.Repository
	// Refs are its branches and tags, none if Problem is set.
	Refs git.Refs
	// Problem says why it cannot be pulled, nil if it can.
	Problem *fault.Error

	reader *Reader
	remote git.Remote
}

// Open lists the branches of a repository. One that is not there or wants
// another credential has a Problem. It fails with INVALID for what is no
// address, SOURCE_FORBIDDEN for one that may not be reached, FORBIDDEN for
// somebody who may create services nowhere, TOO_MANY_REQUESTS for somebody who
// asks too often, and REPOSITORY_UNAVAILABLE.
func (r *Reader) Open(ctx context.Context, url string, c Credential) (*Repository, error) {
	if err := access.Somewhere(ctx, r.DB, access.Write); err != nil {
		return nil, err
	}
	address, err := spec.ParseRepository("url", url)
	if err != nil {
		return nil, err
	}
	if err := spec.CheckGitToken("credential", c.Username, c.Token); err != nil {
		return nil, err
	}
	remote := git.Remote{Repository: address, Credential: git.Credential{Token: c.Token}}
	if c.Token != "" {
		remote.Credential.Username = cmp.Or(c.Username, spec.GitUser)
	}
	done, err := r.begin(ctx, costList)
	if err != nil {
		return nil, err
	}
	defer done()
	ctx, cancel := within(ctx, r.Limits.List)
	defer cancel()
	out := &Repository{Repository: address, reader: r, remote: remote}
	out.Refs, err = r.Git.List(ctx, remote)
	if f, ok := errors.AsType[*fault.Error](err); ok && (f.Code == fault.RepositoryNotFound || f.Code == fault.RepositoryUnauthorized) {
		out.Problem = f
		return out, nil
	}
	return out, cause(ctx, err)
}

// FullName is the path of the repository: "team/shop".
func (r *Repository) FullName() string {
	return strings.TrimSuffix(strings.Trim(r.Path, "/"), ".git")
}

// Detection is how a commit would be built.
type Detection struct {
	build.Plan
	Commit spec.Commit
}

// Detect says how a ref of the repository would be built, "" being the default
// branch, from a directory of it, "" being all of it. Nothing of it is kept. It
// fails like Open, with REF_NOT_FOUND, and as build.Detect does.
func (r *Repository) Detect(ctx context.Context, ref, root string) (*Detection, error) {
	if err := (spec.GitSource{Repository: r.String(), Ref: ref, RootDirectory: root}).Check("detect"); err != nil {
		return nil, err
	}
	if r.Problem != nil {
		return nil, r.Problem
	}
	done, err := r.reader.begin(ctx, costFetch)
	if err != nil {
		return nil, err
	}
	defer done()
	ctx, cancel := within(ctx, r.reader.Limits.Fetch)
	defer cancel()
	dir, err := os.MkdirTemp(r.reader.Scratch, "look-")
	if err != nil {
		return nil, fmt.Errorf("detect: %w", err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // scratch is emptied at every start
	tree, commit, err := r.reader.Git.Fetch(ctx, r.remote, git.Fetch{Ref: ref, Root: root, Dir: filepath.Join(dir, "source"), Limits: r.reader.Limits.Source})
	if err != nil {
		return nil, cause(ctx, err)
	}
	defer tree.Close()
	plan, err := build.Detect(tree.FS(), build.Options{RootDirectory: root})
	if err != nil {
		return nil, err
	}
	return &Detection{plan, commit}, nil
}

func within(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, d, fault.New(fault.RepositoryAway, "The repository did not answer within %s.", d))
}

// cause is why ctx ended, if it did, else err.
func cause(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// DefaultLimits are those of an installation.
func DefaultLimits() Limits {
	return Limits{
		Rate: rate.Every(3 * time.Second), Burst: 30, AtOnce: 4, List: 20 * time.Second, Fetch: 90 * time.Second,
		Source: source.Limits{Archive: 512 << 20, Total: 512 << 20, Files: 50_000},
	}
}
