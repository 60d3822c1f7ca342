package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// Check is a question put to a container from outside.
type Check struct {
	// Path makes it an HTTP GET of this path, query included; "" is satisfied
	// by a TCP connection. Where a port is published on loopback the engine's
	// own proxy accepts connections, so that only HTTP says something about
	// the application.
	Path     string
	Statuses Statuses      // the good answers; a redirect is an answer and is not followed
	Host     string        // the Host header; "" means the address
	Timeout  time.Duration // for one attempt, first byte to last; 0 means 5 s
}

const (
	defaultProbeTimeout = 5 * time.Second
	maxExcerpt          = 200 // bytes of a bad answer's body
	maxProbeHeader      = 64 << 10
)

// Probe asks once. It returns nil for a good answer, ctx's error if that ended
// first, and else a *ProbeError that says what was found instead. The answer
// comes from an application nobody vouches for: its size and its time are
// bounded.
func Probe(ctx context.Context, c Check, addr netip.AddrPort) error {
	timeout := c.Timeout
	if timeout <= 0 {
		timeout = defaultProbeTimeout
	}
	attempt, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var failed *ProbeError
	if c.Path == "" {
		failed = probeTCP(attempt, addr)
	} else {
		failed = probeHTTP(attempt, c, addr)
	}
	switch {
	case failed == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	failed.Addr, failed.Path = addr, c.Path
	if failed.Reason == "" {
		failed.classify(attempt, timeout)
	}
	return failed
}

func probeTCP(ctx context.Context, addr netip.AddrPort) *ProbeError {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr.String())
	if err != nil {
		return &ProbeError{Err: err}
	}
	_ = conn.Close()
	return nil
}

func probeHTTP(ctx context.Context, c Check, addr netip.AddrPort) *ProbeError {
	target, err := url.ParseRequestURI(c.Path)
	if err != nil || !strings.HasPrefix(c.Path, "/") {
		return &ProbeError{Reason: Broken, Err: fmt.Errorf("%q is not a path", c.Path)}
	}
	target.Scheme, target.Host = "http", addr.String()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return &ProbeError{Reason: Broken, Err: err}
	}
	req.Host = c.Host
	req.Header.Set("User-Agent", "davit-probe")
	transport := &http.Transport{
		DisableKeepAlives:      true, // a kept connection would hide that the listener is gone
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxProbeHeader,
	}
	res, err := transport.RoundTrip(req) // a RoundTripper follows no redirect
	if err != nil {
		return &ProbeError{Err: err}
	}
	defer res.Body.Close()
	if c.Statuses.Contains(res.StatusCode) {
		return nil
	}
	body, _ := io.ReadAll(io.LimitReader(res.Body, maxExcerpt))
	return &ProbeError{Reason: BadStatus, Status: res.StatusCode, Body: oneLine(body)}
}

// Reason is why a probe failed.
type Reason string

// The reasons.
const (
	Refused   Reason = "REFUSED"    // nothing listens on the port
	TimedOut  Reason = "TIMED_OUT"  // nothing came back in time
	BadStatus Reason = "BAD_STATUS" // an answer, but not a good one
	Broken    Reason = "BROKEN"     // something listens but does not talk HTTP
)

// ProbeError is what a probe found instead of a good answer.
type ProbeError struct {
	Reason Reason
	Addr   netip.AddrPort
	Path   string // of the check; "" if it was TCP
	Status int    // of BadStatus
	Body   string // its body: the beginning, on one line
	Err    error  // nil for BadStatus
}

// Error says what was found, as the rest of a sentence a user can read.
func (e *ProbeError) Error() string {
	switch {
	case e.Reason == Refused:
		return fmt.Sprintf("nothing listens on port %d", e.Addr.Port())
	case e.Reason == BadStatus && e.Body == "":
		return fmt.Sprintf("GET %s answered %d", e.Path, e.Status)
	case e.Reason == BadStatus:
		return fmt.Sprintf("GET %s answered %d: %s", e.Path, e.Status, e.Body)
	case e.Path == "":
		return fmt.Sprintf("connecting to port %d: %s", e.Addr.Port(), e.Err)
	}
	return fmt.Sprintf("GET %s on port %d: %s", e.Path, e.Addr.Port(), e.Err)
}

func (e *ProbeError) Unwrap() error { return e.Err }

// classify tells the errors of net and net/http apart.
func (e *ProbeError) classify(attempt context.Context, timeout time.Duration) {
	switch {
	case attempt.Err() != nil:
		e.Reason, e.Err = TimedOut, fmt.Errorf("no answer within %s", timeout)
	case errors.Is(e.Err, syscall.ECONNREFUSED):
		e.Reason = Refused
	case errors.Is(e.Err, io.EOF), errors.Is(e.Err, syscall.ECONNRESET):
		e.Reason, e.Err = Broken, fmt.Errorf("the connection was closed without an answer: %w", e.Err)
	default:
		e.Reason = Broken
	}
}

// oneLine makes text from a stranger fit to be quoted in a sentence.
func oneLine(b []byte) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case r < ' ' || r == 0x7f:
			return -1
		}
		return r
	}, strings.ToValidUTF8(string(b), ""))
	return strings.Join(strings.Fields(clean), " ")
}
