// Package gitssh serves git repositories of tests by ssh.
package gitssh

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"os/exec"
	"path"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// NewKey makes a key and its PEM.
func NewKey(t *testing.T) (ssh.Signer, string) {
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

// Serve serves the bare repositories in the directory root, wherever a client
// says they are, to whoever has a key that is allowed. It returns where it
// listens, and what ends that; a test's end does, too. allowed may be called at
// any time, by several goroutines.
func Serve(t *testing.T, addr, root string, host ssh.Signer, allowed func(ssh.PublicKey) bool) (string, func()) {
	t.Helper()
	config := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if !allowed(key) {
			return nil, errors.New("this key opens nothing")
		}
		return &ssh.Permissions{}, nil
	}}
	config.AddHostKey(host)
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	stop := func() { l.Close() }
	t.Cleanup(stop)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serve(conn, config, root)
		}
	}()
	return l.Addr().String(), stop
}

func serve(conn net.Conn, config *ssh.ServerConfig, root string) {
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
		go answer(channel, requests, root)
	}
}

// answer runs what git asks for. A client that is gone hears nothing of it.
func answer(channel ssh.Channel, requests <-chan *ssh.Request, root string) {
	defer channel.Close()
	for r := range requests {
		run := r.Type == "exec" && len(r.Payload) > 4
		if err := r.Reply(run, nil); err != nil {
			return
		}
		if run {
			upload(channel, string(r.Payload[4:]), root)
			return
		}
	}
}

// upload runs git upload-pack for a command, and says how that ended.
func upload(channel ssh.Channel, command, root string) {
	name := strings.Trim(strings.TrimPrefix(command, "git-upload-pack "), "'")
	cmd := exec.Command("git", "upload-pack", path.Join(root, path.Base(name)))
	cmd.Stdout, cmd.Stderr = channel, channel.Stderr()
	in, err := cmd.StdinPipe() // a client that waits for an answer does not end its input
	if err != nil {
		return
	}
	go func() {
		_, _ = io.Copy(in, channel)
		_ = in.Close()
	}()
	var status [4]byte
	if err := cmd.Run(); err != nil {
		binary.BigEndian.PutUint32(status[:], 128)
	}
	_, _ = channel.SendRequest("exit-status", false, status[:])
}
