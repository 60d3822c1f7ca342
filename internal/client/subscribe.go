package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/coder/websocket"

	"github.com/davitdev/davit/internal/fault"
)

const (
	subprotocol = "graphql-transport-ws"

	// settled is how long a stream without a message must have lived for its end
	// to be a new one: a server may take subscriptions that it cannot keep.
	settled = 5 * time.Second
)

// ErrAgain is what the function given to Subscribe returns to have the
// subscription begun anew, as after a dropped connection.
var ErrAgain = errors.New("subscribe again")

// Subscribe runs a subscription and calls each with the data of every message,
// one at a time, until the server completes it; then it returns nil. An error
// of each ends it and is returned.
//
// When the connection drops it subscribes again, with what variables returns
// then: state streams begin with the present state, and feeds resume where the
// variables say. It gives up as Client says, with UNAVAILABLE.
func (c *Client) Subscribe(ctx context.Context, query string, variables func() any, each func(json.RawMessage) error) error {
	again := c.backoff()
	for {
		payload, err := encode(query, variables())
		if err != nil {
			return err
		}
		err = c.stream(ctx, payload, again, each)
		if errors.Is(err, ErrAgain) {
			err = &droppedError{err}
		}
		dropped, ok := errors.AsType[*droppedError](err)
		if !ok {
			again.end()
			return err
		}
		if !again.wait(ctx, time.Now()) {
			return c.away(ctx, dropped.err)
		}
	}
}

// droppedError is a connection that ended without the server's saying that the
// subscription is over.
type droppedError struct{ err error }

func (e *droppedError) Error() string { return "connection dropped: " + e.err.Error() }
func (e *droppedError) Unwrap() error { return e.err }

// message is one of the protocol, in either direction.
type message struct {
	Type    string          `json:"type"`
	ID      string          `json:"id,omitempty"`
	Payload json.RawMessage `json:"payload,omitempty"`
}

// stream runs the subscription of a payload on one connection, and tells again
// once the server has taken it, and once it has kept it.
func (c *Client) stream(ctx context.Context, payload json.RawMessage, again *backoff, each func(json.RawMessage) error) error {
	limit := again.left()
	conn, err := c.dial(ctx, limit)
	if err != nil {
		return err
	}
	defer conn.CloseNow()
	conn.SetReadLimit(maxAnswer)
	if err := send(ctx, conn, message{Type: "connection_init"}); err != nil {
		return ended(err)
	}
	var taken time.Time
	for {
		m, err := receive(ctx, conn, limit)
		if !taken.IsZero() && (m.Type == "next" || time.Since(taken) > settled) {
			again.end()
		}
		if err != nil {
			return err
		}
		switch m.Type {
		case "connection_ack":
			taken, limit = time.Now(), silence
			again.answers()
			err = send(ctx, conn, message{Type: "subscribe", ID: "1", Payload: payload})
		case "ping":
			err = send(ctx, conn, message{Type: "pong"})
		case "next":
			if err := deliver(m.Payload, each); err != nil {
				return err
			}
		case "error":
			return refused(m.Payload)
		case "complete":
			_ = conn.Close(websocket.StatusNormalClosure, "")
			return nil
		}
		if err != nil {
			return ended(err)
		}
	}
}

func (c *Client) dial(ctx context.Context, limit time.Duration) (*websocket.Conn, error) {
	attempt, cancel := context.WithTimeoutCause(ctx, limit, errSilent)
	defer cancel()
	//nolint:bodyclose // the library closes it, and leaves a copy of a refusal's beginning
	conn, res, err := websocket.Dial(attempt, c.Server+"/graphql", &websocket.DialOptions{
		HTTPClient: c.HTTP, HTTPHeader: c.header(), Subprotocols: []string{subprotocol},
	})
	if err == nil {
		return conn, nil
	}
	if res == nil || res.StatusCode >= http.StatusInternalServerError {
		return nil, &droppedError{whySilent(attempt, err)}
	}
	var a response
	if text, rerr := io.ReadAll(res.Body); rerr == nil && json.Unmarshal(text, &a) == nil && len(a.Errors) > 0 {
		return nil, a.Errors[0].fault()
	}
	return nil, c.strange(ctx, res.StatusCode, err)
}

func deliver(payload json.RawMessage, each func(json.RawMessage) error) error {
	var data json.RawMessage
	var r response
	if err := json.Unmarshal(payload, &r); err != nil {
		return fmt.Errorf("decode message: %w", err)
	}
	if err := r.decode(&data); err != nil {
		return err
	}
	return each(data)
}

func refused(payload json.RawMessage) error {
	var list []apiError
	if err := json.Unmarshal(payload, &list); err != nil || len(list) == 0 {
		return fault.New(fault.Internal, "The server ended the stream without saying why.")
	}
	return list[0].fault()
}

// ended says what the end of a connection means.
func ended(err error) error {
	switch websocket.CloseStatus(err) {
	case 4401, 4403:
		return fault.New(fault.Unauthenticated, "The server refuses this token.")
	case 4400, 4406, 4409, 4429, websocket.StatusMessageTooBig: // and would again
		return fmt.Errorf("speak %s: %w", subprotocol, err)
	default:
		return &droppedError{err}
	}
}

func send(ctx context.Context, conn *websocket.Conn, m message) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, silence)
	defer cancel()
	return conn.Write(ctx, websocket.MessageText, text)
}

// receive returns the next message, for which the server has limit. What
// cannot be read would be no better on another connection: it is no
// *droppedError.
func receive(ctx context.Context, conn *websocket.Conn, limit time.Duration) (message, error) {
	var m message
	attempt, cancel := context.WithTimeoutCause(ctx, limit, errSilent)
	defer cancel()
	_, text, err := conn.Read(attempt)
	switch {
	case errors.Is(err, websocket.ErrMessageTooBig):
		return m, fmt.Errorf("read message: %w", err)
	case err != nil:
		return m, ended(whySilent(attempt, err))
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("decode message: %w", err)
	}
	return m, nil
}
