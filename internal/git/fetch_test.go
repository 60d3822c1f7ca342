package git

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/outbound"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/test/repository"
)

// get fetches and reads all files.
func get(t *testing.T, g *Git, r Remote, f Fetch) (map[string]string, spec.Commit, error) {
	t.Helper()
	f.Dir = filepath.Join(t.TempDir(), "tree")
	tree, commit, err := g.Fetch(t.Context(), r, f)
	if err != nil {
		if _, serr := os.Stat(f.Dir); !errors.Is(serr, fs.ErrNotExist) {
			t.Errorf("the directory is left after %v", err)
		}
		return nil, commit, err
	}
	defer tree.Close()
	files := map[string]string{}
	err = fs.WalkDir(tree.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(tree.FS(), name)
		files[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(g.Scratch, "git-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("%q are left, %v", left, err)
	}
	return files, commit, nil
}

func TestBranchesTagsAndCommitsAreFetched(t *testing.T) {
	t.Parallel()
	w, g := repository.New(t, ""), newGit(t)
	first := w.Commit("the first\n\nwith a body", map[string]string{"a.txt": "1", "apps/web/b.txt": "2"})
	w.Git("tag", "--annotate", "--message", "release", "v1")
	w.Git("push", "--quiet", "origin", "v1")
	second := w.Commit("the second", map[string]string{"a.txt": "changed"})
	w.Git("checkout", "--quiet", "-b", "feature/x")
	third := w.Commit("the third", map[string]string{"c.txt": "3"})
	r := remote(t, w.URL, Credential{})

	refs, err := g.List(t.Context(), r)
	if err != nil || refs.Default != "main" || len(refs.Tags) != 1 ||
		!cmp.Equal(refs.Branches, []Ref{{"feature/x", third}, {"main", second}}) {
		t.Errorf("List = %+v, %v", refs, err)
	}
	for name, tt := range map[string]struct {
		fetch       Fetch
		sha, branch string
		files       map[string]string
	}{
		"the default branch":               {Fetch{}, second, "main", map[string]string{"a.txt": "changed", "apps/web/b.txt": "2"}},
		"a branch":                         {Fetch{Ref: "feature/x"}, third, "feature/x", map[string]string{"a.txt": "changed", "apps/web/b.txt": "2", "c.txt": "3"}},
		"a tag":                            {Fetch{Ref: "v1"}, first, "", map[string]string{"a.txt": "1", "apps/web/b.txt": "2"}},
		"a commit":                         {Fetch{Ref: first}, first, "", map[string]string{"a.txt": "1", "apps/web/b.txt": "2"}},
		"what a branch was":                {Fetch{Ref: "main", Commit: first}, first, "main", map[string]string{"a.txt": "1", "apps/web/b.txt": "2"}},
		"a directory":                      {Fetch{Ref: "main", Root: "apps/web"}, second, "main", map[string]string{"a.txt": "changed", "apps/web/b.txt": "2"}},
		"a directory of an earlier commit": {Fetch{Ref: first, Root: "apps"}, first, "", map[string]string{"a.txt": "1", "apps/web/b.txt": "2"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files, commit, err := get(t, newGit(t), r, tt.fetch)
			if err != nil || commit.SHA != tt.sha || commit.Branch != tt.branch || !cmp.Equal(files, tt.files) {
				t.Errorf("%+v, %q, %v", commit, files, err)
			}
			if commit.SHA == first && commit.Message != "the first\n\nwith a body" || commit.Author != "Ada" || time.Since(commit.CommittedAt) > time.Hour {
				t.Errorf("the commit is %+v", commit)
			}
		})
	}
	for name, tt := range map[string]struct {
		fetch Fetch
		code  fault.Code
		say   string
	}{
		"a branch that is not there":    {Fetch{Ref: "nope"}, fault.RefNotFound, `no branch or tag "nope"`},
		"a commit that is not there":    {Fetch{Ref: strings.Repeat("0a", 20)}, fault.RefNotFound, "no such commit"},
		"a directory that is not there": {Fetch{Root: "apps/api"}, fault.NotBuildable, `no directory "apps/api"`},
		"a file as the directory":       {Fetch{Root: "a.txt"}, fault.NotBuildable, `no directory "a.txt"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, _, err := get(t, g, r, tt.fetch); !fault.Is(err, tt.code) || !strings.Contains(err.Error(), tt.say) {
				t.Errorf("%v (%s), want %s", err, fault.CodeOf(err), tt.code)
			}
		})
	}
}

// That git could not look is no reason to change the service.
func TestADirectoryThatWasNotLookedForIsNotMissing(t *testing.T) {
	t.Parallel()
	g, stopped := newGit(t), errors.New("stopped")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stopped)
	for name, unpack := range map[string]func() error{
		"git does not start": func() error {
			_, err := g.unpack(t.Context(), filepath.Join(t.TempDir(), "gone"), Fetch{Root: "apps"})
			return err
		},
		"the fetch was ended": func() error { _, err := g.unpack(ctx, t.TempDir(), Fetch{Root: "apps"}); return err },
	} {
		if err := unpack(); err == nil || fault.Is(err, fault.NotBuildable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAPrivateRepositoryWantsItsToken(t *testing.T) {
	t.Parallel()
	w := repository.New(t, "private")
	w.Commit("one", map[string]string{"a": "1"})
	for name, tt := range map[string]struct {
		c    Credential
		code fault.Code
	}{
		"no token":        {Credential{}, fault.RepositoryUnauthorized},
		"a wrong token":   {Credential{Token: "wrong"}, fault.RepositoryUnauthorized},
		"a key":           {Credential{PrivateKey: "x"}, fault.RepositoryUnauthorized},
		"the token":       {Credential{Token: os.Getenv("TEST_GIT_TOKEN")}, ""},
		"and a user name": {Credential{Username: "ada", Token: os.Getenv("TEST_GIT_TOKEN")}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files, _, err := get(t, newGit(t), remote(t, w.URL, tt.c), Fetch{})
			if fault.CodeOf(err) != tt.code || err == nil && files["a"] != "1" {
				t.Errorf("%q, %v", files, err)
			}
			if err != nil && tt.c.Token != "" && strings.Contains(err.Error(), tt.c.Token) {
				t.Errorf("the token is in the error: %v", err)
			}
		})
	}
}

// What is committed arrives byte by byte, whatever its attributes ask for.
func TestAttributesHaveNoEffect(t *testing.T) {
	t.Parallel()
	w, g := repository.New(t, ""), newGit(t)
	files := map[string]string{
		".gitattributes": "* text eol=crlf\nhidden export-ignore\nsubst export-subst\nid ident\nrun filter=evil\n",
		"hidden":         "here", "subst": "$Format:%H$\n", "id": "$Id$\n", "run": "plain\n", "lines": "a\nb\n",
	}
	w.Git("config", "filter.evil.clean", "cat")
	w.Commit("one", files)
	got, _, err := get(t, g, remote(t, w.URL, Credential{}), Fetch{})
	if d := cmp.Diff(files, got); err != nil || d != "" {
		t.Errorf("%v\n%s", err, d)
	}
}

// What is kept elsewhere does not matter outside of what is built.
func TestOnlyTheRootDirectoryHasToBeWhole(t *testing.T) {
	t.Parallel()
	w, g := repository.New(t, ""), newGit(t)
	w.Commit("one", map[string]string{"app/a": "1", "big.bin": lfsPointer + "oid sha256:" + strings.Repeat("a", 64) + "\nsize 12345\n"})
	w.Submodule("s")
	if files, _, err := get(t, g, remote(t, w.URL, Credential{}), Fetch{Root: "app"}); err != nil || files["app/a"] != "1" {
		t.Errorf("%q, %v", files, err)
	}
}

func TestHostileCommitsAreRefused(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		make func(*repository.Repository)
		code fault.Code
		say  string
	}{
		"a link out of the tree": {func(w *repository.Repository) { w.Link("passwd", "/etc/passwd") }, fault.SourceInvalid, "leads out"},
		"a file in Git LFS": {func(w *repository.Repository) {
			w.Commit("lfs", map[string]string{"big.bin": lfsPointer + "oid sha256:" + strings.Repeat("a", 64) + "\nsize 12345\n"})
		}, fault.NotBuildable, "Git LFS"},
		"a submodule":    {func(w *repository.Repository) { w.Submodule("themes/sea") }, fault.NotBuildable, "\"themes/sea\" is a git submodule"},
		"nothing at all": {func(*repository.Repository) {}, fault.RefNotFound, "no default branch"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, g := repository.New(t, ""), newGit(t)
			tt.make(w)
			if _, _, err := get(t, g, remote(t, w.URL, Credential{}), Fetch{}); !fault.Is(err, tt.code) || !strings.Contains(err.Error(), tt.say) {
				t.Errorf("%v (%s), want %s", err, fault.CodeOf(err), tt.code)
			}
		})
	}
}

func TestWhatCannotBeReached(t *testing.T) {
	t.Parallel()
	g := newGit(t)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	var asked atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(elsewhere.Close)
	redirects := httptest.NewServer(http.RedirectHandler(elsewhere.URL+"/app/info/refs?service=git-upload-pack", http.StatusMovedPermanently))
	t.Cleanup(redirects.Close)
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>hello")) }))
	t.Cleanup(page.Close)
	gone := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(gone.Close)

	for name, tt := range map[string]struct {
		url  string
		git  *Git
		code fault.Code
	}{
		"nobody listens":               {"http://" + closed.Addr().String() + "/app", g, fault.RepositoryAway},
		"a redirect to another host":   {redirects.URL + "/app", g, fault.RepositoryNotFound},
		"a page":                       {page.URL + "/app", g, ""},
		"no repository":                {gone.URL + "/app", g, fault.RepositoryNotFound},
		"this machine, unless allowed": {strings.Replace(gone.URL, "http:", "https:", 1) + "/app", &Git{Scratch: g.Scratch, Getenv: os.Getenv}, fault.SourceForbidden},
		"its name, unless allowed":     {"https://localhost/app", &Git{Scratch: g.Scratch, Getenv: os.Getenv}, fault.SourceForbidden},
		"its name by ssh":              {"git@localhost:app", &Git{Scratch: g.Scratch, Getenv: os.Getenv}, fault.SourceForbidden},
		"the metadata service":         {"https://169.254.169.254/app", &Git{Scratch: g.Scratch, Getenv: os.Getenv}, fault.SourceForbidden},
		"plain http, unless allowed":   {"http://93.184.215.14/app", &Git{Scratch: g.Scratch, Getenv: os.Getenv}, fault.SourceForbidden},
		"a host that has no name":      {"https://nothing.invalid/app", g, fault.SourceForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := tt.git.List(t.Context(), remote(t, tt.url, Credential{}))
			if code := fault.CodeOf(err); code != tt.code && (name != "a host that has no name" || code != fault.Unavailable) {
				t.Errorf("%v (%s), want %s", err, fault.CodeOf(err), tt.code)
			}
		})
	}
	t.Cleanup(func() {
		if n := asked.Load(); n != 0 {
			t.Errorf("a redirect was followed %d times", n)
		}
	})
}

// A server that says nothing holds nobody up.
func TestAFetchEndsWithItsContext(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	g := newGit(t)
	why := fault.New(fault.Canceled, "enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		conn, err := silent.Accept()
		cancel(why)
		if err == nil {
			defer conn.Close()
			<-t.Context().Done()
		}
	}()
	if _, err := g.List(ctx, remote(t, "http://"+silent.Addr().String()+"/app", Credential{})); !errors.Is(err, why) {
		t.Errorf("List = %v", err)
	}
}

func TestNothingOfThisMachineIsGivenToGit(t *testing.T) {
	t.Setenv("GIT_SSH_COMMAND", "touch /tmp/davit-pwned")
	t.Setenv("GIT_EXTERNAL_DIFF", "x")
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	r := remote(t, "https://127.0.0.1/app", Credential{Token: "t0ken"})
	env, err := (&Git{Outbound: outbound.Policy{AllowPrivate: true}, Getenv: os.Getenv}).environment(t.Context(), &r)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range env {
		name, _, _ := strings.Cut(v, "=")
		if name == "GIT_SSH_COMMAND" || name == "GIT_EXTERNAL_DIFF" || name == "HTTPS_PROXY" || strings.Contains(v, "t0ken") {
			t.Errorf("git gets %s", v)
		}
	}
}
