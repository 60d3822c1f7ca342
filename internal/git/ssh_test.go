package git

import (
	"bytes"
	"context"
	"io"
	"net"
	"path"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/test/gitssh"
	"github.com/davitdev/davit/test/repository"
)

// only allows one key.
func only(allowed ssh.Signer) func(ssh.PublicKey) bool {
	return func(key ssh.PublicKey) bool { return bytes.Equal(key.Marshal(), allowed.PublicKey().Marshal()) }
}

func TestADeployKeyOpensARepository(t *testing.T) {
	t.Parallel()
	w, g := repository.New(t, ""), newGit(t)
	sha := w.Commit("one", map[string]string{"a": "1"})
	host, _ := gitssh.NewKey(t)
	key, private := gitssh.NewKey(t)
	_, other := gitssh.NewKey(t)
	addr, stop := gitssh.Serve(t, "127.0.0.1:0", path.Dir(w.Bare), host, only(key))
	address := "ssh://git@" + addr + "/team/" + path.Base(w.Bare)

	for range 2 { // the first time its host is unknown, the second time it is known
		files, commit, err := get(t, g, remote(t, address, Credential{PrivateKey: private}), Fetch{})
		if err != nil || commit.SHA != sha || files["a"] != "1" {
			t.Fatalf("%+v, %q, %v", commit, files, err)
		}
	}
	for name, tt := range map[string]struct {
		url, key string
		code     fault.Code
	}{
		"no key":        {address, "", fault.RepositoryUnauthorized},
		"another key":   {address, other, fault.RepositoryUnauthorized},
		"no repository": {"ssh://git@" + addr + "/team/nope.git", private, fault.RepositoryNotFound},
		"a token":       {address, "", fault.RepositoryUnauthorized},
	} {
		c := Credential{PrivateKey: tt.key}
		if name == "a token" {
			c.Token = "t"
		}
		if _, err := g.List(t.Context(), remote(t, tt.url, c)); !fault.Is(err, tt.code) {
			t.Errorf("%s: %v (%s), want %s", name, err, fault.CodeOf(err), tt.code)
		}
	}
	// Somebody else answers at its address.
	stop()
	impostor, _ := gitssh.NewKey(t)
	_, stop = gitssh.Serve(t, addr, path.Dir(w.Bare), impostor, only(key))
	defer stop()
	if _, err := g.List(t.Context(), remote(t, address, Credential{PrivateKey: private})); !fault.Is(err, fault.RepositoryUnauthorized) || !strings.Contains(err.Error(), "another key") {
		t.Errorf("an impostor: %v", err)
	}
}

// A host that accepts and then says nothing holds up only whoever asked it.
func TestASilentHostHoldsNobodyElseUp(t *testing.T) {
	t.Parallel()
	w, g := repository.New(t, ""), newGit(t)
	w.Commit("one", map[string]string{"a": "1"})
	host, _ := gitssh.NewKey(t)
	key, private := gitssh.NewKey(t)
	addr, stop := gitssh.Serve(t, "127.0.0.1:0", path.Dir(w.Bare), host, only(key))
	defer stop()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	ctx, cancel := context.WithCancel(t.Context())
	asking := make(chan error, 1)
	go func() {
		_, err := g.List(ctx, remote(t, "ssh://git@"+silent.Addr().String()+"/app", Credential{PrivateKey: private}))
		asking <- err
	}()
	conn, err := silent.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.ReadFull(conn, make([]byte, 4)); err != nil { // its "SSH-": the handshake has begun
		t.Fatal(err)
	}
	soon, done := context.WithTimeout(t.Context(), 10*time.Second)
	defer done()
	if _, err := g.List(soon, remote(t, "ssh://git@"+addr+"/team/"+path.Base(w.Bare), Credential{PrivateKey: private})); err != nil {
		t.Errorf("another host: %v", err)
	}
	cancel()
	if err := <-asking; err == nil {
		t.Error("the silent host answered")
	}
}

func TestOnlyGitRunsTheSSHProgram(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		nil, {"git@host"}, {"git@host", "id"}, {"host", "git-upload-pack 'x'"}, {"-F", "x", "git@host", "git-upload-pack 'x'"}, {"-o"}, {"git@host", "git-receive-pack 'x'"},
	} {
		if err := runSSH(t.Context(), args, func(string) string { return "" }); err == nil {
			t.Errorf("%q is run", args)
		}
	}
}
