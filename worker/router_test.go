package worker

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"entgo.io/ent"
	"golang.org/x/sync/errgroup"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/project"
	"github.com/davitdev/davit/internal/proxy"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
	"github.com/davitdev/davit/runner"
)

// told brings a table that no row says to the proxy, some versions after the
// one in force.
func (h *house) told(ahead int64) {
	h.t.Helper()
	hello, err := h.client.Hello(h.ctx)
	if err != nil {
		h.t.Fatal(err)
	}
	if _, err := h.client.Push(h.ctx, proxy.Table{Installation: h.install, Version: hello.Table + ahead}); err != nil {
		h.t.Fatal(err)
	}
}

// A database that was put back from a backup is older than what the proxy was
// told since, or by chance as old.
func TestRowsThatWerePutBackAreTheTruth(t *testing.T) {
	t.Parallel()

	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h := newHouse(t, db)
		p := h.start()
		i := h.service(h.version("v1", nil), nil)
		h.deploy(i, "")
		h.serves(i, "v1")

		h.told(100)
		if err := p.Router.Sync(h.ctx); err != nil {
			t.Fatal(err)
		}
		h.serves(i, "v1")
		p.stop()

		h.told(1)
		if err := h.verbs.ChangeRoutes(h.ctx); err != nil {
			t.Fatal(err)
		}
		p = h.start()
		h.until("it answers again", func() bool { status, _ := h.get(h.host(i), "/"); return status == http.StatusOK })
		h.serves(i, "v1")
		h.deploy(i, h.version("v2", nil))
		h.serves(i, "v2")
		h.sound(p)
	})
}

// Who pushes what was read long ago changes nothing, and neither does it make
// others push again.
func TestRoutesThatAreLateAreLeftOut(t *testing.T) {
	t.Parallel()

	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h := newHouse(t, db)
		late := h.idle().Router
		early := &Router{
			Deploy: late.Deploy, Proxy: h.proxy, Runner: h.engine, Wakes: late.Wakes, Installation: h.install, BaseDomain: "localhost", Sites: late.Sites, Log: h.log,
		}
		if err := late.Sync(h.ctx); err != nil {
			t.Fatal(err)
		}
		h.service(h.version("v1", nil), nil)
		before, err := h.verbs.RoutesVersion(h.ctx)
		if err != nil {
			t.Fatal(err)
		}
		var read atomic.Bool
		db.ServiceInstance.Intercept(ent.InterceptFunc(func(next ent.Querier) ent.Querier {
			return ent.QuerierFunc(func(ctx context.Context, q ent.Query) (ent.Value, error) {
				rows, err := next.Query(ctx, q)
				if !read.Swap(true) {
					h.service(h.version("v2", nil), func(n *project.NewService) { n.Name = "other" })
					if err := early.Sync(ctx); err != nil {
						t.Error(err)
					}
				}
				return rows, err
			})
		}))
		if err := late.Sync(h.ctx); err != nil {
			t.Fatal(err)
		}
		after, err := h.verbs.RoutesVersion(h.ctx)
		if err != nil {
			t.Fatal(err)
		}
		stats, err := h.client.Stats(h.ctx)
		if err != nil {
			t.Fatal(err)
		}
		if !read.Load() || after != before+1 || len(stats.Routes) != 2 {
			t.Errorf("the rows are at %d after %d, and the proxy has %d routes of 2", after, before, len(stats.Routes))
		}
	})
}

// held is a request that the application has and answers once it is let: it
// reads a form that has no end until then.
func (h *house) held(host string) (let func(), answered <-chan int) {
	h.t.Helper()
	form, end := io.Pipe()
	req, err := http.NewRequestWithContext(h.ctx, http.MethodPost, "http://"+host+"/slow?ms=0", form)
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	status := make(chan int, 1)
	go func() {
		res, err := (&http.Client{Transport: h.http.Transport}).Do(req)
		if err != nil {
			status <- 0
			return
		}
		res.Body.Close()
		status <- res.StatusCode
	}()
	h.t.Cleanup(func() { end.Close() })
	return func() { end.Close() }, status
}

