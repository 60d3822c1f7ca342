package logs

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/davitdev/davit/internal/fault"
)

// A search, which is every reading whose filter leaves lines out, may look at
// any number of lines for each that it finds. So it goes in steps: each looks at
// so much and no more, says how far it came, and is continued from there by
// whoever wants that. And few of them run at once, taking turns by whose
// they are, and then by the group they look at, so that nobody's searches keep a machine, or others, from their
// work.
const (
	searchReads = 64          // in vain, of about readBytes each, in a step
	searchTime  = time.Second // after which a step ends earlier
	searchWait  = 10 * time.Second
)

// errSpent says that a step has looked at as much as it may.
var errSpent = errors.New("enough searched for now")

// step is what a search may still do. Reads that found something do not count:
// the page is full soon.
type step struct {
	reads   int
	until   time.Time
	further bool // it has come further than where it began
}

func (s *step) over() bool {
	return s.came() && (s.reads <= 0 || time.Now().After(s.until))
}

// came reports whether it is a step and has come further.
func (s *step) came() bool { return s != nil && s.further }

// read notes that a read found something, or that nothing is there.
func (s *step) read(found bool) {
	if s != nil && !found {
		s.further = true
		s.reads--
	}
}

// took notes that a line was taken.
func (s *step) took() {
	if s != nil {
		s.further = true
	}
}

// begin waits for the reading's turn, if it is a search, in which it is to look at
// what there is: that may have moved on meanwhile. It returns the context of the
// turn. The caller calls done when it is over.
func (r *reading) begin(ctx context.Context) (_ context.Context, done func(), err error) {
	if r.filter.all() {
		return ctx, func() {}, nil
	}
	waits := ctx
	if r.wait > 0 {
		var cancel context.CancelFunc
		waits, cancel = context.WithTimeoutCause(ctx, r.wait, errManySearches)
		defer cancel()
	}
	done, err = r.log.searches.take(waits, searcher{r.owner, r.scope.Group})
	return context.WithValue(ctx, turnKey{}, r.log.searches), done, err
}

// turnKey is where a context has the turns of the search it is of.
type turnKey struct{}

// elsewhere calls fn, which waits for another machine: meanwhile the turn of the
// search, if ctx is of one, is somebody else's. Its group has it still.
func elsewhere(ctx context.Context, fn func() error) error {
	t, ok := ctx.Value(turnKey{}).(*turns)
	if !ok {
		return fn()
	}
	t.lend(1)
	defer t.lend(-1) // what came takes little time, so it does not wait again
	return fn()
}

// searcher is who takes turns.
type searcher struct{ owner, group string }

// turns lets few at a time do something, and of each key one. Owners that wait
// take turns, and of each its keys, whoever has how many waiting. It is safe for
// concurrent use.
type turns struct {
	mu      sync.Mutex
	free    int
	busy    map[searcher]bool
	waiting map[searcher][]chan struct{} // closed when it is theirs
	order   []searcher                   // keys that wait and are not busy
	owners  []string                     // of those, in the order of their turns
}

func newTurns(atOnce int) *turns {
	return &turns{free: atOnce, busy: map[searcher]bool{}, waiting: map[searcher][]chan struct{}{}}
}

// searchesAtOnce leaves half of the machine to others.
func searchesAtOnce() int { return max(1, runtime.GOMAXPROCS(0)/2) }

// take waits for key's turn. Whoever has it calls done when it is over.
func (t *turns) take(ctx context.Context, key searcher) (done func(), err error) {
	done = func() { t.done(key) }
	t.mu.Lock()
	if t.free > 0 && !t.busy[key] { // whoever waits is behind one of its own
		t.free--
		t.busy[key] = true
		t.mu.Unlock()
		return done, nil
	}
	mine := make(chan struct{})
	t.waiting[key] = append(t.waiting[key], mine)
	if len(t.waiting[key]) == 1 && !t.busy[key] {
		t.list(key)
	}
	t.mu.Unlock()
	select {
	case <-mine:
		return done, nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	i := slices.Index(t.waiting[key], mine)
	if i >= 0 {
		t.leave(key, i)
	}
	t.mu.Unlock()
	if i < 0 { // it came at the same time
		done()
	}
	return nil, context.Cause(ctx)
}

// leave takes one of those that wait off the list. The caller holds mu.
func (t *turns) leave(key searcher, i int) {
	t.waiting[key] = slices.Delete(t.waiting[key], i, i+1)
	if len(t.waiting[key]) == 0 {
		delete(t.waiting, key)
		t.unlist(key)
	}
}

// list says that key waits for a turn. The caller holds mu.
func (t *turns) list(key searcher) {
	t.order = append(t.order, key)
	if !slices.Contains(t.owners, key.owner) {
		t.owners = append(t.owners, key.owner)
	}
}

// unlist is the end of list. The caller holds mu.
func (t *turns) unlist(key searcher) {
	t.order = slices.DeleteFunc(t.order, func(k searcher) bool { return k == key })
	if t.first(key.owner) < 0 {
		t.owners = slices.DeleteFunc(t.owners, func(o string) bool { return o == key.owner })
	}
}

// first is where the first key of an owner is in the order; -1 if there is none.
func (t *turns) first(owner string) int {
	return slices.IndexFunc(t.order, func(k searcher) bool { return k.owner == owner })
}

// done gives key's turn to the next.
func (t *turns) done(key searcher) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.free++
	delete(t.busy, key)
	if len(t.waiting[key]) > 0 {
		t.list(key)
	}
	t.next()
}

// lend lets so many more at once, or fewer if n is negative, once they are done.
func (t *turns) lend(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.free += n
	t.next()
}

// next gives free turns to those that wait. The caller holds mu.
func (t *turns) next() {
	for t.free > 0 && len(t.order) > 0 {
		owner := t.owners[0]
		next := t.order[t.first(owner)]
		t.owners = append(t.owners[1:], owner) // unless it was its last one
		t.unlist(next)
		t.free--
		t.busy[next] = true
		close(t.waiting[next][0])
		t.leave(next, 0)
	}
}

var errManySearches = fault.New(fault.TooManyRequests, "Too many searches of this log are under way.").
	WithHint("Try again in a moment, with fewer at a time.")
