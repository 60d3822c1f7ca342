package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"debug/buildinfo"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// stamp is an hour that is not now.
var stamp = time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// sources copies what git knows, and what it would add, to a directory.
func sources(t *testing.T, dir string) {
	t.Helper()
	names, err := exec.CommandContext(t.Context(), "git", "-C", "..", "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	check(t, err)
	for name := range strings.SplitSeq(strings.TrimRight(string(names), "\x00"), "\x00") {
		body, err := os.ReadFile(filepath.Join("..", name))
		if errors.Is(err, os.ErrNotExist) {
			continue // deleted and not committed
		}
		check(t, err)
		to := filepath.Join(dir, name)
		check(t, os.MkdirAll(filepath.Dir(to), 0o755))
		check(t, os.WriteFile(to, body, 0o600))
	}
}

func TestTwoDirectoriesMakeTheSameRelease(t *testing.T) {
	t.Parallel()
	build := func(dir string) map[string]string {
		sources(t, dir)
		out := t.TempDir()
		r := release{dir: dir, version: "v1.2.3", commit: strings.Repeat("c0", 20), time: stamp, out: out}
		check(t, r.build(t.Context(), []platform{{"windows", "amd64"}})) // the least to compile
		made := map[string]string{}
		files, err := os.ReadDir(out)
		check(t, err)
		for _, f := range files {
			body, err := os.ReadFile(filepath.Join(out, f.Name()))
			check(t, err)
			made[f.Name()] = string(body)
		}
		return made
	}
	one := build(t.TempDir())
	two := build(filepath.Join(t.TempDir(), "another", "and longer"))
	const name = "davit_1.2.3_windows_amd64.zip"
	if len(one) != 2 || one[name] == "" || one[name] != two[name] {
		t.Errorf("%s differs, %d and %d bytes", name, len(one[name]), len(two[name]))
	}
	if sums := one["SHA256SUMS"]; sums != two["SHA256SUMS"] || !regexp.MustCompile(`^[0-9a-f]{64}  `+regexp.QuoteMeta(name)+`\n$`).MatchString(sums) {
		t.Errorf("SHA256SUMS: %q and %q", one["SHA256SUMS"], two["SHA256SUMS"])
	}

	z, err := zip.NewReader(strings.NewReader(one[name]), int64(len(one[name])))
	check(t, err)
	const folder = "davit_1.2.3_windows_amd64/"
	packed := map[string]string{} // what is in a file, by its name below the folder
	for _, f := range z.File {
		mode := fs.FileMode(0o644)
		if f.Name == folder+"davit.exe" {
			mode = 0o755
		}
		if f.Mode() != mode || !f.Modified.Equal(stamp) {
			t.Errorf("%s is %s and of %s", f.Name, f.Mode(), f.Modified)
		}
		content, err := f.Open()
		check(t, err)
		body, err := io.ReadAll(content)
		check(t, err)
		packed[strings.TrimPrefix(f.Name, folder)] = string(body)
	}
	for _, want := range []string{"davit.exe", "LICENSE", "README.md", "davit.env.example", "docs/operate.md", "docs/davit.service", "docs/images/logs.png"} {
		if packed[want] == "" {
			t.Errorf("%s is not in the archive", want)
		}
	}
	everyLinkLeads(t, packed)
	body := []byte(packed["davit.exe"])
	info, err := buildinfo.Read(bytes.NewReader(body))
	check(t, err)
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	if settings["CGO_ENABLED"] != "0" || settings["-trimpath"] != "true" || settings["vcs.revision"] != "" {
		t.Errorf("the program was built with %v", settings)
	}
	for _, want := range []string{"v1.2.3", strings.Repeat("c0", 20)} {
		if !bytes.Contains(body, []byte(want)) {
			t.Errorf("the program does not know %s", want)
		}
	}
}

// link is where a link of Markdown leads, without what follows a #.
var link = regexp.MustCompile(`\]\(([^)#\s]+)`)

// everyLinkLeads fails the test for each link of a page to a file that is not
// packed with it.
func everyLinkLeads(t *testing.T, packed map[string]string) {
	t.Helper()
	for name, text := range packed {
		if path.Ext(name) != ".md" {
			continue
		}
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if _, there := packed[path.Join(path.Dir(name), m[1])]; !there && !strings.Contains(m[1], "://") {
				t.Errorf("%s links to %s, which is not in the archive", name, m[1])
			}
		}
	}
}

func TestATarballIsOfOneTimeAndNobody(t *testing.T) {
	t.Parallel()
	files := []file{{"d/davit", 0o755, []byte("program")}, {"d/LICENSE", 0o644, []byte("text")}}
	packed, err := tarball(files, stamp)
	check(t, err)
	z, err := gzip.NewReader(bytes.NewReader(packed))
	check(t, err)
	if !z.ModTime.IsZero() || z.Name != "" {
		t.Errorf("the compression says %v", z.Header)
	}
	r := tar.NewReader(z)
	for _, f := range files {
		h, err := r.Next()
		check(t, err)
		body, err := io.ReadAll(r)
		check(t, err)
		if h.Name != f.name || h.FileInfo().Mode() != f.mode || !bytes.Equal(body, f.body) || !h.ModTime.Equal(stamp) || h.Uid != 0 || h.Gid != 0 || h.Uname != "" || h.Gname != "" {
			t.Errorf("%s is %+v with %q", f.name, h, body)
		}
	}
	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("more follows: %v", err)
	}
}

func TestAReleaseWantsAVersion(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"", "1.2.3", "v1.2", "v01.2.3", "v1.2.3 -X main.Commit=1", "v1.2.3-", "latest"} {
		if err := run(t.Context(), version, t.TempDir()); err == nil || !strings.Contains(err.Error(), "no version") {
			t.Errorf("%q: %v", version, err)
		}
	}
	for _, version := range []string{"v0.1.0", "v1.2.3-rc.1"} {
		if !semver.MatchString(version) {
			t.Errorf("%q is refused", version)
		}
	}
}
