package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"
)

// deployImage is D1. Davit's clock begins with the mutation and ends with the
// first 200 through its proxy; its CPU, with that of the subscription a client
// watches it by, counts until the deployment is COMPLETED. What it is compared to has the same image on the same engine, no
// router and nobody who remembers what was done.
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
		next, err = d.makeService(ctx, fmt.Sprintf("app-%d", count), "WEB", image, nil)
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
			err = d.serves(ctx, made, func() { took = time.Since(began) })
			return []time.Duration{took}, err
		},
		after: func(ctx context.Context) error { return errors.Join(d.delete(ctx, next), prepare(ctx)) },
	}
	// started times something that starts a container.
	var running string
	started := func(start func(context.Context) (string, error)) func(context.Context) ([]time.Duration, error) {
		return func(ctx context.Context) ([]time.Duration, error) {
			began := time.Now()
			id, err := start(ctx)
			took := time.Since(began)
			running = id
			if err != nil && id != "" {
				err = errors.Join(err, e.remove(ctx, id))
			}
			return []time.Duration{took}, err
		}
	}
	remove := func(ctx context.Context) error { return e.remove(ctx, running) }
	subjects := []subject{davit, {
		name: "Engine API: create + start + 200", after: remove,
		op: started(func(ctx context.Context) (string, error) { return e.run(ctx, image) }),
	}}
	const cli = "docker run -d, curl until 200"
	addr, err := freePort(ctx)
	if err != nil {
		return err
	}
	for _, program := range []string{"docker", "curl"} {
		if _, missing := exec.LookPath(program); missing != nil {
			b.skip(cli, missing)
			addr = ""
		}
	}
	if addr != "" {
		subjects = append(subjects, subject{
			name: cli, after: remove,
			op: started(func(ctx context.Context) (string, error) { return dockerRun(ctx, image, addr) }),
		})
	}
	all, err := b.interleave(ctx, subjects...)
	if err != nil {
		return err
	}
	r := rowOf(all[0]).beside(all[0], all[1])
	b.add(r.target("≤ 1.1", r.Ratio.Median <= 1.1), rowOf(all[1]))
	if addr != "" {
		r := rowOf(all[0]).beside(all[0], all[2])
		b.add(r.target("later ≤ 0.6", r.Ratio.Median <= 0.6), rowOf(all[2]))
	}
	return nil
}
