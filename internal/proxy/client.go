package proxy

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"path/filepath"
	"syscall"
	"time"

	"github.com/davitdev/davit/internal/fault"
)

const (
	socketName   = "proxy.sock"
	snapshotName = "proxy-table.json"

	// callTime bounds a call whose context has no deadline.
	callTime = 10 * time.Second
)

// errNobody is the cause of a call that found no proxy.
var errNobody = errors.New("nobody answers on the control socket")

// Client controls the proxy of a data directory. Every call connects anew, so
// it finds whichever process serves at that moment; a call for which there is
// none fails with fault.Unavailable. It is safe for concurrent use.
type Client struct {
	socket string
	http   http.Client
}

// NewClient returns the client for the proxy of the data directory. It does
// not connect.
func NewClient(data string) *Client {
	c := &Client{socket: filepath.Join(data, socketName)}
	c.http.Transport = &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return c.dial(ctx) },
	}
	return c
}

func (c *Client) dial(ctx context.Context) (*net.UnixConn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", c.socket)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		err = errors.Join(errNobody, err)
	}
	if err != nil {
		return nil, err
	}
	return conn.(*net.UnixConn), nil
}

// Hello asks the proxy who it is.
func (c *Client) Hello(ctx context.Context) (Hello, error) {
	return call[Hello](ctx, c, http.MethodGet, "/v1/hello", nil)
}

// Push puts t in force and returns when it is: requests that come after are
// routed by it. Pushing the table in force again is no error. A table that is
// not newer fails with fault.VersionConflict; the Ack says what is in force
// then too.
func (c *Client) Push(ctx context.Context, t Table) (Ack, error) {
	return call[Ack](ctx, c, http.MethodPut, "/v1/table", t)
}

// Drain waits until the targets have no requests any more, at most for
// timeout, and returns how many are left. None may be in the table in force
// (fault.Conflict). Websockets are closed with code 1012 as soon as they are
// silent for a second, or else at the end; other requests are left alone, and
// end when their replica does. A target that was never there has none left.
func (c *Client) Drain(ctx context.Context, targets []Target, timeout time.Duration) (left int64, err error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout+callTime)
		defer cancel()
	}
	a, err := call[drainAnswer](ctx, c, http.MethodPost, "/v1/drain", drainRequest{targets, timeout})
	return a.Left, err
}

// Stats returns the proxy's counters.
func (c *Client) Stats(ctx context.Context) (Stats, error) {
	return call[Stats](ctx, c, http.MethodGet, "/v1/stats", nil)
}

// Saved returns the table that the proxy has on disk, with which it would begin
// alone. It fails with fs.ErrNotExist if none was ever saved.
func (c *Client) Saved() (Table, error) {
	s := snapshot{path: filepath.Join(filepath.Dir(c.socket), snapshotName)}
	return s.load()
}

// Quit asks the proxy to end and returns when it has: it accepts nothing more,
// gives requests its grace, then exits. No proxy is no error.
func (c *Client) Quit(ctx context.Context) error {
	conn, err := c.raw(ctx, "/v1/quit")
	if errors.Is(err, errNobody) {
		return nil
	}
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	_, err = io.Copy(io.Discard, conn)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// Gone returns a channel that is closed when the proxy that answers now has
// ended, however it did, or when ctx ends. It keeps a connection to it open.
func (c *Client) Gone(ctx context.Context) (<-chan struct{}, error) {
	conn, err := c.dial(ctx)
	if err != nil {
		return nil, c.away(err)
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	// A connection that has asked something may be idle for as long as it likes.
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://proxy/v1/hello", http.NoBody)
	if err == nil {
		err = req.Write(conn)
	}
	if err != nil {
		stop()
		conn.Close()
		return nil, c.away(err)
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		defer conn.Close()
		defer stop()
		_, _ = io.Copy(io.Discard, conn) // ends with either
	}()
	return gone, nil
}

// call makes one request. The data of an answer comes even with its error.
func call[T any](ctx context.Context, c *Client, method, path string, body any) (T, error) {
	var none T
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, callTime)
		defer cancel()
	}
	payload, err := json.Marshal(body)
	if err != nil {
		return none, fmt.Errorf("encode %s: %w", path, err)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://proxy"+path, bytes.NewReader(payload))
	if err != nil {
		return none, err
	}
	res, err := c.http.Do(req)
	if err != nil {
		return none, c.away(err)
	}
	defer res.Body.Close()
	var a answer[T]
	if err := json.NewDecoder(res.Body).Decode(&a); err != nil {
		return none, c.away(fmt.Errorf("read answer %d: %w", res.StatusCode, err))
	}
	return a.Data, a.Error.fault()
}

// raw makes a request that takes the connection over. The caller closes it.
func (c *Client) raw(ctx context.Context, path string) (*net.UnixConn, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://proxy"+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	conn, err := c.dial(ctx)
	if err != nil {
		return nil, c.away(err)
	}
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if err := req.Write(conn); err != nil {
		conn.Close()
		return nil, c.away(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), req) // the proxy sends nothing unasked after it
	if err != nil {
		conn.Close()
		return nil, c.away(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusSwitchingProtocols {
		defer conn.Close()
		var a answer[struct{}]
		if err := json.NewDecoder(res.Body).Decode(&a); err != nil || a.Error == nil {
			return nil, c.away(fmt.Errorf("unexpected answer %d", res.StatusCode))
		}
		return nil, a.Error.fault()
	}
	return conn, nil
}

func (c *Client) away(err error) error {
	return fault.Wrap(err, fault.Unavailable, "The proxy does not answer on %s", c.socket)
}
