package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// router is one that a container is put behind.
type router struct {
	name string
	*program
	// deploy has an application served for a host, remove none.
	deploy func(ctx context.Context, host, app string) error
	remove func(ctx context.Context, host string) error
	// rest waits until it has come to rest after the last deployment; nil: it
	// has.
	rest func(ctx context.Context) error
}

// routed are docker run -d and what people put before it: until a request
// through that is answered. end ends what was started for it.
func (e *engine) routed(ctx context.Context, b *bench, image string) (subjects []subject, end func() error, err error) {
	var started []*program
	app, err := startBackend(ctx) // routers begin with somebody to serve
	if err != nil {
		return nil, nil, err
	}
	end = func() error {
		errs := []error{app.close()}
		for _, p := range started {
			errs = append(errs, p.close())
		}
		return errors.Join(errs...)
	}
	for _, one := range []struct {
		name  string
		start func(name string) (*router, error)
	}{
		{"docker run -d, kamal-proxy deploy", func(name string) (*router, error) { return kamalRouter(ctx, b, name, app.addr()) }},
		{"docker run -d, kamal-proxy deploy, probing each millisecond", func(name string) (*router, error) {
			return kamalRouter(ctx, b, name, app.addr(), "--health-check-interval", "1ms")
		}},
		{"docker run -d, Traefik's file provider", func(name string) (*router, error) { return traefikRouter(ctx, b, name, app.addr()) }},
		{"docker run -d, Traefik's file provider, no throttle", func(name string) (*router, error) {
			return traefikRouter(ctx, b, name, app.addr(), "--providers.providersThrottleDuration=0")
		}},
	} {
		r, err := one.start(one.name)
		if errors.Is(err, errMissing) {
			b.skip(one.name, err)
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", one.name, errors.Join(err, end()))
		}
		started = append(started, r.program)
		subjects = append(subjects, e.behind(r, image))
	}
	return subjects, end, nil
}

// behind is a subject that starts a container and puts it behind a router. What
// the router and the commands work counts, as Davit's work does.
func (e *engine) behind(r *router, image string) subject {
	count, host := 0, ""
	s := e.starting(r.name, func(ctx context.Context) (string, error) {
		count++
		host = fmt.Sprintf("app-%d.bench.localhost", count)
		id, app, err := e.dockerRunAt(ctx, image)
		if err == nil {
			err = r.deploy(ctx, host, app)
		}
		if err == nil {
			err = untilAnswers(ctx, "http://"+r.addr+"/", host, "")
		}
		return id, err
	})
	removed := s.after
	s.after = func(ctx context.Context) error { return errors.Join(r.remove(ctx, host), removed(ctx)) }
	s.cpu = func() time.Duration { return ownCPU() + r.cpu() }
	if r.rest != nil {
		op := s.op
		s.op = func(ctx context.Context) ([]time.Duration, error) {
			if err := r.rest(ctx); err != nil {
				return nil, err
			}
			return op(ctx)
		}
	}
	return s
}

// kamalRouter is kamal-proxy, told by its command as Kamal tells it.
func kamalRouter(ctx context.Context, b *bench, name, app string, flags ...string) (*router, error) {
	k, err := startKamal(ctx, b, app)
	if err != nil {
		return nil, err
	}
	service := func(host string) string { first, _, _ := strings.Cut(host, "."); return first }
	return &router{
		name: name, program: k.program,
		deploy: func(ctx context.Context, host, app string) error {
			return k.deploy(ctx, service(host), host, app, flags...)
		},
		remove: func(ctx context.Context, host string) error { return k.remove(ctx, service(host)) },
	}, nil
}

// traefikThrottle is how long Traefik looks at no other change after one,
// unless it is told otherwise.
const traefikThrottle = 2 * time.Second

// traefikRouter is Traefik, told by a file. A deployment is one change: the route
// before goes with it.
func traefikRouter(ctx context.Context, b *bench, name, app string, flags ...string) (*router, error) {
	t, err := startTraefik(ctx, b, app, flags...)
	if err != nil {
		return nil, err
	}
	last, changed := "", time.Now()
	return &router{
		name: name, program: t.program,
		deploy: func(_ context.Context, host, app string) error {
			delete(t.routes, last)
			last, changed = host, time.Now()
			return t.route(host, app)
		},
		remove: func(context.Context, string) error { return nil },
		rest: func(ctx context.Context) error {
			return sleep(ctx, time.Until(changed.Add(traefikThrottle+100*time.Millisecond)))
		},
	}, nil
}
