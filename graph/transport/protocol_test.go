package transport_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/coder/websocket"

	"github.com/davitdev/davit/graph/transport"
	"github.com/davitdev/davit/internal/fault"
)

const (
	ack   = `{"type":"connection_ack"}`
	begin = `{"type":"connection_init"}`
)

func TestWebSocketCloseCodes(t *testing.T) {
	t.Parallel()

	s := serve(t, listen(t), func(ws *transport.WebSocket, _ *handler.Server) { ws.Limits.Message = 1000 })
	idle := func(id string) string {
		return `{"id":"` + id + `","type":"subscribe","payload":{"query":"subscription{idle}"}}`
	}
	long := strings.Repeat("ä", 128)
	tests := []struct {
		name   string
		send   []string // the last one closes the socket
		code   int
		reason string
	}{
		{"no JSON", []string{"{"}, 4400, "Invalid message: not a JSON object"},
		{"no object", []string{`["connection_init"]`}, 4400, "Invalid message: not a JSON object"},
		{"null", []string{"null"}, 4400, "Invalid message: not a JSON object"},
		{"nothing", []string{""}, 4400, "Invalid message: not a JSON object"},
		{"two messages in one", []string{begin + begin}, 4400, "Invalid message: not a JSON object"},
		{"no type", []string{`{"id":"1"}`}, 4400, "Invalid message: no type"},
		{"a type that is no string", []string{`{"type":1}`}, 4400, "Invalid message: no type"},
		{"type in another case", []string{`{"Type":"connection_init"}`}, 4400, "Invalid message: no type"},
		{"an unknown type", []string{`{"type":"connection_terminate"}`}, 4400, "Invalid message: unexpected type connection_terminate"},
		{"an endless type", []string{`{"type":"` + long + `"}`}, 4400, "Invalid message: unexpected type " + strings.Repeat("ä", 45)},
		{"a type only servers send", []string{begin, `{"type":"next","id":"1","payload":{}}`}, 4400, "Invalid message: unexpected type next"},
		{"an init whose payload is no object", []string{`{"type":"connection_init","payload":"token"}`}, 4400, "Invalid message: the payload of connection_init must be an object"},
		{"a ping whose payload is no object", []string{`{"type":"ping","payload":[]}`}, 4400, "Invalid message: the payload of ping must be an object"},
		{"a subscribe without id", []string{begin, `{"type":"subscribe","payload":{"query":"{hello}"}}`}, 4400, "Invalid message: subscribe needs an id"},
		{"a subscribe with an empty id", []string{begin, `{"id":"","type":"subscribe","payload":{"query":"{hello}"}}`}, 4400, "Invalid message: subscribe needs an id"},
		{"a subscribe with a number for an id", []string{begin, `{"id":1,"type":"subscribe","payload":{"query":"{hello}"}}`}, 4400, "Invalid message: subscribe needs an id"},
		{"a subscribe without payload", []string{begin, `{"id":"1","type":"subscribe"}`}, 4400, "Invalid message: The request has no query."},
		{"a subscribe without query", []string{begin, `{"id":"1","type":"subscribe","payload":{"variables":{}}}`}, 4400, "Invalid message: The request has no query."},
		{"a subscribe with variables that are no object", []string{begin, `{"id":"1","type":"subscribe","payload":{"query":"{hello}","variables":[]}}`}, 4400, "Invalid message: The request's variables must be a JSON object."},
		{"an endless id", []string{begin, idle(long + "x")}, 4400, "Invalid message: an id has at most 256 bytes"},
		{"a complete without id", []string{begin, `{"type":"complete"}`}, 4400, "Invalid message: complete needs an id"},
		{"a message too long", []string{begin, `{"type":"ping","payload":{"a":"` + strings.Repeat("x", 1000) + `"}}`}, 1009, "read limited at 1001 bytes"},
		{"text that is none", []string{"{\"type\":\"\xff\"}"}, 1007, "Invalid UTF-8"},
		{"subscribe before init", []string{idle("1")}, 4401, "Unauthorized"},
		{"a second init", []string{begin, begin}, 4429, "Too many initialisation requests"},
		{"an id in use", []string{begin, idle("1"), idle("1")}, 4409, "Subscriber for 1 already exists"},
		{"a long id in use", []string{begin, idle(long), idle(long)}, 4409, "Subscriber for " + strings.Repeat("ä", 54)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := s.dial(t, nil)
			last := len(tt.send) - 1
			for i, text := range tt.send {
				c.send(text)
				if i == last {
					break
				}
				got, err := c.read()
				if err != nil {
					t.Fatalf("after %.80s: %v", text, err)
				}
				if i == 0 && got != ack || i > 0 && !strings.Contains(got, `"type":"next"`) {
					t.Fatalf("after %.80s: got %s", text, got)
				}
			}
			c.wantClose(tt.code, tt.reason)
		})
	}
	t.Run("a binary message", func(t *testing.T) {
		t.Parallel()
		c := s.dial(t, nil)
		if err := c.conn.Write(t.Context(), websocket.MessageBinary, []byte(begin)); err != nil {
			t.Fatal(err)
		}
		c.wantClose(4400, "Invalid message: not text")
	})
	for name, offer := range map[string][]string{
		"the older protocol": {"graphql-ws"},
		"another case":       {"GraphQL-Transport-WS"},
		"none":               nil,
	} {
		t.Run("subprotocol: "+name, func(t *testing.T) {
			t.Parallel()
			c := s.dial(t, func(o *websocket.DialOptions) { o.Subprotocols = offer })
			c.wantClose(4406, "Subprotocol not acceptable")
		})
	}
	t.Run("subprotocol: one of several", func(t *testing.T) {
		t.Parallel()
		c := s.dial(t, func(o *websocket.DialOptions) { o.Subprotocols = []string{"graphql-ws", "graphql-transport-ws"} })
		c.send(begin)
		c.want(ack)
	})
}

