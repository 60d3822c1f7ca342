package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"github.com/davitdev/davit/internal/proxy"
)

const (
	// calm is what a Davit gets to come to rest after a deployment, idle how
	// long its rest is watched.
	calm, idle = 15 * time.Second, 30 * time.Second
	footApps   = 3
)

// footprint is F1: the memory and CPU of davit serve and davit proxy, with
// three applications nobody asks, and how long a start takes with nothing
// running but them. Beside it the time of the program alone: davit version.
func footprint(ctx context.Context, b *bench) (err error) {
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
	for i := range footApps {
		s, err := d.makeService(ctx, fmt.Sprintf("app-%d", i), "WEB", image, nil)
		if err != nil {
			return err
		}
		made, err := d.deploy(ctx, s)
		if err != nil {
			return err
		}
		if err := d.serves(ctx, made, func() {}); err != nil {
			return err
		}
	}
	if err := d.rest(ctx, b); err != nil {
		return err
	}
	all, err := b.interleave(ctx, subject{
		name: "davit serve, until ready, proxy and all", op: d.coldStart,
		cpu: func() time.Duration { return 0 }, // the processes are new each time
	}, subject{
		name: "davit version",
		op: func(ctx context.Context) ([]time.Duration, error) {
			began := time.Now()
			err := exec.CommandContext(ctx, d.program, "version").Run()
			return []time.Duration{time.Since(began)}, err
		},
	})
	if err != nil {
		return err
	}
	r := rowOf(all[0]).beside(all[0], all[1])
	b.add(r.target("≤ 150 ms", r.P50 <= 150), rowOf(all[1]))
	return nil
}

// coldStart takes everything of Davit's down and times the next start.
func (d *installation) coldStart(ctx context.Context) ([]time.Duration, error) {
	if err := errors.Join(d.end(), proxy.NewClient(d.config.Data).Quit(ctx)); err != nil {
		return nil, err
	}
	took, err := d.serve(ctx)
	if err != nil {
		return nil, err
	}
	hello, err := proxy.NewClient(d.config.Data).Hello(ctx)
	d.proxyPID = hello.PID
	return []time.Duration{took}, err
}

// rest watches a Davit that has nothing to do.
func (d *installation) rest(ctx context.Context, b *bench) error {
	b.say("  at rest for %s", calm+idle)
	if err := sleep(ctx, calm); err != nil {
		return err
	}
	before := d.cpu()
	if err := sleep(ctx, idle); err != nil {
		return err
	}
	used := 100 * float64(d.cpu()-before) / float64(idle)
	server, err := memoryOf(d.server.Process.Pid)
	if err != nil {
		return err
	}
	proxied, err := memoryOf(d.proxyPID)
	if err != nil {
		return err
	}
	const mb = 1 << 20
	megabytes := func(subject string, bytes int64) row {
		return row{Subject: subject, Unit: "MB", P50: float64(bytes) / mb}
	}
	sum := megabytes("resident (RSS), both", server.resident+proxied.resident)
	b.add(sum.target("≤ 60 MB", sum.P50 <= 60),
		megabytes("resident, davit serve", server.resident), megabytes("resident, davit proxy", proxied.resident),
		megabytes("resident, shared pages once (PSS), both", server.proportional+proxied.proportional),
		megabytes("anonymous, davit serve", server.anonymous), megabytes("anonymous, davit proxy", proxied.anonymous),
		row{Subject: "CPU at rest, both", Unit: "% of a core", P50: used}.target("≤ 0.3 %", used <= 0.3))
	return nil
}
