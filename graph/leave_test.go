package graph_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/davitdev/davit/graph"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

// eventually waits until done reports true, for what happens in another
// goroutine without a sign.
func (w *world) eventually(what string, done func() bool) {
	w.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(20 * time.Second); !done(); {
		select {
		case <-tick.C:
		case <-deadline:
			buf := make([]byte, 1<<20)
			w.Fatalf("it did not come to pass in 20 s: %s\n%s", what, buf[:runtime.Stack(buf, true)])
		}
	}
}

// ways are how a client leaves with ops operations under way.
var ways = map[string]func(f *feed, ops int){
	"it completes each": func(f *feed, ops int) {
		for i := range ops {
			f.send(frame{ID: fmt.Sprint(i), Type: "complete"})
		}
		_ = f.conn.Close(websocket.StatusNormalClosure, "")
	},
	"it says good-bye":        func(f *feed, _ int) { _ = f.conn.Close(websocket.StatusGoingAway, "") },
	"its connection ends":     func(f *feed, _ int) { f.leave() },
	"its connection is reset": func(f *feed, _ int) { f.reset() },
}

// 1,000 subscriptions of all kinds come and go in every way, while what they
// watch changes. Not parallel: it counts the goroutines of the process.
func TestSubscriptionsThatComeAndGoLeaveNothing(t *testing.T) {
	const rounds, ops = 2, 25
	w := newWorld(t, storetest.SQLite(t))
	p := w.printer("st")
	p.print("one")
	s := w.streams(p.tenant)
	after := p.mark()
	w.record(store.Scope{WorkspaceID: p.workspace.ID, ProjectID: p.project.ID}, "test.done", "one")
	for kind, sub := range map[string]struct {
		query string
		v     vars
		wake  string
	}{
		"deploymentUpdated":      {s["deploymentUpdated"].query, vars{"id": s["deploymentUpdated"].id}, s["deploymentUpdated"].id},
		"serviceInstanceUpdated": {s["serviceInstanceUpdated"].query, vars{"id": s["serviceInstanceUpdated"].id}, s["serviceInstanceUpdated"].id},
		"operationUpdated":       {s["operationUpdated"].query, vars{"id": s["operationUpdated"].id}, s["operationUpdated"].id},
		"platformUpdated":        {platformFeed, nil, "platform"},
		"events":                 {eventsFeed, vars{"id": p.project.ID, "after": after, "types": []string{"test.done"}}, p.project.ID},
		"logs":                   {logsFeed, vars{"source": vars{"deploymentId": p.deployment.ID}}, p.deployment.ID},
	} {
		t.Run(kind, func(t *testing.T) {
			w.http.Client().CloseIdleConnections()
			p.owner.connect().leave() // whatever is made once is made now
			w.eventually("the first socket is gone", func() bool { return w.wakes.live.Load() == 0 })
			settle()
			before := runtime.NumGoroutine()
			for range rounds {
				for way, leave := range ways {
					f := p.owner.connect()
					for i := range ops {
						f.begin(fmt.Sprint(i), sub.query, sub.v)
					}
					for range ops {
						f.next().ok()
					}
					if w.wakes.live.Load() == 0 && kind != "logs" || runtime.NumGoroutine() < before+ops {
						t.Fatalf("%s: %d subscriptions, %d goroutines: this test sees nothing", way, w.wakes.live.Load(), runtime.NumGoroutine())
					}
					w.wakes.Publish(sub.wake)
					leave(f, ops)
				}
			}
			w.eventually("nobody watches", func() bool { return w.wakes.live.Load() == 0 && graph.Watched(w.resolver) == 0 })
			w.eventually("all goroutines have ended", func() bool { return runtime.NumGoroutine() <= before })
		})
	}
}

// settle waits until the number of goroutines stays the same for a moment.
func settle() {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for last, same := 0, 0; same < 5; {
		<-tick.C
		if n := runtime.NumGoroutine(); n == last {
			same++
		} else {
			last, same = n, 0
		}
	}
}