// A proxy that cannot be asked for a while may have requests under way: the
// replica is not stopped before somebody knows, and then they have time.
func TestADrainIsAskedForAgain(t *testing.T) {
	t.Parallel()

	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h := newHouse(t, db)
		p := h.start()
		i := h.service(h.version("v1", nil), nil)
		h.deploy(i, "")
		host, served := h.host(i), h.running(i, 1)[0]
		p.stop()
		answer, answered := h.held(host)
		h.until("the request is under way", func() bool {
			stats, err := h.client.Stats(h.ctx)
			return err == nil && len(stats.Targets) == 1 && stats.Targets[0].Inflight == 1
		})
		if _, err := db.Exec(h.ctx, "UPDATE deployments SET is_active = ?", false); err != nil {
			t.Fatal(err)
		}
		if err := h.verbs.ChangeRoutes(h.ctx); err != nil {
			t.Fatal(err)
		}
		var asked atomic.Int64
		began := time.Now()
		h.proxy = func(context.Context) (*proxy.Client, error) {
			if time.Since(began) < time.Second { // all the time there is
				return nil, fault.New(fault.Unavailable, "The proxy is away.")
			}
			asked.Add(1)
			return h.client, nil
		}
		router := h.idle().Router
		drained := make(chan error, 1)
		var ends atomic.Bool // of the request
		go func() {
			err := router.Drain(h.ctx, served, time.Second)
			if !ends.Load() {
				err = errors.Join(errors.New("it did not wait for the request"), err)
			}
			drained <- err
		}()
		h.until("the proxy is asked, for its routes and for who drains", func() bool { return asked.Load() >= 2 })
		ends.Store(true)
		answer()
		if err := <-drained; err != nil {
			t.Errorf("Drain: %v", err)
		}
		stats, err := h.client.Stats(h.ctx)
		if err != nil || stats.Inflight != 0 {
			t.Errorf("%d requests are under way, %v", stats.Inflight, err)
		}
		if status := <-answered; status != http.StatusOK {
			t.Errorf("it was answered %d", status)
		}

		began = time.Now().Add(time.Hour) // it stays away
		router = &Router{                 // that met none before
			Deploy: router.Deploy, Proxy: h.proxy, Runner: h.engine, Wakes: router.Wakes, Installation: h.install, BaseDomain: "localhost", Sites: router.Sites, Log: h.log,
		}
		asks := time.Now()
		if err := router.Drain(h.ctx, served, time.Second); !fault.Is(err, fault.Unavailable) || time.Since(asks) < 800*time.Millisecond {
			t.Errorf("after %s: %v", time.Since(asks), err)
		}
	})
}

// While it is looked what networks there are, changes go to the proxy.
func TestRoutesDoNotWaitWhileTheEngineIsAskedForNetworks(t *testing.T) {
	t.Parallel()

	h := newHouse(t, storetest.SQLite(t))
	engine := &deaf{Runner: h.fake}
	h.engine = engine
	h.start()
	h.deploy(h.service(h.version("v1", nil), nil), "")
	change := func() {
		t.Helper()
		if err := h.verbs.ChangeRoutes(h.ctx); err != nil {
			t.Fatal(err)
		}
		version, err := h.verbs.RoutesVersion(h.ctx)
		if err != nil {
			t.Fatal(err)
		}
		h.within(2*time.Second, "the proxy has them", func() bool {
			hello, err := h.client.Hello(h.ctx)
			return err == nil && hello.Table >= tableVersion(version)
		})
	}
	change() // with the networks of before
	engine.now.Store(true)
	h.until("the engine is asked", engine.lists.Load)
	change()
}

