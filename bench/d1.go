package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// deployImage is D1. Davit's clock begins with the mutation and ends with the
// first 200 through its proxy; its CPU, with that of the subscription a client
// watches it by, counts until the deployment is COMPLETED. What it is compared to
// has the same image on the same engine and nobody who remembers what was done:
// no router at all, or one that is told of the container as soon as it runs.
func deployImage(ctx context.Context, b *bench) (err error) {
	e, err := openEngine(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.close(ctx)) }()
	image, err := e.testImage(ctx)
	if err != nil {
		return err
	}
	d, err := install(ctx, b.program)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.remove(ctx)) }()

	next, count := service{}, 0
	prepare := func(ctx context.Context) (err error) {
		count++
		next, err = d.makeService(ctx, fmt.Sprintf("app-%d", count), "WEB", fromImage(image), nil)
		return err
	}
	if err := prepare(ctx); err != nil {
		return err
	}
	davit := subject{
		name: "Davit", cpu: d.cpu,
		op: func(ctx context.Context) ([]time.Duration, error) {
			began := time.Now()
			made, err := d.deploy(ctx, next)
			if err != nil {
				return nil, err
			}
			var took time.Duration
			err = d.serves(ctx, made, "", func() { took = time.Since(began) })
			return []time.Duration{took}, err
		},
		after: func(ctx context.Context) error { return errors.Join(d.delete(ctx, next), prepare(ctx)) },
	}
	subjects := []subject{davit, e.starting("Engine API: create + start + 200", func(ctx context.Context) (string, error) { return e.run(ctx, image) })}
	const cli = "docker run -d, curl until 200"
	addr, err := freePort(ctx)
	if err != nil {
		return err
	}
	if missing := lookPaths("docker", "curl"); missing == nil {
		subjects = append(subjects, e.starting(cli, func(ctx context.Context) (string, error) { return dockerRun(ctx, image, addr) }))
	} else {
		b.skip(cli, missing)
	}
	inSandbox, endSandbox, err := e.sandboxed(ctx, image)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, endSandbox()) }()
	subjects = append(subjects, inSandbox)
	routed, end, err := e.routed(ctx, b, image)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	all, err := b.interleave(ctx, append(subjects, routed...)...)
	if err != nil {
		return err
	}
	for i, peer := range all[1:] {
		r := rowOf(all[0]).beside(all[0], peer)
		switch {
		case i == 0:
			r = r.target("≤ 1.1", r.Ratio.Median <= 1.1)
		case peer.name == cli:
			r = r.target("≤ 0.6", r.Ratio.Median <= 0.6)
		case peer.name == inSandbox.name: // what is left to win
		default:
			r = r.target("faster", r.Ratio.Median < 1)
		}
		b.add(r, rowOf(peer))
	}
	return nil
}
