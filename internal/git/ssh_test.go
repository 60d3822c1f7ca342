package git

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"encoding/pem"
	"io"
	"net"
	"os/exec"
	"path"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/test/repository"
)

// newKey makes a key and its PEM.
func newKey(t *testing.T) (ssh.Signer, string) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer, string(pem.EncodeToMemory(block))
}

// sshServer serves repositories below root to whoever has a key, and returns
// its address.
func sshServer(t *testing.T, addr, root string, host ssh.Signer, allowed ssh.PublicKey) (string, func()) {
	t.Helper()
	config := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if string(key.Marshal()) == string(allowed.Marshal()) {
			return &ssh.Permissions{}, nil
		}
		return nil, io.EOF
	}}
	config.AddHostKey(host)
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serveSSH(conn, config, root)
		}
	}()
	return l.Addr().String(), func() { l.Close() }
}

func serveSSH(conn net.Conn, config *ssh.ServerConfig, root string) {
	defer conn.Close()
	_, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for c := range channels {
		channel, requests, err := c.Accept()
		if err != nil {
			return
		}
		go func() {
			for r := range requests {
				if r.Type != "exec" {
					r.Reply(false, nil)
					continue
				}
				r.Reply(true, nil)
				name := strings.Trim(strings.TrimPrefix(string(r.Payload[4:]), "git-upload-pack "), "'")
				cmd := exec.Command("git", "upload-pack", path.Join(root, path.Base(name)))
				cmd.Stdout, cmd.Stderr = channel, channel.Stderr()
				in, err := cmd.StdinPipe() // a client that waits for an answer does not end its input
				if err != nil {
					return
				}
				go io.Copy(in, channel)
				var status [4]byte
				if err := cmd.Run(); err != nil {
					binary.BigEndian.PutUint32(status[:], 128)
				}
				channel.SendRequest("exit-status", false, status[:])
				channel.Close()
			}
		}()
	}
}

func TestADeployKeyOpensARepository(t *testing.T) {
	t.Parallel()
	w, g := repository.New(t, ""), newGit(t)
	sha := w.Commit("one", map[string]string{"a": "1"})
	host, _ := newKey(t)
	key, private := newKey(t)
	_, other := newKey(t)
	addr, stop := sshServer(t, "127.0.0.1:0", path.Dir(w.Bare), host, key.PublicKey())
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
	impostor, _ := newKey(t)
	_, stop = sshServer(t, addr, path.Dir(w.Bare), impostor, key.PublicKey())
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
	host, _ := newKey(t)
	key, private := newKey(t)
	addr, stop := sshServer(t, "127.0.0.1:0", path.Dir(w.Bare), host, key.PublicKey())
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
