package spec

import (
	"strings"
	"testing"

	"github.com/davitdev/davit/internal/fault"
)

func TestAddressesOfRepositories(t *testing.T) {
	t.Parallel()

	for raw, want := range map[string]string{
		"https://github.com/team/app":               "https://github.com/team/app",
		"https://git.example.com:8443/a/b.git":      "https://git.example.com:8443/a/b.git",
		"git@github.com:team/app.git":               "git@github.com:team/app.git",
		"github.com:team/app.git":                   "git@github.com:team/app.git",
		"ssh://deploy@git.example.com:2222/srv/app": "ssh://deploy@git.example.com:2222/srv/app",
		"ssh://git.example.com/~me/app":             "ssh://git@git.example.com/~me/app",
		"https://[2001:db8::1]:3000/app":            "https://[2001:db8::1]:3000/app",
	} {
		r, err := ParseRepository("repository", raw)
		if err != nil || r.String() != want {
			t.Errorf("ParseRepository(%q) = %q, %v; want %q", raw, r, err, want)
		}
	}
	for _, raw := range []string{
		"", "github.com/team/app", "/srv/git/app", "file:///etc", "ext::sh -c id", "ext://x/y", "git://github.com/team/app",
		"--upload-pack=id", "-oProxyCommand=id:x", "git@-oProxyCommand=id:x", "ssh://-oProxyCommand=id/x", "https://-x/y",
		"git@host:--upload-pack=id", "ssh://git@host/--upload-pack=id", "git@host:-x", "https://host/-x",
		"https://user:secret@github.com/team/app", "https://token@github.com/team/app", "ssh://git:secret@host/app",
		"https://github.com/team/app?x=1", "https://github.com/team/app#x", "https://github.com", "https://github.com/",
		"https://github.com/a/../b", "https://github.com/a/..", "https://github.com/a b", "https://github.com/a;id", "https://github.com/$(id)",
		"https://github.com/a\nb", "https://gith\x00ub.com/a", "https://host:0/a", "https://host:99999/a", "https://ho_st/a", "https://host/a`id`",
	} {
		if r, err := ParseRepository("repository", raw); !fault.Is(err, fault.Invalid) {
			t.Errorf("ParseRepository(%q) = %+v, %v", raw, r, err)
		}
	}
}

func TestRefs(t *testing.T) {
	t.Parallel()

	for ref, ok := range map[string]bool{
		"": true, "main": true, "feature/login-2": true, "v1.0+build.7": true, "größe": true, "renovate/@types/node": true, "fix#12": true,
		"0123456789abcdef0123456789abcdef01234567": true,
		"-x": false, "--upload-pack=id": false, "main;id": false, "x$(id)": false, "a b": false, "a..b": false, "a//b": false, "x/": false,
		"x.lock": false, "x.": false, "a/.b": false, "x@{1}": false, "x~1": false, "x^": false, "a:b": false, "*": false, "x\n": false, "x\x00": false, "'": false,
		strings.Repeat("ö", 255): true, strings.Repeat("ö", 256): false,
	} {
		if err := CheckRef("ref", ref); (err == nil) != ok {
			t.Errorf("CheckRef(%q) = %v", ref, err)
		}
	}
}

func TestRootDirectoriesStayInside(t *testing.T) {
	t.Parallel()

	for dir, ok := range map[string]bool{"": true, "apps/web": true, "..": false, "/": false, "a/../b": false, "./a": false, "a:b": false, "a*": false, `a\b`: false} {
		if err := (GitSource{Repository: "https://host/app", RootDirectory: dir}).Check("source.git"); (err == nil) != ok {
			t.Errorf("%q: %v", dir, err)
		}
	}
}
