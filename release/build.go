package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

type platform struct{ os, arch string }

// release is one version of Davit. All fields are required.
type release struct {
	dir             string // of the sources
	version, commit string
	time            time.Time // of every file in the archives
	out             string    // directory of the archives
}

// build writes the archives of some platforms and SHA256SUMS.
func (r release) build(ctx context.Context, of []platform) error {
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return err
	}
	var sums bytes.Buffer
	for _, p := range of {
		name, archive, err := r.archive(ctx, p)
		if err != nil {
			return fmt.Errorf("%s/%s: %w", p.os, p.arch, err)
		}
		if err := os.WriteFile(filepath.Join(r.out, name), archive, 0o644); err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(archive), name)
		fmt.Printf("%s, %.1f MB\n", name, float64(len(archive))/1e6)
	}
	return os.WriteFile(filepath.Join(r.out, "SHA256SUMS"), sums.Bytes(), 0o644)
}

// archive builds the program of a platform and packs it.
func (r release) archive(ctx context.Context, p platform) (name string, archive []byte, err error) {
	name = fmt.Sprintf("davit_%s_%s_%s", strings.TrimPrefix(r.version, "v"), p.os, p.arch)
	program, err := r.compile(ctx, p)
	if err != nil {
		return "", nil, err
	}
	binary, pack, suffix := "davit", tarball, ".tar.gz"
	if p.os == "windows" {
		binary, pack, suffix = "davit.exe", zipped, ".zip"
	}
	files := []file{{name + "/" + binary, 0o755, program}}
	docs, err := r.documents()
	if err != nil {
		return "", nil, err
	}
	for _, doc := range docs {
		text, err := os.ReadFile(filepath.Join(r.dir, doc))
		if err != nil {
			return "", nil, err
		}
		files = append(files, file{name + "/" + doc, 0o644, text})
	}
	archive, err = pack(files, r.time)
	return name + suffix, archive, err
}

// documents are the names of the files beside the program, in order: what one of
// them links to is another of them.
func (r release) documents() ([]string, error) {
	names := []string{"LICENSE", "README.md", "SECURITY.md", "CONTRIBUTING.md", "davit.env.example"}
	err := fs.WalkDir(os.DirFS(r.dir), "docs", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, name)
		}
		return err
	})
	return names, err
}

// compile returns a static program. Nothing of the machine is in it: no paths,
// no C library, no state of the checkout, no choice of the environment.
func (r release) compile(ctx context.Context, p platform) ([]byte, error) {
	tmp, err := os.MkdirTemp("", "davit-release-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	program := filepath.Join(tmp, "davit")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-o", program,
		"-ldflags", "-s -w -X main.Version="+r.version+" -X main.Commit="+r.commit, "./cmd/davit")
	cmd.Dir = r.dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+p.os, "GOARCH="+p.arch, "GOAMD64=v1", "GOARM64=v8.0", "GOFLAGS=", "GOEXPERIMENT=", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build: %w\n%s", err, out)
	}
	return os.ReadFile(program)
}
