package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/principal"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

// pastOf is how many deployments the large installation of F2 has, if
// BENCH_DEPLOYMENTS says nothing else.
const pastOf = 10_000

// pageOf is how many deployments a page of the list has, and the small
// installation to begin with.
const pageOf = 20

// past is F2: what a person waits for with ten thousand deployments, beside the
// same with twenty: a start, a page of the list, a deployment.
func past(ctx context.Context, b *bench) (err error) {
	n := pastOf
	if text := os.Getenv("BENCH_DEPLOYMENTS"); text != "" {
		if n, err = strconv.Atoi(text); err != nil || n < pageOf {
			return fmt.Errorf("BENCH_DEPLOYMENTS is %q, want a number from %d on", text, pageOf)
		}
	}
	e, err := openEngine(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.close(ctx)) }()
	image, err := e.testImage(ctx)
	if err != nil {
		return err
	}
	var pair [2]*aged
	for i, copies := range []int{pageOf - 1, n} {
		if pair[i], err = age(ctx, b, image, copies); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, pair[i].remove(ctx)) }()
	}
	for _, what := range []struct {
		name string
		op   func(*aged, context.Context) ([]time.Duration, error)
	}{
		{"start until ready", func(a *aged, ctx context.Context) ([]time.Duration, error) { return a.coldStart(ctx) }},
		{fmt.Sprintf("a page of %d deployments", pageOf), (*aged).page},
		{"redeploy until live", (*aged).again},
	} {
		both := make([]subject, 2)
		for i, a := range pair {
			both[i] = subject{
				name: fmt.Sprintf("%s, %d deployments", what.name, a.deployments),
				op:   func(ctx context.Context) ([]time.Duration, error) { return what.op(a, ctx) },
				cpu:  func() time.Duration { return 0 }, // processes come and go
			}
		}
		all, err := b.interleave(ctx, both...)
		if err != nil {
			return err
		}
		r := rowOf(all[1]).beside(all[1], all[0])
		b.add(rowOf(all[0]), r.target("≤ 1.2 ×", r.Ratio != nil && r.Ratio.Median <= 1.2))
	}
	return nil
}

// aged is an installation with a past.
type aged struct {
	*installation
	service     service
	deployments int
}

// age installs Davit, deploys an application and gives that a past.
func age(ctx context.Context, b *bench, image string, copies int) (_ *aged, err error) {
	d, err := install(ctx, b.program)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.remove(ctx))
		}
	}()
	s, err := d.makeService(ctx, "app", "WEB", fromImage(image), nil)
	if err != nil {
		return nil, err
	}
	made, err := d.deploy(ctx, s)
	if err != nil {
		return nil, err
	}
	if err := d.live(ctx, made); err != nil {
		return nil, err
	}
	a := &aged{installation: d, service: s, deployments: copies + 1}
	if err := d.end(); err != nil {
		return nil, err
	}
	db, err := store.Open(ctx, d.config.Database())
	if err != nil {
		return nil, err
	}
	b.say("  %d copies of a deployment", copies)
	if err := errors.Join(storetest.Multiply(principal.AsSystem(ctx), db, made.ID, copies), db.Close()); err != nil {
		return nil, err
	}
	_, err = d.serve(ctx)
	return a, err
}

// page asks for the newest deployments.
func (a *aged) page(ctx context.Context) ([]time.Duration, error) {
	var out struct {
		ServiceInstance struct {
			Deployments struct{ Nodes []struct{ ID string } }
		}
	}
	began := time.Now()
	err := a.client.Do(ctx, `query($id:ID!,$first:Int!){serviceInstance(id:$id){deployments(first:$first){nodes{id number status conclusion phases{name}}}}}`,
		client.Variables{"id": a.service.instance, "first": pageOf}, &out)
	took := time.Since(began)
	if n := len(out.ServiceInstance.Deployments.Nodes); err == nil && n != pageOf {
		err = fmt.Errorf("a page of %d deployments has %d", pageOf, n)
	}
	return []time.Duration{took}, err
}

// again deploys once more.
func (a *aged) again(ctx context.Context) ([]time.Duration, error) {
	began := time.Now()
	made, err := a.deploy(ctx, a.service)
	if err == nil {
		err = a.live(ctx, made)
	}
	return []time.Duration{time.Since(began)}, err
}