func TestWebSocketInit(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name, token string
		code        int
		reason      string
	}{
		{"who may not in", "unauthenticated", 4403, "Forbidden"},
		{"who cannot be known now", "outage", 1013, "Try again later"},
		{"a bug", "bug", 4500, "Internal server error"},
		{"a panic", "panic", 4500, "Internal server error"},
	}
	s := serve(t, listen(t), func(ws *transport.WebSocket, _ *handler.Server) {
		ws.Init = func(ctx context.Context, payload map[string]any) (context.Context, error) {
			switch payload["authorization"] {
			case "unauthenticated":
				return nil, fault.New(fault.Unauthenticated, "This token is not valid.")
			case "outage":
				return nil, fault.New(fault.StoreAway, "The database is away.")
			case "bug":
				return nil, errors.New("pq: no such column")
			case "panic":
				panic("boom")
			}
			return context.WithValue(ctx, userKey{}, payload["authorization"]), nil
		}
	})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := s.dial(t, nil)
			c.send(`{"type":"connection_init","payload":{"authorization":"` + tt.token + `"}}`)
			c.wantClose(tt.code, tt.reason)
		})
	}
	t.Run("what it puts into the context reaches resolvers", func(t *testing.T) {
		t.Parallel()
		c := s.dial(t, nil)
		c.send(`{"type":"connection_init","payload":{"authorization":"ann"}}`)
		c.want(ack)
		c.subscribe("1", "{hello}")
		c.want(`{"id":"1","type":"next","payload":{"data":{"hello":"hello ann"}}}`, `{"id":"1","type":"complete"}`)
	})
	t.Run("no payload is none", func(t *testing.T) {
		t.Parallel()
		c := s.dial(t, nil)
		c.send(`{"type":"connection_init","payload":null}`)
		c.want(ack)
	})
}

func TestWebSocketPing(t *testing.T) {
	t.Parallel()

	s := serve(t, listen(t), nil)
	c := s.dial(t, nil)
	for _, m := range []string{"before the init", "after it"} {
		c.send(`{"type":"ping"}`)
		c.want(`{"type":"pong"}`)
		c.send(`{"type":"ping","payload":null}`)
		c.want(`{"type":"pong"}`)
		c.send(`{"type":"ping","payload":{"at": "` + m + `"}}`)
		c.want(`{"type":"pong","payload":{"at": "` + m + `"}}`)
		c.send(`{"type":"pong","payload":{}}`) // unasked for, and ignored
		if m == "before the init" {
			c.send(begin)
			c.want(ack)
		}
	}
	c.subscribe("1", "{hello}")
	c.want(`{"id":"1","type":"next","payload":{"data":{"hello":"hello"}}}`, `{"id":"1","type":"complete"}`)
}
