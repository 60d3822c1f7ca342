// Package traffic is an oracle about requests that must not be dropped: it sends
// them to the test application over connections of every kind, numbers them, and
// checks that each is answered, whole, by a version that may answer.
package traffic

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Options say where requests go, and how many.
type Options struct {
	Addr string // of the proxy, host:port
	Host string // of the application
	// Connections are how many there are at a time, shared by all kinds.
	Connections int
	// Pace is the pause between two requests of a connection.
	Pace time.Duration
	// Length is how long a download or a stream of events goes on.
	Length time.Duration
	// Versions may answer from the start on.
	Versions []string
	// Excused reports whether a request that began then, and has got no whole
	// answer, may have failed. nil: none may. A wrong answer never may be one.
	Excused func(began time.Time) bool
}

// Kind is a way to use a connection.
type Kind string

// The kinds.
const (
	New       Kind = "new connection"
	KeepAlive Kind = "keep-alive"
	Post      Kind = "POST"
	Download  Kind = "download"
	Events    Kind = "server-sent events"
	Websocket Kind = "websocket"
)

var kinds = []Kind{New, KeepAlive, Post, Download, Events, Websocket}

// Report is what became of all requests.
type Report struct {
	Sent     map[Kind]int64
	Failed   int64
	Failures []string // the first ones
	Excused  int64    // that failed, and might
	// Returned are the websockets that were closed with 1012, and found
	// another deployment, or the same, when they came back.
	Returned, Same int64
	Slowest        time.Duration // of the requests that are answered at once
}

// All is how many requests were sent.
func (r Report) All() (n int64) {
	for _, sent := range r.Sent {
		n += sent
	}
	return n
}

// Traffic goes on until Stop. It is safe for concurrent use.
type Traffic struct {
	o    Options
	stop context.CancelFunc
	wg   sync.WaitGroup

	number   atomic.Int64
	versions atomic.Pointer[[]string]

	mu     sync.Mutex
	report Report
}

// Start begins to send.
func Start(ctx context.Context, o Options) *Traffic {
	ctx, cancel := context.WithCancel(ctx)
	t := &Traffic{o: o, stop: cancel, report: Report{Sent: map[Kind]int64{}}}
	t.Expect(o.Versions...)
	for i := range o.Connections {
		t.wg.Go(func() { t.drive(ctx, kinds[i%len(kinds)]) })
	}
	return t
}

// Expect says which versions may answer from now on. A request under way may
// also be answered by one that might when it was sent.
func (t *Traffic) Expect(versions ...string) {
	versions = slices.Clone(versions)
	t.versions.Store(&versions)
}

// Sent is how many requests were sent so far.
func (t *Traffic) Sent() int64 { return t.number.Load() }

// Failed is how many of them failed so far.
func (t *Traffic) Failed() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.report.Failed
}

// Stop sends nothing more, waits for what is under way, which must be answered
// too, and says what became of all.
func (t *Traffic) Stop() Report {
	t.stop()
	t.wg.Wait()
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.report
}

// drive uses one connection, or one after the other, until ctx ends.
func (t *Traffic) drive(ctx context.Context, kind Kind) {
	transport := &http.Transport{DisableKeepAlives: kind == New, MaxIdleConnsPerHost: 1, DisableCompression: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	do := map[Kind]func(context.Context, *http.Client, call) error{
		New: t.get, KeepAlive: t.get, Post: t.post, Download: t.download, Events: t.events, Websocket: t.websocket,
	}[kind]
	tick := time.NewTicker(t.o.Pace)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if ctx.Err() != nil { // both at once
				return
			}
		}
		c := call{kind: kind, number: t.number.Add(1), may: *t.versions.Load(), stopped: ctx.Done()}
		limit, cancel := context.WithCancel(context.WithoutCancel(ctx))
		if kind != Websocket { // which goes on until somebody ends it
			limit, cancel = context.WithTimeout(limit, t.o.Length+30*time.Second)
		}
		began := time.Now()
		err := do(limit, client, c)
		cancel()
		t.note(c, began, err)
	}
}

// call is a request.
type call struct {
	kind    Kind
	number  int64
	may     []string // versions that might answer when it was sent
	stopped <-chan struct{}
}

func (t *Traffic) note(c call, began time.Time, err error) {
	took := time.Since(began)
	_, lies := errors.AsType[wrong](err)
	excused := err != nil && !lies && t.o.Excused != nil && t.o.Excused(began)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.report.Sent[c.kind]++
	if c.kind == New || c.kind == KeepAlive || c.kind == Post {
		t.report.Slowest = max(t.report.Slowest, took)
	}
	if excused {
		t.report.Excused++
		return
	}
	if err == nil {
		return
	}
	t.report.Failed++
	if len(t.report.Failures) < 10 {
		t.report.Failures = append(t.report.Failures, fmt.Sprintf("%s request %d (%s) after %s: %v",
			time.Now().Format("15:04:05.000"), c.number, c.kind, took.Round(time.Millisecond), err))
	}
}

// wrong is what is wrong with an answer that came, and that no outage makes up
// for: it is somebody else's, or not what was asked for.
type wrong string

func (w wrong) Error() string { return string(w) }

func wrongf(format string, args ...any) error { return wrong(fmt.Sprintf(format, args...)) }

// request makes the numbered request of a call.
func (t *Traffic) request(ctx context.Context, c call, method, path string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+t.o.Addr+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Host = t.o.Host
	req.Header.Set("X-Number", strconv.FormatInt(c.number, 10))
	return req, nil
}

// answered checks what every answer has.
func (t *Traffic) answered(c call, res *http.Response, status int) error {
	if res.StatusCode != status {
		return fmt.Errorf("answered %s", res.Status)
	}
	if got := res.Header.Get("X-Number"); got != strconv.FormatInt(c.number, 10) {
		return wrongf("got the answer to request %q", got)
	}
	if v := res.Header.Get("X-Version"); !slices.Contains(c.may, v) && !slices.Contains(*t.versions.Load(), v) {
		return wrongf("answered by version %.50q, and might be by %q", v, c.may)
	}
	return nil
}
