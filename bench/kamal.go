package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// kamal is kamal-proxy, and the command that tells it what to serve. It writes
// a line for each request to its standard output, which cannot be turned off;
// nobody reads it here.
type kamal struct {
	*program
	path string
}

// startKamal starts kamal-proxy before an application. Kamal would have it
// buffer bodies, and run its command by docker exec; neither is done here, which
// is faster.
func startKamal(ctx context.Context, b *bench, app string) (*kamal, error) {
	path, err := b.built(ctx, "kamal-proxy", "github.com/basecamp/kamal-proxy/cmd/kamal-proxy")
	if err != nil {
		return nil, err
	}
	tls, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	k := &kamal{path: path}
	k.program, err = startProgram(ctx, func(p *program) error {
		k.program = p
		if err := p.start(ctx, path, "run", "--http-port", portOf(p.addr), "--https-port", portOf(tls)); err != nil {
			return err
		}
		listens := func() error { _, err := os.Stat(filepath.Join(p.dir, "kamal-proxy.sock")); return err }
		if err := again(ctx, listens, func(err error) bool { return errors.Is(err, os.ErrNotExist) }); err != nil {
			return err
		}
		return k.deploy(ctx, "bench", benchHost, app)
	})
	return k, err
}

// deploy has a service served for a host and returns when it is: once it has
// passed a health check.
func (k *kamal) deploy(ctx context.Context, service, host, target string, flags ...string) error {
	return k.tell(ctx, append([]string{"deploy", service, "--host", host, "--target", target, "--health-check-path", "/"}, flags...)...)
}

// remove serves a service no more.
func (k *kamal) remove(ctx context.Context, service string) error {
	return k.tell(ctx, "remove", service)
}

func (k *kamal) tell(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, k.path, args...)
	cmd.Env = k.env()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("kamal-proxy %s: %w: %s", args[0], err, ending(out))
	}
	return nil
}
