package repository

import (
	"context"
	"time"

	"golang.org/x/time/rate"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/principal"
	"github.com/davitdev/davit/internal/source"
)

// Limits bounds what people may have looked at, so that nobody has this
// machine scan others. No field may be zero.
type Limits struct {
	Rate   rate.Limit // of each principal, in looks a second
	Burst  int        // looks at once of one who has not asked for a while
	AtOnce int        // looks under way, of everybody
	List   time.Duration
	Fetch  time.Duration
	Source source.Limits
}

// What is asked for costs looks.
const (
	costList  = 1
	costFetch = 5
)

// maxCallers is how many principals are remembered.
const maxCallers = 10_000

// begin counts a look of the principal of ctx and waits for its turn. The
// caller calls done.
func (r *Reader) begin(ctx context.Context, cost int) (done func(), err error) {
	p, err := principal.From(ctx)
	if err != nil {
		return nil, err
	}
	if !r.caller(p.ID()).AllowN(time.Now(), cost) {
		return nil, fault.New(fault.TooManyRequests, "You have asked for many repositories: wait a minute.")
	}
	select {
	case r.busy <- struct{}{}:
		return func() { <-r.busy }, nil
	default:
	}
	wait := time.NewTimer(r.Limits.List)
	defer wait.Stop()
	select {
	case r.busy <- struct{}{}:
		return func() { <-r.busy }, nil
	case <-wait.C:
		return nil, fault.New(fault.TooManyRequests, "Many repositories are being looked at: try again in a moment.")
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// caller is how much a principal may still ask for.
func (r *Reader) caller(id string) *rate.Limiter {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.callers == nil {
		r.callers, r.busy = map[string]*rate.Limiter{}, make(chan struct{}, r.Limits.AtOnce)
	}
	if len(r.callers) >= maxCallers {
		for other, l := range r.callers { // those who would be told the same if they were new
			if l.Tokens() >= float64(r.Limits.Burst) {
				delete(r.callers, other)
			}
		}
	}
	l := r.callers[id]
	if l == nil {
		l = rate.NewLimiter(r.Limits.Rate, r.Limits.Burst)
		r.callers[id] = l
	}
	return l
}
