package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// A network namespace of one's own has a loopback of its own. So each port of
// this machine's that a TEST_ variable names is offered at a socket, and from
// there is on the same port inside.

var local = regexp.MustCompile(`127\.0\.0\.1:(\d+)`)

// offer makes the ports of the services reachable at sockets in dir, until ctx
// ends.
func offer(ctx context.Context, dir string) error {
	for _, port := range ports() {
		err := forward(ctx, "unix", filepath.Join(dir, port+".port"), "tcp", "127.0.0.1:"+port)
		if err != nil {
			return err
		}
	}
	return nil
}

// receive puts what is offered in dir onto the ports it came from.
func receive(ctx context.Context, dir string) error {
	for _, port := range ports() {
		err := forward(ctx, "tcp", "127.0.0.1:"+port, "unix", filepath.Join(dir, port+".port"))
		if err != nil {
			return err
		}
	}
	return nil
}

// ports are those the services listen on.
func ports() []string {
	var out []string
	for _, variable := range os.Environ() {
		if name, value, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "TEST_") {
			for _, found := range local.FindAllStringSubmatch(value, -1) {
				out = append(out, found[1])
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// forward listens on one address and connects whoever comes with another.
func forward(ctx context.Context, network, addr, toNetwork, to string) error {
	ln, err := new(net.ListenConfig).Listen(ctx, network, addr)
	if err != nil {
		return fmt.Errorf("forward to %s: %w", to, err)
	}
	context.AfterFunc(ctx, func() { ln.Close() })
	go func() {
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer in.Close()
				out, err := new(net.Dialer).DialContext(ctx, toNetwork, to)
				if err != nil {
					return
				}
				defer out.Close()
				go func() { _, _ = io.Copy(out, in); halfClose(out) }()
				_, _ = io.Copy(in, out)
			}()
		}
	}()
	return nil
}

// halfClose tells the other side that nothing more comes.
func halfClose(c net.Conn) {
	if w, ok := c.(interface{ CloseWrite() error }); ok {
		_ = w.CloseWrite()
	}
}
