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

// begin counts a look of the principal of ctx and waits for its turn. The
// caller calls done.
func (r *Reader) begin(ctx context.Context, cost int) (done func(), err error) {
	p, err := principal.From(ctx)
	if err != nil {
		return nil, err
	}
	if !r.callers.Of(p.ID(), r.Limits.Rate, r.Limits.Burst).AllowN(time.Now(), cost) {
		return nil, fault.New(fault.TooManyRequests, "You have asked for many repositories: wait a minute.")
	}
	r.once.Do(func() { r.busy = make(chan struct{}, r.Limits.AtOnce) })
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
