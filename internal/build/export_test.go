package build_test

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"path"
	"strings"
	"testing"

	"github.com/davitdev/davit/internal/build"
)

// readTar returns the files of a tar by their paths.
func readTar(r io.Reader) (map[string]string, error) {
	out := map[string]string{}
	tr := tar.NewReader(r)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		if h.Typeflag == tar.TypeReg {
			text, err := io.ReadAll(tr)
			if err != nil {
				return nil, err
			}
			out[path.Clean(h.Name)] = string(text)
		}
	}
}

// The files of a static build come as a tar, and leave nothing in the engine.
func TestStaticFilesAreExported(t *testing.T) {
	t.Parallel()
	api := engine(t)
	req := request(t, map[string]string{"index.html": "<h1>hello</h1>", "a/b.css": strings.Repeat("b{}", 100_000), ".env": "TOKEN=x"}, build.Options{})
	var files map[string]string
	req.Export = func(r io.Reader) (err error) { files, err = readTar(r); return err }
	result, err := buildKit(api).Build(t.Context(), req, &heard{})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 2 || files["index.html"] != "<h1>hello</h1>" || len(files["a/b.css"]) != 300_000 {
		t.Errorf("%d files: %.200v", len(files), files)
	}
	if result.Image != "" || result.Platform == "" {
		t.Errorf("result %+v", result)
	}
	if _, err := api.ImageInspect(t.Context(), build.Reference(req.Instance, req.Deployment)); err == nil {
		t.Error("an image was made")
	}
}

// Whoever refuses a file ends the build with his own error.
func TestAnExportThatIsRefusedFailsTheBuild(t *testing.T) {
	t.Parallel()
	api := engine(t)
	req := request(t, map[string]string{"index.html": "x", "large": strings.Repeat("x", 4<<20)}, build.Options{})
	refused := errors.New("refused")
	req.Export = func(r io.Reader) error {
		_, err := io.CopyN(io.Discard, r, 1<<10)
		return errors.Join(refused, err)
	}
	if _, err := buildKit(api).Build(t.Context(), req, &heard{}); !errors.Is(err, refused) {
		t.Errorf("err = %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped")
	req.Export = func(r io.Reader) error {
		cancel(stopped)
		_, err := io.Copy(io.Discard, r)
		return err
	}
	if _, err := buildKit(api).Build(ctx, req, &heard{}); !errors.Is(err, stopped) {
		t.Errorf("err = %v", err)
	}
}

// A build that fails before it has files tells why.
func TestAnExportThatNeverCameTellsWhy(t *testing.T) {
	t.Parallel()
	api := engine(t)
	req := request(t, map[string]string{"index.html": "x"}, build.Options{})
	req.Plan.Dockerfile = []byte("FROM debian:bookworm-slim AS build\nRUN echo no files today >&2 && exit 3\nFROM scratch\nCOPY --from=build /nothing /\n")
	called := false
	req.Export = func(io.Reader) error { called = true; return nil }
	_, err := buildKit(api).Build(t.Context(), req, &heard{})
	e, ok := errors.AsType[*build.Error](err)
	if !ok || e.ExitCode != 3 || called {
		t.Errorf("err = %v, the reader was called: %v", err, called)
	}
}
