package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/moby/moby/client"

	davit "github.com/davitdev/davit/internal/client"
)

const (
	// hammerPace is what each connection waits for between two requests: 1600 a
	// second in all, so that a first answer is seen within a millisecond and the
	// machine has time for deployments.
	hammerPace = 40 * time.Millisecond
	// requestSpan is how long a turn of requests takes.
	requestSpan = 2 * time.Second
)

// deployUnderFire is D3: one deployment after the other of a service that 64
// connections ask all the while. It counts the requests that were not answered
// with 200, and times from the first good probe of each new version, as the
// application notes it, until its first answer has arrived at somebody who
// asked. Then it compares what a request costs, through Davit's proxy, through
// nginx, and at the container itself.
func deployUnderFire(ctx context.Context, b *bench) (err error) {
	e, err := openEngine(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.close(ctx)) }()
	d, err := install(ctx, b.program)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.remove(ctx), e.removeImages(ctx, "davit.installation="+d.id)) }()
	s, first, err := d.deployApp(ctx)
	if err != nil {
		return err
	}
	h := strike(ctx, d.config.ProxyListen, first.host(), hammerPace)
	defer h.stop()
	var waits []time.Duration
	for n := range b.rounds {
		made, err := d.deploy(ctx, s)
		if err == nil {
			err = d.live(ctx, made)
		}
		if err != nil {
			return fmt.Errorf("deployment %d: %w", n+1, err)
		}
		if err := sleep(ctx, 2*hammerPace); err != nil { // every connection has met it
			return err
		}
		took, ok := h.firstOf(made.ID)
		if !ok {
			return fmt.Errorf("deployment %d was live and never answered", n+1)
		}
		waits = append(waits, took)
		if n%max(1, b.rounds/4) == 0 {
			b.say("  deployment %d of %d", n+1, b.rounds)
		}
	}
	h.stop()
	for _, text := range h.failed[:min(5, len(h.failed))] {
		b.say("  failed: %s", text)
	}
	slices.Sort(waits)
	wait := row{Subject: "first good probe → first answer", Unit: "ms", P50: millis(quantile(waits, 0.5)), P99: millis(quantile(waits, 0.99))}
	b.add(row{Subject: fmt.Sprintf("failed of %d requests", len(h.took)+len(h.failed)), P50: float64(len(h.failed))}.target("0", len(h.failed) == 0),
		wait.target("p50 ≤ 5 ms", wait.P50 <= 5))
	return compareRequests(ctx, b, e, d, first.host())
}

// deployApp builds and deploys bench/app.
func (d *installation) deployApp(ctx context.Context) (service, deployment, error) {
	dir := filepath.Join(filepath.Dir(d.config.Data), "app")
	text := fmt.Sprintf("FROM scratch\nCOPY app /app\nEXPOSE %d\nENTRYPOINT [\"/app\"]\n", appPort)
	err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(text), 0o600))
	if err != nil {
		return service{}, deployment{}, err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(dir, "app"), "./bench/app")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return service{}, deployment{}, fmt.Errorf("build bench/app: %w: %s", err, out)
	}
	s, err := d.makeService(ctx, "app", "WEB", fromUpload(), davit.Variables{"healthCheck": davit.Variables{"kind": "HTTP", "path": "/"}})
	if err != nil {
		return s, deployment{}, err
	}
	made, err := d.deployDir(ctx, s, dir)
	if err == nil {
		err = d.serves(ctx, made, "", func() {})
	}
	return s, made, err
}

// compareRequests sends the same requests through the proxies and to the
// container, in turns.
func compareRequests(ctx context.Context, b *bench, e *engine, d *installation, host string) (err error) {
	id, err := containerOf(ctx, e.api, d.id)
	if err != nil {
		return err
	}
	found, err := e.api.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
	if err != nil {
		return err
	}
	addr := ""
	for _, n := range found.Container.NetworkSettings.Networks {
		addr = fmt.Sprintf("%s:%d", n.IPAddress, appPort)
	}
	app := found.Container.State.Pid
	requests := func(name, addr, host string, proxy func() time.Duration) subject {
		return subject{
			name: name,
			op: func(ctx context.Context) ([]time.Duration, error) {
				h := strike(ctx, addr, host, hammerPace)
				err := sleep(ctx, requestSpan)
				h.stop()
				if err == nil && len(h.failed) > 0 {
					err = fmt.Errorf("%d requests failed, the first: %s", len(h.failed), h.failed[0])
				}
				return h.took, err
			},
			cpu: func() time.Duration { return treeCPU(app) + proxy() },
		}
	}
	subjects := []subject{
		requests("a request through Davit's proxy", d.config.ProxyListen, host, func() time.Duration { return processCPU(d.proxyPID) }),
		requests("a request to the container", addr, addr, func() time.Duration { return 0 }),
	}
	const other = "a request through nginx"
	n, err := nginxBefore(ctx, b, addr, "1")
	switch {
	case errors.Is(err, errMissing):
		b.skip(other, err)
	case err != nil:
		return err
	default:
		defer func() { err = errors.Join(err, n.close()) }()
		subjects = append(subjects, requests(other, n.addr, benchHost, n.cpu))
	}
	rounds := b.rounds
	b.rounds = max(1, rounds/5)
	all, err := b.interleave(ctx, subjects...)
	b.rounds = rounds
	if err != nil {
		return err
	}
	b.add(rowOf(all[0]).beside(all[0], all[1]), rowOf(all[1]))
	if len(all) > 2 {
		b.add(rowOf(all[2]).beside(all[2], all[1]))
	}
	return nil
}
