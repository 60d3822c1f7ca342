package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
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
		s, err := d.makeService(ctx, fmt.Sprintf("app-%d", i), "WEB", fromImage(image), nil)
		if err != nil {
			return err
		}
		made, err := d.deploy(ctx, s)
		if err != nil {
			return err
		}
		if err := d.serves(ctx, made, "", func() {}); err != nil {
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
	return []time.Duration{took}, d.meetProxy(ctx)
}

// rest watches a Davit that has nothing to do.
func (d *installation) rest(ctx context.Context, b *bench) error {
	b.say("  at rest for %s", calm+idle)
	if err := sleep(ctx, calm); err != nil {
		return err
	}
	before, began := d.cpu(), time.Now()
	var server, proxied, both []memory
	for time.Since(began) < idle { // the program comes and goes: one look is a matter of luck
		if err := sleep(ctx, time.Second); err != nil {
			return err
		}
		s, err := memoryOf(d.server.Process.Pid)
		if err != nil {
			return err
		}
		p, err := memoryOf(d.proxyPID)
		if err != nil {
			return err
		}
		server, proxied = append(server, s), append(proxied, p)
		both = append(both, memory{s.resident + p.resident, s.proportional + p.proportional, s.anonymous + p.anonymous})
	}
	used := 100 * float64(d.cpu()-before) / float64(time.Since(began))
	const mb = 1 << 20
	megabytes := func(subject string, looks []memory, of func(memory) int64) row {
		var all []float64
		for _, m := range looks {
			all = append(all, float64(of(m))/mb)
		}
		slices.Sort(all)
		return row{Subject: subject, Unit: "MB", P50: quantile(all, 0.5), P99: quantile(all, 0.99)}
	}
	resident := func(m memory) int64 { return m.resident }
	anonymous := func(m memory) int64 { return m.anonymous }
	sum := megabytes("resident (RSS), both", both, resident)
	b.add(sum.target("≤ 60 MB", sum.P50 <= 60),
		megabytes("resident, davit serve", server, resident), megabytes("resident, davit proxy", proxied, resident),
		megabytes("resident, shared pages once (PSS), both", both, func(m memory) int64 { return m.proportional }),
		megabytes("anonymous, davit serve", server, anonymous), megabytes("anonymous, davit proxy", proxied, anonymous),
		row{Subject: "CPU at rest, both", Unit: "% of a core", P50: used}.target("≤ 0.3 %", used <= 0.3))
	return nil
}
