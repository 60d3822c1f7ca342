package spec_test

import (
	"path/filepath"
	"strings"
	"testing"

	. "github.com/davitdev/davit/internal/spec"
)

// What Slugify makes can be used as it is.
func FuzzSlugify(f *testing.F) {
	for _, s := range []string{"", "Shop", "My Shop 2", "123", "-a-", "Ärger über Öl", "İstanbul", "\u212aelvin", "xn--a", strings.Repeat("a", 39) + " b", strings.Repeat("-a", 30), "\xff\x00", "a🚢b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		got := Slugify(name)
		if got == "" {
			return
		}
		if err := CheckSlug("slug", got); err != nil {
			t.Errorf("Slugify(%q) = %q: %v", name, got, err)
		}
		if again := Slugify(got); again != got {
			t.Errorf("Slugify(%q) = %q, and of that %q", name, got, again)
		}
	})
}

// A path that is accepted leads nowhere but below its root.
func FuzzLocalPath(f *testing.F) {
	for _, s := range []string{"Dockerfile", "a/b", "../a", "a/../b", "/a", ".", "..", `a\..\..\b`, "a/./b", "\x00", "..a/b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, p string) {
		if !LocalPath(p) {
			return
		}
		if !filepath.IsLocal(p) {
			t.Errorf("%q leaves its root", p)
		}
		if got := filepath.Join("/root", p); got != "/root" && !strings.HasPrefix(got, "/root/") {
			t.Errorf("%q leads to %q", p, got)
		}
	})
}

// Whatever is accepted as an image names a registry, and is no option of a
// command.
func FuzzCheckImage(f *testing.F) {
	for _, s := range []string{"nginx", "ghcr.io/a/b:c", "-v", "a@sha256:0", "localhost:5000/a", "A", "a:b:c", "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, ref string) {
		if CheckImage("image", ref) != nil {
			return
		}
		if strings.HasPrefix(ref, "-") || strings.ContainsAny(ref, " \t\r\n\x00;$`'\"\\") || ImageHost(ref) == "" {
			t.Errorf("%q is accepted, its registry is %q", ref, ImageHost(ref))
		}
	})
}
