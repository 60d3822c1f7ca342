package site

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/andybalholm/brotli"

	"github.com/davitdev/davit/internal/fault"
)

func TestEqualFilesAreOneBundle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)

	files := map[string]string{"index.html": page, "about.html": page, "a.css": "a{}", ".env": "SECRET=1", ".well-known/security.txt": "Contact: x"}
	first := w.bundle(files, Options{})
	if first.Had || first.Files != 4 || first.Bytes != int64(2*len(page)+len("a{}Contact: x")) {
		t.Errorf("bundle = %+v", first)
	}
	if len(first.Notes) != 1 || !strings.Contains(first.Notes[0], "begins with a dot") {
		t.Errorf("notes = %q", first.Notes)
	}
	again := w.bundle(files, Options{Like: []string{first.ID}})
	if again.ID != first.ID || !again.Had {
		t.Errorf("again = %+v, first %+v", again, first)
	}
	files["a.css"] = "a{color:red}"
	if other := w.bundle(files, Options{}); other.ID == first.ID || other.Had {
		t.Errorf("another content has the same bundle %+v", other)
	}
	if spa := w.bundle(files, Options{SPA: true}); spa.Had {
		t.Error("what answers otherwise is the same bundle")
	}
	if err := w.store.Verify(first.ID); err != nil {
		t.Error(err)
	}
}

func TestTextIsCompressedBeforehand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)

	noise := make([]byte, 4096) // text by its name only
	for i := range noise {
		noise[i] = byte(i * i * 31 >> 3)
	}
	b := w.bundle(map[string]string{"index.html": page, "copy.html": "-> index.html", "small.css": "a{}", "photo.png": page}, Options{})
	sum, _ := ParseSum(b.ID)
	m, err := readManifest(w.store.root, sum)
	if err != nil {
		t.Fatal(err)
	}
	read := func(b *Blob) []byte {
		data, err := os.ReadFile(filepath.Join(w.store.Dir(), blobPath(b.SHA256)))
		if err != nil || int64(len(data)) != b.Size {
			t.Fatalf("%d bytes, %v; want %d", len(data), err, b.Size)
		}
		return data
	}
	for _, f := range m.Files {
		if packed := f.Gzip != nil && f.Brotli != nil; packed != strings.HasSuffix(f.Path, ".html") {
			t.Errorf("%s: compressed is %v", f.Path, packed)
			continue
		} else if !packed {
			continue
		}
		zr, err := gzip.NewReader(bytes.NewReader(read(f.Gzip)))
		if err != nil {
			t.Fatal(err)
		}
		for name, r := range map[string]io.Reader{"gzip": zr, "br": brotli.NewReader(bytes.NewReader(read(f.Brotli)))} {
			if got, err := io.ReadAll(r); err != nil || string(got) != page {
				t.Errorf("%s of %s is not its content: %v", name, f.Path, err)
			}
		}
	}
}

func TestWhatCannotBeServedIsRefused(t *testing.T) {
	t.Parallel()

	for name, tt := range map[string]struct {
		files  map[string]string
		limits Limits
		code   fault.Code
		say    string
	}{
		"no index":          {map[string]string{"about.html": "x"}, Limits{}, fault.NotBuildable, "index.html"},
		"leads out":         {map[string]string{"index.html": "x", "a": "-> ../etc/passwd"}, Limits{}, fault.SourceInvalid, "leads out"},
		"absolute":          {map[string]string{"index.html": "x", "a": "-> /etc/passwd"}, Limits{}, fault.SourceInvalid, "leads out"},
		"circle":            {map[string]string{"index.html": "x", "a": "-> b", "b": "-> a"}, Limits{}, fault.SourceInvalid, "circle"},
		"own parent":        {map[string]string{"index.html": "x", "d/x": "y", "d/loop": "-> ../d"}, Limits{}, fault.SourceInvalid, "circle"},
		"root":              {map[string]string{"index.html": "x", "loop": "-> ."}, Limits{}, fault.SourceInvalid, "circle"},
		"too many":          {map[string]string{"index.html": "x", "a": "x", "b": "x"}, Limits{Files: 2}, fault.SourceInvalid, "more than 2 files"},
		"too many by links": {map[string]string{"index.html": "x", "d/a": "x", "d/b": "x", "e": "-> d"}, Limits{Files: 4}, fault.SourceInvalid, "more than 4 files"},
		"too large":         {map[string]string{"index.html": page}, Limits{File: 1 << 10}, fault.SourceInvalid, "index.html"},
		"too large in all":  {map[string]string{"index.html": page, "b": page}, Limits{Total: int64(len(page)) + 1}, fault.SourceInvalid, "files have more"},
		"too large names":   {map[string]string{"index.html": "x", strings.Repeat("n", 100): "x"}, Limits{Names: 100}, fault.SourceInvalid, "names"},
		"long name":         {map[string]string{"index.html": "x", strings.Repeat("n/", 600) + "n": "x"}, Limits{}, fault.SourceInvalid, "path of more"},
		"deep":              {map[string]string{"index.html": "x", strings.Repeat("n/", 66) + "n": "x"}, Limits{}, fault.SourceInvalid, "deep"},
		"control":           {map[string]string{"index.html": "x", "a\x1b[31m": "x"}, Limits{}, fault.SourceInvalid, "control character"},
		"bad UTF-8":         {map[string]string{"index.html": "x", "a\xff": "x"}, Limits{}, fault.SourceInvalid, "UTF-8"},
		"one name twice":    {map[string]string{"index.html": "x", "caf\u00e9.html": "x", "cafe\u0301.html": "y"}, Limits{}, fault.SourceInvalid, "twice"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := newWorld(t).try(tt.files, Options{Limits: tt.limits})
			if !fault.Is(err, tt.code) || !strings.Contains(err.Error(), tt.say) {
				t.Errorf("err = %v, want %s with %q", err, tt.code, tt.say)
			}
		})
	}
}

