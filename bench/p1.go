package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// loadSpan is how long a proxy is loaded in its turn.
const loadSpan = time.Second

// proxies is P1: how many requests a second a proxy passes on when 64
// connections ask as fast as they are answered, and what it works for one, with
// small answers and with large ones. All of them are before the same
// application, share the machine with it and with who asks, and run at the same
// time, idle when it is not their turn. Beside them the application, asked
// directly.
func proxies(ctx context.Context, b *bench) (err error) {
	app, err := startBackend(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, app.close()) }()
	named := []struct {
		name  string
		start func() (*program, error)
	}{
		{"Davit's proxy", func() (*program, error) { return davitBefore(ctx, b, app.addr()) }},
		{"nginx", func() (*program, error) { return nginxBefore(ctx, b, app.addr(), "auto") }},
		{"HAProxy", func() (*program, error) { return haproxyBefore(ctx, b, app.addr()) }},
		{"Caddy", func() (*program, error) { return caddyBefore(ctx, b, app.addr()) }},
		{"kamal-proxy", func() (*program, error) {
			k, err := startKamal(ctx, b, app.addr())
			if err != nil {
				return nil, err
			}
			return k.program, nil
		}},
		{"Traefik", func() (*program, error) {
			t, err := startTraefik(ctx, b, app.addr())
			if err != nil {
				return nil, err
			}
			return t.program, nil
		}},
		{"Traefik, experimental fast proxy", func() (*program, error) {
			t, err := startTraefik(ctx, b, app.addr(), "--experimental.fastProxy")
			if err != nil {
				return nil, err
			}
			return t.program, nil
		}},
	}
	var names []string
	var running []*program
	for _, one := range named {
		p, err := one.start()
		if errors.Is(err, errMissing) {
			b.skip(one.name, err)
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", one.name, err)
		}
		defer func() { err = errors.Join(err, p.close()) }()
		names, running = append(names, one.name), append(running, p)
	}
	for _, size := range []int{1 << 10, 1 << 20} {
		subjects := []subject{loaded("the application itself", app.addr(), size, func() time.Duration { return 0 })}
		for i, p := range running {
			subjects = append(subjects, loaded(names[i], p.addr, size, p.cpu))
		}
		all, err := b.interleave(ctx, subjects...)
		if err != nil {
			return err
		}
		for i, s := range append(slices.Clone(all[1:]), all[0]) {
			r := rateOf(s, "requests/s")
			r.Subject = fmt.Sprintf("%s, answers of %d KB", s.name, size>>10)
			if i > 0 {
				r = r.rateBeside(s, all[1])
			}
			b.add(r)
		}
	}
	return nil
}

// loaded is a subject that is loaded in its turn.
func loaded(name, addr string, size int, cpu func() time.Duration) subject {
	answered := 0
	return subject{
		name: name, cpu: cpu,
		op: func(ctx context.Context) (took []time.Duration, err error) {
			var span time.Duration
			answered, span, err = load(ctx, addr, size, loadSpan)
			if err != nil {
				return nil, err
			}
			return []time.Duration{span / time.Duration(max(1, answered))}, nil
		},
		count: func() int { return answered },
	}
}
