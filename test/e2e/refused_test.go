package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/test/repository"
)

// git is the source of a repository; ref and root may be "".
func git(repository, ref, root string) input {
	in := input{"repository": repository}
	if ref != "" {
		in["ref"] = ref
	}
	if root != "" {
		in["rootDirectory"] = root
	}
	return input{"git": in}
}

// unbuildable is a source that is refused before anything is built of it, and
// what is said about it.
type unbuildable struct {
	name   string
	strict bool // no private network may be reached
	// Either git is the source, or send sends one and returns its artifact.
	git          func(t *testing.T) input
	send         func(s *service) string
	code         fault.Code
	says, advice string
}

func unbuildables(good, private *repository.Repository) []unbuildable {
	is := func(in input) func(t *testing.T) input { return func(*testing.T) input { return in } }
	commit := func(make func(r *repository.Repository)) func(t *testing.T) input {
		return func(t *testing.T) input {
			t.Helper()
			r := repository.New(t, "")
			make(r)
			return git(r.URL, "", "")
		}
	}
	dockerfile := func(text string) func(s *service) string {
		return func(s *service) string { return s.send(s.dockerfile(strings.ReplaceAll(text, "APP", s.app("v1")))) }
	}
	archive := func(data []byte) func(s *service) string {
		return func(s *service) string { return s.sendArchive(data) }
	}
	return []unbuildable{
		{
			name: "a repository that does not exist", git: is(git(good.URL+"-not", "", "")),
			code: fault.RepositoryNotFound, says: "There is no repository http://", advice: "Check the address",
		}, {
			name: "a repository that asks for a password", git: is(git(private.URL, "", "")),
			code: fault.RepositoryUnauthorized, says: "does not exist or asks for a credential", advice: "Give a token",
		}, {
			name: "a token that is wrong", git: is(input{"git": input{"repository": private.URL, "token": "wrong"}}),
			code: fault.RepositoryUnauthorized, says: "does not accept the token", advice: "has not expired",
		}, {
			name: "a branch that does not exist", git: is(git(good.URL, "nope", "")),
			code: fault.RefNotFound, says: `has no branch or tag "nope"`, advice: "It has main.",
		}, {
			name: "a commit that does not exist", git: is(git(good.URL, strings.Repeat("0a", 20), "")),
			code: fault.RefNotFound, says: "has no such commit", advice: "force push",
		}, {
			name: "a repository without a commit", git: commit(func(*repository.Repository) {}),
			code: fault.RefNotFound, says: "has no default branch", advice: "Push to it first",
		}, {
			name: "a directory that does not exist", git: is(git(good.URL, "", "apps/web")),
			code: fault.NotBuildable, says: `has no directory "apps/web"`, advice: "root directory",
		}, {
			name: "a directory that is an option", git: is(git(good.URL, "", "--upload-pack=id")),
			code: fault.NotBuildable, says: `has no directory "--upload-pack=id"`, advice: "root directory",
		}, {
			name: "a link out of the tree", git: commit(func(r *repository.Repository) { r.Link("passwd", "/etc/passwd") }),
			code: fault.SourceInvalid, says: `the link "passwd" leads out of the directory, to "/etc/passwd"`, advice: "push",
		}, {
			name: "a submodule", git: commit(func(r *repository.Repository) { r.Submodule("themes/sea") }),
			code: fault.NotBuildable, says: `"themes/sea" is a git submodule`, advice: "Commit its files",
		}, {
			name: "a file in Git LFS", git: commit(func(r *repository.Repository) {
				r.Commit("lfs", map[string]string{"big.bin": "version https://git-lfs.github.com/spec/v1\noid sha256:" + strings.Repeat("a", 64) + "\nsize 12345\n"})
			}),
			code: fault.NotBuildable, says: `"big.bin" is kept in Git LFS`, advice: "Commit the file itself",
		}, {
			name: "nothing that says how to build it", git: commit(func(r *repository.Repository) { r.Commit("text", map[string]string{"README.md": "# Hello"}) }),
			code: fault.NotBuildable, says: "add a Dockerfile",
		}, {
			name: "a repository on this machine", strict: true, git: is(git("https://localhost/team/app", "", "")),
			code: fault.SourceForbidden, says: `The host "localhost" is not a public one`, advice: "--allow-private-networks",
		}, {
			name: "a repository of the cloud's metadata", strict: true, git: is(git("https://169.254.169.254/latest", "", "")),
			code: fault.SourceForbidden, says: `The host "169.254.169.254" is not a public one`, advice: "--allow-private-networks",
		}, {
			name: "a repository by plain http", strict: true, git: is(git(good.URL, "", "")),
			code: fault.SourceForbidden, says: "not fetched by plain http", advice: "Use https or ssh",
		}, {
			name: "a Dockerfile that fetches from this machine", strict: true, send: dockerfile("FROM APP\nADD http://127.0.0.1:1/x /\n"),
			code: fault.SourceForbidden, says: `Line 2 of the Dockerfile, "ADD http://127.0.0.1:1/x /"`, advice: "public addresses",
		}, {
			name: "a Dockerfile that asks the cloud's metadata", strict: true, send: dockerfile("FROM APP\nADD http://169.254.169.254/latest/meta-data /\n"),
			code: fault.SourceForbidden, says: `The host "169.254.169.254" is not a public one`, advice: "public addresses",
		}, {
			name: "a Dockerfile for a foreign frontend", send: dockerfile("# syntax=APP\nFROM APP\n"),
			code: fault.DockerfileInvalid, says: "another frontend than docker/dockerfile", advice: "Correct the Dockerfile",
		}, {
			name: "a Dockerfile that is none", send: dockerfile("FORM APP\n"),
			code: fault.DockerfileInvalid, says: "unknown instruction: FORM", advice: "Correct the Dockerfile",
		}, {
			name: "an archive that ends too early", send: archive(tarball("Dockerfile", 4096)[:40]),
			code: fault.UploadInvalid, says: "it ends too early", advice: "davit deploy",
		}, {
			name: "an archive that is no gzipped tar", send: archive([]byte("PK\x03\x04 and more")),
			code: fault.UploadInvalid, says: "it is not a gzipped tar", advice: "tar -czf",
		}, {
			name: "an archive that leads out of its directory", send: archive(tarball("../../etc/cron.d/x", 1)),
			code: fault.UploadInvalid, says: `"../../etc/cron.d/x" leads out of the directory`, advice: "tar -czf",
		}, {
			name: "an archive that becomes a thousand times larger", send: archive(tarball("zeros", 64<<20)),
			code: fault.UploadInvalid, says: "more than 200 times its size", advice: "tar -czf",
		},
	}
}

