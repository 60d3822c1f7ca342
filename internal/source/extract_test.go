package source_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/source"
)

// entry of an archive made for a test.
type entry struct {
	tar.Header
	data string
}

func file(name, data string) entry {
	return entry{tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(data))}, data}
}

func link(kind byte, name, target string) entry {
	return entry{tar.Header{Typeflag: kind, Name: name, Linkname: target, Mode: 0o777}, ""}
}

func special(kind byte, name string) entry {
	return entry{tar.Header{Typeflag: kind, Name: name, Mode: 0o755}, ""}
}

func tarball(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var buf bytes.Buffer
	tw := tar.NewWriter(&buf)
	for _, e := range entries {
		if err := tw.WriteHeader(&e.Header); err != nil {
			t.Fatalf("%s: %v", e.Name, err)
		}
		if _, err := io.WriteString(tw, e.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func gzipped(t testing.TB, data []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	zw := gzip.NewWriter(&buf)
	if _, err := zw.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func archive(t testing.TB, entries ...entry) []byte { return gzipped(t, tarball(t, entries...)) }

// patched lets edit change the first header of a tar into one that archive/tar
// would not write.
func patched(data []byte, edit func(header []byte)) []byte {
	header := data[:512]
	edit(header)
	copy(header[148:156], "        ") // counts as spaces in its own sum
	sum := 0
	for _, b := range header {
		sum += int(b)
	}
	copy(header[148:156], fmt.Sprintf("%06o\x00 ", sum))
	return data
}

func rawName(t testing.TB, name string) []byte {
	t.Helper()
	return patched(tarball(t, file("x", "")), func(h []byte) { copy(h[:100], name+strings.Repeat("\x00", 100-len(name))) })
}

// sparse is a file of a terabyte of nothing, in the format of PAX.
func sparse(t testing.TB) []byte {
	t.Helper()
	records := "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n26 GNU.sparse.name=sparse\n37 GNU.sparse.realsize=1099511627776\n"
	pax := patched(tarball(t, file("pax", records)), func(h []byte) { h[156] = 'x' })
	segments := "1\n1099511627776\n0\n"
	return append(pax[:1024], tarball(t, file("GNUSparseFile.0/sparse", segments+strings.Repeat("\x00", 512-len(segments))))...)
}

func TestExtractRefuses(t *testing.T) {
	t.Parallel()

	good := archive(t, file("a", "1"))
	tests := []struct {
		name   string
		data   []byte
		limits source.Limits
		want   string
	}{
		{"an absolute path", archive(t, file("/etc/passwd", "")), source.Limits{}, `"/etc/passwd" is an absolute path`},
		{"a path that leads out", archive(t, file("../a", "")), source.Limits{}, `"../a" leads out of the directory`},
		{"a path that leads out and back", archive(t, file("b/../../b/a", "")), source.Limits{}, "leads out of the directory"},
		{"a path with .. inside", archive(t, file("b/../a", "")), source.Limits{}, "leads out of the directory"},
		{"a link that leads out", archive(t, link(tar.TypeSymlink, "l", "../../x")), source.Limits{}, `the link "l" leads out of the directory, to "../../x"`},
		{"an absolute link", archive(t, link(tar.TypeSymlink, "l", "/etc/passwd")), source.Limits{}, `the link "l" leads out of the directory, to "/etc/passwd"`},
		{"a link to nowhere", archive(t, link(tar.TypeSymlink, "l", "a\nb")), source.Limits{}, `which is no name of a file`},
		{"a link that leads out through another", archive(t, special(tar.TypeDir, "d/"), link(tar.TypeSymlink, "d/up", ".."), link(tar.TypeSymlink, "l", "d/up/../x")), source.Limits{}, `the link "l" leads out of the directory or in a circle`},
		{"a link in a circle", archive(t, link(tar.TypeSymlink, "l", "m"), link(tar.TypeSymlink, "m", "l")), source.Limits{}, "in a circle"},
		{"a file below a link", archive(t, link(tar.TypeSymlink, "l", "d"), file("l/a", "")), source.Limits{}, `"l/a" lies below "l", which is no directory`},
		{"a file below a file", archive(t, file("a", ""), file("a/b", "")), source.Limits{}, `"a/b" lies below "a", which is no directory`},
		{"a hard link that leads out", archive(t, link(tar.TypeLink, "l", "../x")), source.Limits{}, `the link "l" leads out of the directory, to "../x"`},
		{"an absolute hard link", archive(t, link(tar.TypeLink, "l", "/etc/passwd")), source.Limits{}, `the link "l" leads out of the directory`},
		{"a hard link to nothing", archive(t, link(tar.TypeLink, "l", "x")), source.Limits{}, `the hard link "l" leads to "x", which is no earlier file`},
		{"a hard link to a link", archive(t, link(tar.TypeSymlink, "s", "a"), link(tar.TypeLink, "l", "s")), source.Limits{}, "no earlier file"},
		{"a device", archive(t, special(tar.TypeChar, "null")), source.Limits{}, `"null" is a device or a pipe`},
		{"a block device", archive(t, special(tar.TypeBlock, "sda")), source.Limits{}, "is a device or a pipe"},
		{"a pipe", archive(t, special(tar.TypeFifo, "fifo")), source.Limits{}, "is a device or a pipe"},
		{"an unknown kind", archive(t, special('Z', "z")), source.Limits{}, "is of a kind that is not known"},
		{"a sparse file", gzipped(t, sparse(t)), source.Limits{}, `"sparse" is a sparse file`},
		{"a path twice", archive(t, file("a", "1"), file("a", "2")), source.Limits{}, `"a" is in it twice`},
		{"a path twice in two spellings", archive(t, file("./a", "1"), file("a", "2")), source.Limits{}, `"a" is in it twice`},
		{"a file where a directory was implied", archive(t, file("a/b", ""), file("a", "")), source.Limits{}, `"a" is in it twice`},
		{"a newline in a name", archive(t, file("a\nb", "")), source.Limits{}, `"a\nb" has a control character`},
		{"an escape sequence in a name", archive(t, file("\x1b[2J", "")), source.Limits{}, `"\x1b[2J" has a control character`},
		{"a name that is not UTF-8", gzipped(t, rawName(t, "a\xff")), source.Limits{}, "broken UTF-8"},
		{"no name", gzipped(t, rawName(t, "")), source.Limits{}, "an entry has no name"},
		{"too long a name", archive(t, file(strings.Repeat("x", 256), "")), source.Limits{}, "has a part that is longer than 255 bytes"},
		{"too many files", archive(t, file("1", ""), file("2", ""), file("3", "")), source.Limits{Files: 2}, "more than 2 files"},
		{"too many implied directories", archive(t, file("1/2/3", "")), source.Limits{Files: 2}, "more than 2 files"},
		{"too large files", archive(t, file("1", strings.Repeat("x", 3000)), file("2", strings.Repeat("x", 3000))), source.Limits{Total: 4096}, "more than 4 KiB"},
		{"too deep directories", archive(t, file("1/2/3", "")), source.Limits{Depth: 1}, "more than 1 directories deep"},
		{"too large an archive", archive(t, file("1", "x")), source.Limits{Archive: 16}, "more than 16 bytes"},
		{"a bomb", archive(t, file("0", strings.Repeat("\x00", 64<<20))), source.Limits{}, "more than 200 times its size"},
		{"a bomb after the end", gzipped(t, append(tarball(t), make([]byte, 64<<20)...)), source.Limits{}, "more than 200 times its size"},
		{"bytes after the tar", gzipped(t, append(tarball(t, file("a", "1")), "more"...)), source.Limits{}, "something after its last file"},
		{"bytes after the gzip", append(bytes.Clone(good), 'x'), source.Limits{}, "something after its end"},
		{"a second gzip member", append(bytes.Clone(good), good...), source.Limits{}, "something after its end"},
		{"no gzip", tarball(t, file("a", "")), source.Limits{}, "not a gzipped tar"},
		{"nothing", nil, source.Limits{}, "ends too early"},
		{"half of it", good[:len(good)/2], source.Limits{}, "ends too early"},
		{"a file cut short", gzipped(t, tarball(t, file("a", strings.Repeat("x", 2000)))[:1000]), source.Limits{}, "ends too early"},
		{"a wrong checksum", append(bytes.Clone(good[:len(good)-8]), make([]byte, 8)...), source.Limits{}, "it is damaged"},
		{"noise", gzipped(t, bytes.Repeat([]byte("noise"), 500)), source.Limits{}, "it is damaged"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "tree")
			_, err := source.Extract(t.Context(), bytes.NewReader(tt.data), dir, tt.limits)
			if !fault.Is(err, fault.UploadInvalid) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Extract = %v, want UPLOAD_INVALID with %q", err, tt.want)
			}
			if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the directory is still there (%v)", err)
			}
		})
	}
}

