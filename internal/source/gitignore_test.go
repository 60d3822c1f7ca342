package source_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// Git itself says what .gitignore files mean.
func TestGitignoreMeansWhatGitSays(t *testing.T) {
	t.Parallel()

	files := []string{
		"a", "b.log", "build/out", "build/keep/x", "src/a", "src/b.log", "src/build/out", "src/deep/er/c.txt",
		"foo-1", "foo-a", "foo]", "Foo", "doc/a.txt", "doc/sub/b.txt", "doc/sub/deep/c.txt", "sp ace", "trail ", "#hash", "!bang", "b\\s", "x/y/z/w",
	}
	tests := []struct {
		name    string
		ignores map[string]string
	}{
		{"a plain name matches at any depth", map[string]string{".gitignore": "a\n"}},
		{"a slash anchors", map[string]string{".gitignore": "/a\nsrc/build\n"}},
		{"a trailing slash matches directories only", map[string]string{".gitignore": "build/\na/\n"}},
		{"the last match counts", map[string]string{".gitignore": "*.log\n!b.log\n/b.log\n"}},
		{"nothing comes back from below an ignored directory", map[string]string{".gitignore": "build\n!build/keep\n!build/keep/x\n"}},
		{"an inner file overrules an outer one", map[string]string{".gitignore": "*.log\n", "src/.gitignore": "!b.log\n/build\n"}},
		{"stars stay inside a part", map[string]string{".gitignore": "doc/*.txt\nsrc/*\n"}},
		{"two stars cross parts", map[string]string{".gitignore": "**/er\ndoc/**/c.txt\nx/**\n"}},
		{"three stars are two", map[string]string{".gitignore": "***/out\nx/***/w\n"}},
		{"two stars inside a part are one", map[string]string{".gitignore": "do**xt\nsr**/a\n"}},
		{"classes", map[string]string{".gitignore": "foo-[0-9]\nfoo[]]\n[!a-z]oo\nx[/]y\n[[:upper:]]*\n"}},
		{"broken patterns match nothing", map[string]string{".gitignore": "foo-[1\nfoo-[[:nope:]]\n\\\n"}},
		{"comments, escapes and spaces", map[string]string{".gitignore": "#hash\n\\#hash\n\\!bang\nsp ace\ntrail\\ \nb\\\\s\na   \n"}},
		{"a byte order mark and carriage returns", map[string]string{".gitignore": "\xef\xbb\xbfa\r\nbuild/\r\n"}},
		{"everything but one thing", map[string]string{".gitignore": "/*\n!/src\n!.gitignore\n"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tree := map[string]string{}
			for _, f := range files {
				tree[f] = f
			}
			for f, text := range tt.ignores {
				tree[f] = text
			}
			compareWithGit(t, tree)
		})
	}
}

// Patterns nobody would think of: random ones over a few letters, in random
// trees with the same letters.
func TestRandomGitignoreMeansWhatGitSays(t *testing.T) {
	t.Parallel()

	pick := func(r *rand.Rand, list ...string) string { return list[r.IntN(len(list))] }
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 1))
			name := func() string { return pick(r, "a", "b", "ab", "a.c", "ba") }
			tree := map[string]string{}
			for range 30 {
				parts := []string{name() + "d"}
				for range r.IntN(3) {
					parts = append(parts, name()+"d")
				}
				tree[strings.Join(append(parts, name()), "/")] = "x"
			}
			for _, dir := range []string{"", "ad/", "bd/abd/"} {
				var text strings.Builder
				for range 1 + r.IntN(5) {
					text.WriteString(pick(r, "", "", "", "!", "#"))
					text.WriteString(pick(r, "", "", "/", "**/"))
					for range 1 + r.IntN(3) {
						text.WriteString(pick(r, "a", "b", "d", "*", "**", "?", "[ab]", "[!a]", "[^b-d]", "/", "/**/", "ad/", ".c", `\a`, "[", "]", "[a-]", "[b-a]"))
					}
					text.WriteString(pick(r, "\n", "\n", "/\n", " \n", "/**\n"))
				}
				tree[dir+".gitignore"] = text.String()
			}
			compareWithGit(t, tree)
		})
	}
}

func compareWithGit(t *testing.T, tree map[string]string) {
	t.Helper()
	dir := t.TempDir()
	writeTree(t, dir, tree)
	git := func(args ...string) string {
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Dir = dir
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "HOME=" + dir}
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("git %v: %v", args, err)
		}
		return string(out)
	}
	git("init", "-q")
	want := strings.FieldsFunc(git("ls-files", "--others", "--exclude-standard", "-z"), func(r rune) bool { return r == 0 })
	slices.Sort(want)
	var got []string
	for _, h := range packed(t, dir) {
		if !strings.HasSuffix(h.Name, "/") {
			got = append(got, h.Name)
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		for name, text := range tree {
			if filepath.Base(name) == ".gitignore" {
				t.Logf("%s: %q", name, text)
			}
		}
		t.Errorf("git and Pack disagree (-git +ours):\n%s", diff)
	}
}
