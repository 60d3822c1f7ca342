package store

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/lib/pq"
)

// dialer connects to PostgreSQL such that nobody waits for it for ever. The
// driver itself bounds nothing but how long it takes to connect.
type dialer struct {
	answer time.Duration // that the server may take for anything
}

var _ pq.DialerContext = dialer{}

// noticed is how long a server may be cut off before a connection to it is given
// up: by what it does not acknowledge, and by probes.
const noticed = 25 * time.Second

func (d dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	dial := net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: noticed * 2 / 5, Interval: noticed / 5, Count: 3},
		Control:         limitUnacknowledged,
	}
	c, err := dial.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &promptConn{Conn: c, answer: d.answer}, nil
}

// Dial and DialTimeout are not called where there is DialContext.
func (dialer) Dial(string, string) (net.Conn, error) { return nil, errors.ErrUnsupported }

func (dialer) DialTimeout(string, string, time.Duration) (net.Conn, error) {
	return nil, errors.ErrUnsupported
}

// promptConn is a connection whose reads and writes each have a deadline, which
// is never later than the one it was given as a whole.
type promptConn struct {
	net.Conn

	answer time.Duration
	whole  time.Time // zero: none
}

func (c *promptConn) SetDeadline(t time.Time) error {
	c.whole = t
	return c.Conn.SetDeadline(t)
}

func (c *promptConn) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(c.deadline()); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

func (c *promptConn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(c.deadline()); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

func (c *promptConn) deadline() time.Time {
	t := time.Now().Add(c.answer)
	if !c.whole.IsZero() && c.whole.Before(t) {
		return c.whole
	}
	return t
}