// What a switch waits for is one question, to the proxy: who serves, and which
// networks there are, was asked before.
func TestRoutesAreOneQuestion(t *testing.T) {
	t.Parallel()

	h := newHouse(t, storetest.SQLite(t))
	addr := netip.AddrFrom4([4]byte{127, 66, 7, 3})
	engine := &counted{Runner: &gateway{Runner: h.fake, addr: addr}}
	h.engine = engine
	var met atomic.Int64
	h.proxy = func(context.Context) (*proxy.Client, error) {
		met.Add(1)
		return h.client, nil
	}
	r := h.idle().Router
	change := func(networks, proxies int64) {
		t.Helper()
		if err := h.verbs.ChangeRoutes(h.ctx); err != nil {
			t.Fatal(err)
		}
		var all errgroup.Group
		for range 8 {
			all.Go(func() error { return r.Sync(h.ctx) })
		}
		if err := all.Wait(); err != nil {
			t.Fatal(err)
		}
		version, err := h.verbs.RoutesVersion(h.ctx)
		if err != nil {
			t.Fatal(err)
		}
		if hello, err := h.client.Hello(h.ctx); err != nil || hello.Table != tableVersion(version) {
			t.Errorf("the proxy has version %d of %d, %v", hello.Table, tableVersion(version), err)
		}
		if engine.networks.Load() != networks || met.Load() != proxies {
			t.Errorf("the engine was asked for its networks %d times, want %d, and the proxy who it is %d, want %d", engine.networks.Load(), networks, met.Load(), proxies)
		}
	}
	if err := r.Sync(h.ctx); err != nil {
		t.Fatal(err)
	}
	change(1, 1)
	change(1, 1)
	n, err := engine.EnsureNetwork(h.ctx, "net")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Listen(h.ctx, n); err != nil || !r.listening[addr] {
		t.Fatalf("name servers: %v, %v", r.listening, err)
	}
	change(2, 1)
	// The next network has the address of one that is gone.
	if err := engine.RemoveNetwork(h.ctx, n.Name); err != nil {
		t.Fatal(err)
	}
	if n, err = engine.EnsureNetwork(h.ctx, "other"); err != nil {
		t.Fatal(err)
	}
	if err := r.Listen(h.ctx, n); err != nil || len(r.told) != 1 || r.told[0] != n {
		t.Errorf("the table is of the networks %v, %v", r.told, err)
	}
	change(3, 1)
}

// Who began a push may be told to stop: that is no reason for the others who
// wait for it.
func TestAPushOutlivesWhoBeganIt(t *testing.T) {
	t.Parallel()

	h := newHouse(t, storetest.SQLite(t))
	reached, open := make(chan struct{}, 9), make(chan struct{})
	h.proxy = func(ctx context.Context) (*proxy.Client, error) {
		reached <- struct{}{}
		select {
		case <-open:
			return h.client, nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	r := h.idle().Router
	leading, stop := context.WithCancelCause(h.ctx)
	led := make(chan error, 1)
	go func() { led <- r.Sync(leading) }()
	<-reached
	var all errgroup.Group
	for range 8 {
		all.Go(func() error { return r.Sync(h.ctx) })
	}
	waiting := func() (n int) {
		r.pushes.mu.Lock()
		defer r.pushes.mu.Unlock()
		for _, j := range r.pushes.jobs {
			n += j.waiting
		}
		return n
	}
	for waiting() < 9 {
		runtime.Gosched()
	}
	stop(stopped{fault.Canceled})
	if err := <-led; !errors.Is(err, stopped{fault.Canceled}) {
		t.Errorf("who was told to stop got %v", err)
	}
	close(open)
	if err := all.Wait(); err != nil {
		t.Errorf("others got %v", err)
	}
	if len(reached) != 0 {
		t.Errorf("the push was begun %d times more", len(reached))
	}
}

// counted is an engine that counts who asks for its networks.
type counted struct {
	runner.Runner
	networks atomic.Int64
}

func (c *counted) Networks(ctx context.Context) ([]runner.Network, error) {
	c.networks.Add(1)
	return c.Runner.Networks(ctx)
}