func TestLinksAreFollowedInside(t *testing.T) {
	t.Parallel()
	w := newWorld(t)

	b := w.bundle(map[string]string{
		"index.html": "home", "v2/a.txt": "two", "v2/deep/b.txt": "deep", "latest": "-> v2", "current": "-> latest",
		"one.txt": "-> current/a.txt", "dangling.txt": "-> nowhere",
	}, Options{})
	for target, want := range map[string]string{"/latest/a.txt": "two", "/current/deep/b.txt": "deep", "/one.txt": "two"} {
		res := w.ask(b, "GET", target)
		if got, _ := io.ReadAll(res.Body); res.StatusCode != 200 || string(got) != want {
			t.Errorf("%s: %d %q", target, res.StatusCode, got)
		}
	}
	if len(b.Notes) != 1 || !strings.Contains(b.Notes[0], `nothing that is served: 1, such as "dangling.txt"`) {
		t.Errorf("notes %q", b.Notes)
	}
	if res := w.ask(b, "GET", "/dangling.txt"); res.StatusCode != 404 {
		t.Errorf("a link to nothing: %d", res.StatusCode)
	}
}

func TestTreeAndTarAreTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t)

	fsys := fstest.MapFS{
		"dist/index.html": {Data: []byte(page)}, "dist/assets/a.js": {Data: []byte("a()")}, "dist/.git/config": {Data: []byte("x")},
		"dist/link.js": {Data: []byte("assets/a.js"), Mode: os.ModeSymlink}, "secret.txt": {Data: []byte("x")},
		"dist/.well-known/x": {Data: []byte("x")},
	}
	tree := w.store.Write(t.Context(), Options{})
	if err := AddTree(t.Context(), tree, fsys, "dist"); err != nil {
		t.Fatal(err)
	}
	first, err := tree.Commit()
	if err != nil {
		t.Fatal(err)
	}

	var buf bytes.Buffer
	tw := tar.NewWriter(&buf)
	for _, h := range []tar.Header{
		{Name: "./", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "./assets/a.js", Typeflag: tar.TypeReg, Size: 3},
		{Name: "index.html", Typeflag: tar.TypeReg, Size: int64(len(page))},
		{Name: "link.js", Typeflag: tar.TypeLink, Linkname: "assets/a.js"},
		{Name: ".well-known/x", Typeflag: tar.TypeReg, Size: 1},
	} {
		if err := tw.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		content := map[string]string{"./assets/a.js": "a()", "index.html": page, ".well-known/x": "x"}[h.Name]
		if _, err := io.WriteString(tw, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	unpacked := w.store.Write(t.Context(), Options{})
	if err := AddTar(unpacked, &buf); err != nil {
		t.Fatal(err)
	}
	second, err := unpacked.Commit()
	if err != nil || second.ID != first.ID || !second.Had || second.Files != 4 {
		t.Errorf("tree %+v, tar %+v, %v", first, second, err)
	}
}

func TestBrokenBundlesAreNoticed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)

	b := w.bundle(map[string]string{"index.html": page}, Options{})
	shelves, err := filepath.Glob(filepath.Join(w.store.Dir(), "blobs/*/*"))
	if err != nil || len(shelves) != 3 {
		t.Fatalf("blobs %q, %v", shelves, err)
	}
	if err := os.Truncate(shelves[0], 1); err != nil {
		t.Fatal(err)
	}
	if err := w.store.Verify(b.ID); !fault.Is(err, fault.ImageNotKept) {
		t.Errorf("a truncated file: %v", err)
	}
	if again := w.bundle(map[string]string{"index.html": page}, Options{}); again.ID != b.ID {
		t.Errorf("again = %+v", again)
	}
	if err := w.store.Verify(b.ID); err != nil {
		t.Errorf("written again: %v", err)
	}
	if err := w.store.Verify(strings.Repeat("0", 64)); !fault.Is(err, fault.ImageNotKept) {
		t.Errorf("a bundle that never was: %v", err)
	}
}

