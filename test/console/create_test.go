package console_test

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/davitdev/davit/test/gitssh"
	"github.com/davitdev/davit/test/repository"
)

func TestWithoutATerminal(t *testing.T) {
	t.Parallel()
	needs(t, "DOCKER_HOST")
	r := repository.New(t, "private")
	r.Commit("Set sail", map[string]string{"Dockerfile": "FROM scratch\n", "site/index.html": "<title>Of the repository</title>"})
	archive := filepath.Join(t.TempDir(), "shop.zip")
	check(t, pack(archive, map[string]string{"shop-main/index.html": "<title>Of the archive</title>", "shop-main/style.css": "p{}"}, "shop-main/home.html", "index.html"))
	host, _ := gitssh.NewKey(t)
	keys := filepath.Join(t.TempDir(), "authorized_keys")
	addr, _ := gitssh.Serve(t, "127.0.0.1:0", filepath.Dir(r.Bare), host, listedIn(keys))
	h := serve(t, "--allow-private-networks")
	h.tell(t, "create.mjs", h.Apps, r.URL, needs(t, "TEST_GIT_TOKEN"), archive,
		needs(t, "TEST_REGISTRY_AUTH")+"/davit-test/app:v1", needs(t, "TEST_REGISTRY_USER"), needs(t, "TEST_REGISTRY_PASSWORD"),
		"ssh://git@"+addr+"/team/"+filepath.Base(r.Bare), keys)
}

// listedIn allows the keys that are in a file, one a line.
func listedIn(file string) func(ssh.PublicKey) bool {
	return func(key ssh.PublicKey) bool {
		list, err := os.ReadFile(file)
		for err == nil && len(list) > 0 {
			var listed ssh.PublicKey
			if listed, _, _, list, err = ssh.ParseAuthorizedKey(list); err == nil && bytes.Equal(listed.Marshal(), key.Marshal()) {
				return true
			}
		}
		return false
	}
}

// pack writes a zip of files, and of a symbolic link to a target.
func pack(path string, files map[string]string, link, target string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := zip.NewWriter(f)
	for name, text := range files {
		part, err := w.Create(name)
		if err != nil {
			return err
		}
		if _, err := part.Write([]byte(text)); err != nil {
			return err
		}
	}
	h := &zip.FileHeader{Name: link}
	h.SetMode(os.ModeSymlink | 0o777)
	part, err := w.CreateHeader(h)
	if err != nil {
		return err
	}
	if _, err := part.Write([]byte(target)); err != nil {
		return err
	}
	return w.Close()
}
