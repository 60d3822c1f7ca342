package proxy

import (
	"errors"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	dialTimeout = 3 * time.Second
	// Applications close idle connections on their own, some after 2 s
	// (gunicorn), many after 5 (Node). A request sent at that moment is lost,
	// so we must be the first to close.
	upstreamIdle   = 1500 * time.Millisecond
	idlePerTarget  = 64
	maxRespHeader  = 256 << 10
	continueWait   = time.Second
	refusalPenalty = time.Second
)

// target is a replica with its connections. A target that left the table is
// retired: it takes no request any more and ends with the last one it has.
type target struct {
	Target
	host      string // for URLs
	transport *http.Transport
	inflight  atomic.Int64
	retired   atomic.Bool
	refused   atomic.Int64 // Unix nanoseconds until which others are preferred; 0: none
	gone      chan struct{}
	once      sync.Once // closes gone
}

func newTarget(id Target) *target {
	dialer := &net.Dialer{Timeout: dialTimeout}
	return &target{
		Target: id,
		host:   id.Addr.String(),
		gone:   make(chan struct{}),
		transport: &http.Transport{
			DialContext:            dialer.DialContext,
			DisableCompression:     true, // what the app sends is what the client gets
			MaxIdleConnsPerHost:    idlePerTarget,
			IdleConnTimeout:        upstreamIdle,
			MaxResponseHeaderBytes: maxRespHeader,
			ExpectContinueTimeout:  continueWait,
		},
	}
}

// acquire counts one more request. It reports false if t is retired: whoever
// waits for a retired target's requests has seen all of them.
func (t *target) acquire() bool {
	t.inflight.Add(1) // before looking, so that either we see retire or it sees us
	if t.retired.Load() {
		t.release()
		return false
	}
	return true
}

func (t *target) release() {
	if t.inflight.Add(-1) == 0 && t.retired.Load() {
		t.finish()
	}
}

// retire ends the target once its requests are done. Connections that are idle
// now or later are closed.
func (t *target) retire() {
	t.retired.Store(true)
	t.transport.CloseIdleConnections()
	if t.inflight.Load() == 0 {
		t.finish()
	}
}

func (t *target) finish() {
	t.once.Do(func() { close(t.gone) })
}

// finished reports whether the retired target's last request is done.
func (t *target) finished() bool {
	select {
	case <-t.gone:
		return true
	default:
		return false
	}
}

func (t *target) refuse() { t.refused.Store(time.Now().Add(refusalPenalty).UnixNano()) }

func (t *target) refusing() bool {
	left := time.Duration(t.refused.Load() - time.Now().UnixNano())
	return left > 0 && left <= refusalPenalty // a clock that is set back makes it no longer
}

// pick acquires the target with the fewest requests, taking turns among equal
// ones. Targets that refused a moment ago come last, those in tried never. It
// returns nil if no target is left.
func (r *route) pick(tried []*target) *target {
	n := len(r.targets)
	if n == 0 {
		return nil
	}
	start := int(r.next.Add(1) % uint32(n))
	for range n { // at most every one of them was retired meanwhile
		var best *target
		bestLoad, bestRefusing := int64(0), false
		for i := range n {
			t := r.targets[(start+i)%n]
			if t.retired.Load() || slices.Contains(tried, t) {
				continue
			}
			load, refusing := t.inflight.Load(), t.refusing()
			if best == nil || bestRefusing && !refusing || bestRefusing == refusing && load < bestLoad {
				best, bestLoad, bestRefusing = t, load, refusing
			}
		}
		if best == nil || best.acquire() {
			return best
		}
	}
	return nil
}

// unsent reports that err happened before a byte of the request was sent.
func unsent(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}