func TestSweepTakesWhatNobodyNeeds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)

	kept := w.bundle(map[string]string{"index.html": page, "shared.css": "shared"}, Options{})
	gone := w.bundle(map[string]string{"index.html": "gone", "shared.css": "shared"}, Options{})
	foreign := filepath.Join(w.store.Dir(), "blobs", "note")
	if err := os.WriteFile(filepath.Join(w.store.Dir(), "bundles", "README"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(foreign, 0o700); err != nil {
		t.Fatal(err)
	}
	needed := func([]string) (map[string]bool, error) { return map[string]bool{kept.ID: true}, nil }
	if out, err := w.store.Sweep(time.Now().Add(-time.Hour), needed); err != nil || len(out.Bundles) != 0 || out.Blobs != 0 {
		t.Errorf("what is young was swept: %+v, %v", out, err)
	}
	wait := errors.New("rows are away")
	if _, err := w.store.Sweep(time.Now().Add(time.Hour), func([]string) (map[string]bool, error) { return nil, wait }); !errors.Is(err, wait) {
		t.Errorf("err = %v", err)
	}
	out, err := w.store.Sweep(time.Now().Add(time.Hour), needed)
	if err != nil || len(out.Bundles) != 1 || out.Bundles[0] != gone.ID || out.Blobs != 1 || out.Bytes != 4 {
		t.Errorf("swept %+v, %v", out, err)
	}
	if err := w.store.Verify(kept.ID); err != nil {
		t.Error(err)
	}
	if err := w.store.Verify(gone.ID); !fault.Is(err, fault.ImageNotKept) {
		t.Errorf("err = %v", err)
	}
	for _, name := range []string{"bundles/README", "blobs/note"} {
		if _, err := os.Stat(filepath.Join(w.store.Dir(), name)); err != nil {
			t.Errorf("what is not ours was removed: %v", err)
		}
	}
}

// A build of content that is about to be removed makes it young again: whatever
// order the two run in, the bundle is whole.
func TestSweepBesideBuildsOfTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t)

	nobody := func([]string) (map[string]bool, error) { return map[string]bool{}, nil }
	old := time.Now().Add(-3 * time.Hour)
	for round := range 8 {
		files := map[string]string{"index.html": page}
		for i := range 10 {
			files[fmt.Sprintf("f%d.css", i)] = fmt.Sprint(page, i)
		}
		w.bundle(files, Options{})
		err := filepath.Walk(w.store.Dir(), func(p string, i os.FileInfo, err error) error {
			if err == nil && i.Mode().IsRegular() {
				err = os.Chtimes(p, old, old)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() {
			_, err := w.store.Sweep(time.Now().Add(-time.Hour), nobody)
			done <- err
		}()
		b := w.bundle(files, Options{})
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if err := w.store.Verify(b.ID); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
	}
}

func TestACanceledBundleIsNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)

	ctx, cancel := context.WithCancel(t.Context())
	wr := w.store.Write(ctx, Options{})
	defer wr.Close()
	if err := wr.Add("index.html", strings.NewReader(page)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := wr.Add("a.html", strings.NewReader(page)); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v", err)
	}
}

// A manifest that two requests load at once takes its place in memory once.
func TestAManifestThatIsLoadedTwiceIsKeptOnce(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	ref := Ref{Dir: w.store.Dir(), ID: w.bundle(map[string]string{"index.html": "x"}, Options{}).ID}
	first, err := w.library.load(ref)
	if err != nil {
		t.Fatal(err)
	}
	again, err := w.library.load(ref)
	if err != nil || again != first || w.library.size != first.size {
		t.Errorf("the second load gives another (%t), %d bytes are counted for %d, %v", again != first, w.library.size, first.size, err)
	}
}

func TestLinksAreNotFollowedForSomebodyWhoHasGone(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	to := w.store.Write(ctx, Options{})
	defer to.Close()
	if err := errors.Join(to.Add("index.html", strings.NewReader("x")), to.Link("a.html", "index.html")); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := to.Commit(); !errors.Is(err, context.Canceled) {
		t.Errorf("it was committed: %v", err)
	}
}
