package graph

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/principal"
)

// watches are the rows that somebody watches. A row is loaded once per change
// for all subscriptions of one principal; there is an entry, a goroutine and a
// subscription to its wakes as long as somebody watches it. The zero value is
// ready to use.
type watches struct {
	mu   sync.Mutex
	open map[watched]*watch
}

// watched is what is watched, such as a row by its id, as a principal sees it.
// Two tokens of one user are two principals, and so are two sessions of one
// token: one may end.
type watched struct{ name, principal string }

// state is a watched row at one moment.
type state struct {
	row     any
	final   bool  // no change can follow
	err     error // ends everything
	loaders *loaders

	load   int // number of the load that found it
	change int // number of the last load that a wake asked for
}

// over reports whether no other state follows.
func (s state) over() bool { return s.final || s.err != nil }

// watch loads one row for all who watch it. Its fields are guarded by
// watches.mu.
type watch struct {
	now   state
	next  chan struct{} // closed when now is replaced
	begun int           // loads
	users int
	asked chan struct{} // somebody new wants a load
	stop  context.CancelFunc
}

// join begins to watch a row and returns what watches it. Whoever joins calls
// leave.
func (r *Resolver) join(ctx context.Context, name string, wakes func(context.Context) <-chan struct{}, load func(context.Context) (row any, final bool, err error)) (*watcher, error) {
	p, err := principal.From(ctx)
	if err != nil {
		return nil, err
	}
	key := watched{name, fmt.Sprint(p.Kind, p.UserID, p.TokenID, p.SessionID, p.PlatformAdmin, p.Scopes)}
	r.watched.mu.Lock()
	defer r.watched.mu.Unlock()
	w := r.watched.open[key]
	if w == nil {
		w = &watch{next: make(chan struct{}), asked: make(chan struct{}, 1)}
		if r.watched.open == nil {
			r.watched.open = map[watched]*watch{}
		}
		r.watched.open[key] = w
		all, stop := context.WithCancel(context.WithoutCancel(ctx)) // it serves the others when this one goes
		w.stop = stop
		wake := wakes(all) // before the first load, so that no change falls in between
		go r.watch(all, key, w, wake, load)
	}
	w.users++
	select {
	case w.asked <- struct{}{}:
	default:
	}
	return &watcher{r: r, key: key, watch: w, after: w.begun}, nil
}

// watch loads the row when it was woken for, and when somebody asks, until that
// is over or nobody watches any more.
func (r *Resolver) watch(ctx context.Context, key watched, w *watch, wake <-chan struct{}, load func(context.Context) (any, bool, error)) {
	defer w.stop()
	for s := (state{}); !s.over(); {
		woken := false
		select {
		case <-ctx.Done():
			return
		case <-wake:
			woken = true
		case <-w.asked:
		}
		select {
		case <-wake:
			woken = true
		default:
		}
		r.watched.mu.Lock()
		w.begun++
		s.load = w.begun
		r.watched.mu.Unlock()
		if woken {
			s.change = s.load
		}
		s.row, s.final, s.err = guarded(ctx, r, load)
		s.loaders = r.loaders(true)
		r.publish(key, w, s)
	}
}

// guarded loads, and makes an error of a panic: nobody else would tell those
// who wait.
func guarded(ctx context.Context, r *Resolver, load func(context.Context) (any, bool, error)) (row any, final bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			r.Log.ErrorContext(ctx, "subscription panicked", "panic", p, "stack", string(debug.Stack()))
			err = fault.New(fault.Internal, "Something broke on our side. The operator's log has the details.")
		}
	}()
	return again(ctx, r, load)
}

// publish makes s the present state. After the last one, the next to watch the
// row begins anew.
func (r *Resolver) publish(key watched, w *watch, s state) {
	r.watched.mu.Lock()
	defer r.watched.mu.Unlock()
	w.now = s
	close(w.next)
	w.next = make(chan struct{})
	if s.over() {
		r.watched.forget(key, w)
	}
}

// forget is called with mu held.
func (ws *watches) forget(key watched, w *watch) {
	if ws.open[key] == w {
		delete(ws.open, key)
	}
}

// watcher is one who watches a row. It is not safe for concurrent use.
type watcher struct {
	r     *Resolver
	key   watched
	watch *watch
	after int // no state of this load or an earlier one counts
	seen  int // change that was shown
	begun bool
}

// next waits for a state that was not shown yet: the first time for one that
// was loaded after join, then for one that a wake asked for. Who comes late
// gets the latest. It fails when ctx ends.
func (w *watcher) next(ctx context.Context) (state, error) {
	for {
		w.r.watched.mu.Lock()
		s, next := w.watch.now, w.watch.next
		w.r.watched.mu.Unlock()
		if s.over() || !w.begun && s.load > w.after || w.begun && s.change > w.seen {
			w.begun, w.seen = true, s.change
			return s, nil
		}
		select {
		case <-next:
		case <-ctx.Done():
			return state{}, context.Cause(ctx)
		}
	}
}

// leave ends the watching.
func (w *watcher) leave() {
	w.r.watched.mu.Lock()
	defer w.r.watched.mu.Unlock()
	if w.watch.users--; w.watch.users == 0 {
		w.watch.stop()
		w.r.watched.forget(w.key, w.watch)
	}
}