func TestWhatIsNoSourceSaysWhy(t *testing.T) {
	t.Parallel()
	private, good := repository.New(t, "private"), repository.New(t, "")
	private.Commit("one", map[string]string{"index.html": "private"})
	good.Commit("one", map[string]string{"index.html": "public"})
	open, strict := newHouse(t, "--allow-private-networks"), newHouse(t)
	for _, tt := range unbuildables(good, private) {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := open.in(t)
			if tt.strict {
				h = strict.in(t)
			}
			of, source := input{}, upload()
			if tt.git != nil {
				source = tt.git(t)
			}
			s := h.service("refused", source, nil)
			if tt.send != nil {
				of["artifactId"] = tt.send(s)
			}
			h.explains(s.completed(s.request(of).ID), tt.code, tt.says, tt.advice)
		})
	}
}

// tarball is a gzipped tar with one file of so many zeros.
func tarball(name string, size int64) []byte {
	var out bytes.Buffer
	zw := gzip.NewWriter(&out)
	tw := tar.NewWriter(zw)
	err := tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: size})
	_, cerr := io.CopyN(tw, zeros{}, size)
	if err := errors.Join(err, cerr, tw.Close(), zw.Close()); err != nil {
		panic(err) // a buffer takes everything
	}
	return out.Bytes()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// explains wants a failure of the user's making with a sentence and advice,
// after which nothing is left running.
func (h *house) explains(d deployment, code fault.Code, says, advice string) {
	h.t.Helper()
	f := d.Failure
	if *d.Conclusion != lifecycle.Failed || f == nil {
		h.t.Fatalf("it ended as %s: %+v", *d.Conclusion, f)
	}
	hint := ""
	if f.Hint != nil {
		hint = *f.Hint
	}
	h.t.Logf("%s: %s (%s)", f.Code, f.Message, hint)
	if f.Code != code || f.Domain != fault.User || f.Retryable {
		h.t.Errorf("it is %s of %s, want %s", f.Code, f.Domain, code)
	}
	if !strings.Contains(f.Message, says) || !strings.HasSuffix(f.Message, ".") {
		h.t.Errorf("it says %q, which lacks %q or is no sentence", f.Message, says)
	}
	if !strings.Contains(hint, advice) {
		h.t.Errorf("it advises %q, which lacks %q", hint, advice)
	}
	if !gone(d) {
		h.t.Errorf("it left %+v", d.Replicas)
	}
}

// What is sent is what was announced, once.
func TestAnUploadIsWhatWasAnnounced(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.service("upload", upload(), nil)
	_, to := s.announce([]byte("announced"))
	for _, tt := range []struct{ name, body, says string }{
		{"of another size", "short", "9 bytes were announced, not 5"},
		{"with other bytes", "ANNOUNCED", "differs from the SHA-256 that was announced: send it again"},
	} {
		err := s.api.Upload(s.ctx, to, strings.NewReader(tt.body), int64(len(tt.body)))
		if !fault.Is(err, fault.UploadInvalid) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("an upload %s: %v", tt.name, err)
		}
	}
	send := func() error { return s.api.Upload(s.ctx, to, strings.NewReader("announced"), 9) }
	if err := send(); err != nil {
		t.Error(err)
	}
	if err := send(); !fault.Is(err, fault.UploadExpired) {
		t.Errorf("the second time: %v", err)
	}
	var none struct{}
	err := h.api.Do(h.ctx, `mutation($input:CreateUploadInput!){createUpload(input:$input){artifact{id}}}`, client.Variables{"input": input{
		"serviceId": s.id, "filename": "source.tar.gz", "sizeBytes": int64(1) << 40, "sha256": strings.Repeat("ab", 32),
	}}, &none)
	if !fault.Is(err, fault.RequestTooLarge) {
		t.Errorf("a terabyte: %v", err)
	}
}