func TestExtractGivesBackWhatPackTook(t *testing.T) {
	t.Parallel()

	from := t.TempDir()
	writeTree(t, from, map[string]string{"main.go": "package main", "d/e/f": "f", "run": "#!", "empty/.keep": ""})
	if err := errors.Join(os.Chmod(filepath.Join(from, "run"), 0o777|fs.ModeSetuid), os.Symlink("../main.go", filepath.Join(from, "d/link"))); err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	stats, err := source.Pack(t.Context(), from, &buf, source.PackOptions{})
	if err != nil {
		t.Fatal(err)
	}
	tree, err := source.Extract(t.Context(), &buf, filepath.Join(t.TempDir(), "tree"), source.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	if tree.Files() != stats.Files || tree.Bytes() != stats.Bytes {
		t.Errorf("%d files, %d bytes; packed were %d, %d", tree.Files(), tree.Bytes(), stats.Files, stats.Bytes)
	}
	want := map[string]string{
		".": "drwx------", "d": "drwxr-xr-x", "d/e": "drwxr-xr-x", "d/e/f": "-rw-r--r-- f", "d/link": "Lrwxrwxrwx ../main.go",
		"empty": "drwxr-xr-x", "empty/.keep": "-rw-r--r-- ", "main.go": "-rw-r--r-- package main", "run": "-rwxr-xr-x #!",
	}
	if diff := cmp.Diff(want, listing(t, tree)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// listing reads a tree through its own file system.
func listing(t testing.TB, tree *source.Tree) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := fs.WalkDir(tree.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		out[name] = info.Mode().String()
		switch {
		case d.Type().IsRegular():
			data, err := fs.ReadFile(tree.FS(), name)
			out[name] += " " + string(data)
			return err
		case d.Type() == fs.ModeSymlink:
			to, err := fs.ReadLink(tree.FS(), name)
			out[name] += " " + to
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestExtractTakesWhatOtherToolsWrite(t *testing.T) {
	t.Parallel()

	pax := file("long/"+strings.Repeat("n", 200), "x")
	pax.PAXRecords = map[string]string{"SCHILY.xattr.security.capability": "all of them", "comment": "hello"}
	suid := file("suid", "")
	suid.Mode = 0o6755
	suid.Uid, suid.Gid, suid.Uname = 4242, 4242, "nobody"
	data := archive(t,
		entry{tar.Header{Typeflag: tar.TypeXGlobalHeader, Name: "pax_global_header", PAXRecords: map[string]string{"comment": "0123abcd"}}, ""},
		special(tar.TypeDir, "./"), file("./a", "1"), link(tar.TypeLink, "./hard", "./a"), pax, suid, special(tar.TypeDir, "long/"), special(tar.TypeDir, "e/"))
	tree, err := source.Extract(t.Context(), bytes.NewReader(data), filepath.Join(t.TempDir(), "tree"), source.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	want := map[string]string{
		".": "drwx------", "a": "-rw-r--r-- 1", "hard": "-rw-r--r-- 1", "long": "drwxr-xr-x",
		"long/" + strings.Repeat("n", 200): "-rw-r--r-- x", "suid": "-rwxr-xr-x ", "e": "drwxr-xr-x",
	}
	if diff := cmp.Diff(want, listing(t, tree)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	info, err := fs.Stat(tree.FS(), "suid")
	if err != nil {
		t.Fatal(err)
	}
	if st := info.Sys().(*syscall.Stat_t); int(st.Uid) != os.Getuid() {
		t.Errorf("it belongs to %d, not to us", st.Uid)
	}
}

func TestReadersCannotLeaveATree(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	writeTree(t, dir, map[string]string{"secret": "s", "tree/a": ""})
	if err := errors.Join(os.Symlink("../secret", filepath.Join(dir, "tree/up")), os.Symlink(filepath.Join(dir, "secret"), filepath.Join(dir, "tree/abs"))); err != nil {
		t.Fatal(err)
	}
	tree, err := source.OpenTree(filepath.Join(dir, "tree"))
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	for _, name := range []string{"up", "abs", "../secret"} {
		if data, err := fs.ReadFile(tree.FS(), name); err == nil {
			t.Errorf("%s = %q, which is outside", name, data)
		}
	}
}

func TestExtractStopsWithItsContext(t *testing.T) {
	t.Parallel()

	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("enough")
	data := archive(t, file("a", strings.Repeat("x", 1000)))
	calls := 0
	slow := readerFunc(func(b []byte) (int, error) {
		if calls++; calls > 20 {
			cancel(stop)
		}
		return copy(b, data[min(calls-1, len(data)-1):][:1]), nil
	})
	_, err := source.Extract(ctx, slow, filepath.Join(t.TempDir(), "tree"), source.Limits{})
	if !errors.Is(err, stop) {
		t.Errorf("Extract = %v, want the cause", err)
	}
}

func TestExtractPassesOnWhyReadingFailed(t *testing.T) {
	t.Parallel()

	broken := errors.New("the disk is broken")
	r := io.MultiReader(bytes.NewReader(archive(t, file("a", ""))[:20]), readerFunc(func([]byte) (int, error) { return 0, broken }))
	_, err := source.Extract(t.Context(), r, filepath.Join(t.TempDir(), "tree"), source.Limits{})
	if !errors.Is(err, broken) || fault.CodeOf(err) != fault.Internal {
		t.Errorf("Extract = %v (%s), want the reader's own error", err, fault.CodeOf(err))
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

// FuzzExtract feeds Extract with tars, and says what must hold for any of
// them: nothing outside is touched, limits hold, modes are ours, and a refused
// archive leaves nothing.
func FuzzExtract(f *testing.F) {
	for _, data := range [][]byte{
		tarball(f, file("a/b", "1"), link(tar.TypeSymlink, "l", "a/b"), link(tar.TypeLink, "h", "a/b"), special(tar.TypeDir, "d/")),
		tarball(f, file("../a", ""), file("/b", "")),
		tarball(f, link(tar.TypeSymlink, "l", ".."), file("l/a", "")),
		tarball(f, special(tar.TypeDir, "d/"), link(tar.TypeSymlink, "d/up", ".."), link(tar.TypeSymlink, "l", "d/up/../x")),
		tarball(f, special(tar.TypeFifo, "p"), special(tar.TypeChar, "c")),
		tarball(f, file(strings.Repeat("long/", 60)+"x", "pax")),
		rawName(f, "a\x00b"), sparse(f),
	} {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) { extractsOrBlames(t, gzipped(t, data)) })
}

// FuzzArchive feeds Extract with what need not even be compressed.
func FuzzArchive(f *testing.F) {
	whole := gzipped(f, tarball(f, file("a/b", "1"), special(tar.TypeDir, "d/")))
	damaged := bytes.Clone(whole)
	damaged[len(damaged)/2] ^= 1
	for _, data := range [][]byte{
		nil, whole, whole[:len(whole)-5], damaged, append(bytes.Clone(whole), whole...), append(bytes.Clone(whole), "rest"...),
		gzipped(f, make([]byte, 1<<16)), gzipped(f, whole), []byte("PK\x03\x04"), []byte("\x1f\x8b\x08\x1c\xff\xff\xff\xff\xff\xff"),
	} {
		f.Add(data)
	}
	f.Fuzz(extractsOrBlames)
}

// extractsOrBlames says what holds for every archive there is.
func extractsOrBlames(t *testing.T, archive []byte) {
	t.Helper()
	limits := source.Limits{Archive: 1 << 20, Total: 64 << 10, Files: 50, Depth: 8}
	parent := t.TempDir()
	dir := filepath.Join(parent, "tree")
	tree, err := source.Extract(t.Context(), bytes.NewReader(archive), dir, limits)
	if err != nil {
		if !fault.Is(err, fault.UploadInvalid) {
			t.Errorf("Extract = %v, which does not blame the archive", err)
		}
		dir = ""
	} else {
		defer tree.Close()
		for name := range listing(t, tree) {
			info, err := fs.Lstat(tree.FS(), name)
			if err != nil {
				t.Fatal(err)
			}
			switch mode := info.Mode(); {
			case name == ".":
			case mode.IsRegular() && (mode == 0o644 || mode == 0o755):
			case mode == fs.ModeDir|0o755:
			case mode.Type() == fs.ModeSymlink:
				if _, err := fs.Stat(tree.FS(), name); err != nil && !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("the link %q cannot be followed: %v", name, err)
				}
			default:
				t.Errorf("%q has mode %v", name, mode)
			}
		}
		if n := len(listing(t, tree)) - 1; n > limits.Files {
			t.Errorf("%d files", n)
		}
		if tree.Bytes() > limits.Total {
			t.Errorf("%d bytes", tree.Bytes())
		}
	}
	beside, err := os.ReadDir(parent)
	if err != nil {
		t.Fatal(err)
	}
	if (dir == "" && len(beside) != 0) || (dir != "" && len(beside) != 1) {
		t.Errorf("beside the tree there is %v", beside)
	}
}
