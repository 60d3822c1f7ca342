package e2e

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/lifecycle"
)

// Many deployments are asked for at once. All end, the newest of each service
// serves, whoever looks at a dashboard meanwhile gets answers, and what is not
// ours in the engine is as it was.
//
// TEST_STORM=full asks for 500 over 20 services.
func TestAStormOfDeployments(t *testing.T) {
	t.Parallel()
	loud(t)
	n, over := 24, 3
	if whole(t, "TEST_STORM") {
		n, over = 500, 20
	}
	h := newHouse(t)
	services := make([]*service, over)
	for i := range services {
		services[i] = h.web(fmt.Sprintf("storm %d", i))
	}
	services[0].deploy(h.app("v1"))
	untouched := h.engine.foreign(h.ctx, h.app("v1"))
	stop := h.queries()
	newest := make([]string, over)
	pace := time.NewTicker(10 * time.Second / 500)
	defer pace.Stop()
	for k := range n {
		<-pace.C
		newest[k%over] = services[k%over].request(nil).ID
	}
	for i, s := range services {
		h.within(time.Duration(n/5)*time.Second+patience, "the newest ends", func() bool { return h.deployment(newest[i]).Status == lifecycle.Completed })
		s.succeeded(newest[i])
		s.serves("v1")
	}
	stop()
	h.sound()
	untouched()
}

// queries asks for what a dashboard shows, again and again. stop says how long
// that took.
func (h *house) queries() (stop func()) {
	ctx, cancel := context.WithCancel(h.ctx)
	var took []time.Duration
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			var out struct{}
			began := time.Now()
			err := h.api.Do(context.WithoutCancel(ctx), `query($id:ID!){node(id:$id){... on Workspace{projects(first:20){nodes{id name
				services(first:5){nodes{id name instances{id status health latestDeployment{id number status conclusion}}}}}}}}}`,
				client.Variables{"id": h.workspace}, &out)
			if err != nil {
				h.t.Errorf("query: %v", err)
				return
			}
			took = append(took, time.Since(began))
		}
	})
	return func() {
		cancel()
		wg.Wait()
		slices.Sort(took)
		if len(took) == 0 {
			h.t.Error("no query was answered")
			return
		}
		at := func(p int) time.Duration { return took[(len(took)-1)*p/100].Round(100 * time.Microsecond) }
		h.t.Logf("%d queries: p50 %s, p99 %s, slowest %s", len(took), at(50), at(99), at(100))
	}
}
