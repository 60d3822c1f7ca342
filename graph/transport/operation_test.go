package transport_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/davitdev/davit/graph/transport"
	"github.com/davitdev/davit/internal/fault"
)

func TestWebSocketOperations(t *testing.T) {
	t.Parallel()

	s := serve(t, listen(t), nil)
	t.Run("a query", func(t *testing.T) {
		t.Parallel()
		c := s.connect(t)
		c.send(`{"id":"\"1\"","type":"subscribe","payload":{"query":"query A{hello} query B($n:String){hello(name:$n)}","operationName":"B","variables":{"n":"you"},"extensions":null}}`)
		c.want(`{"id":"\"1\"","type":"next","payload":{"data":{"hello":"hello you"}}}`, `{"id":"\"1\"","type":"complete"}`)
	})
	t.Run("a mutation", func(t *testing.T) {
		t.Parallel()
		c := s.connect(t)
		c.subscribe("1", "mutation{add(n:1)}")
		c.want(`{"id":"1","type":"next","payload":{"data":{"add":2}}}`, `{"id":"1","type":"complete"}`)
	})
	t.Run("a subscription", func(t *testing.T) {
		t.Parallel()
		c := s.connect(t)
		c.subscribe("1", "subscription{count(to:2)}")
		c.want(
			`{"id":"1","type":"next","payload":{"data":{"count":1}}}`,
			`{"id":"1","type":"next","payload":{"data":{"count":2}}}`,
			`{"id":"1","type":"complete"}`,
		)
	})
	t.Run("an id is free again once its operation is over", func(t *testing.T) {
		t.Parallel()
		c := s.connect(t)
		for range 100 {
			c.subscribe("1", "{hello}")
			c.want(`{"id":"1","type":"next","payload":{"data":{"hello":"hello"}}}`, `{"id":"1","type":"complete"}`)
			c.subscribe("1", "{")
			c.wantError("1", "GRAPHQL_PARSE_FAILED")
		}
	})
	t.Run("errors of execution are part of the result", func(t *testing.T) {
		t.Parallel()
		c := s.connect(t)
		c.subscribe("1", "{broken}")
		c.want(`{"id":"1","type":"next","payload":{"errors":[{"message":"Something broke on our side.","path":["broken"],"extensions":{"code":"INTERNAL","requestId":"req_1","retryable":true}}],"data":{"broken":null}}}`,
			`{"id":"1","type":"complete"}`)
	})
}

// An error message ends the operation: the ping's answer comes next, nothing
// else.
func TestWebSocketErrorsBeforeExecution(t *testing.T) {
	t.Parallel()

	s := serve(t, listen(t), nil)
	for query, code := range map[string]string{
		"{":                     "GRAPHQL_PARSE_FAILED",
		"":                      "GRAPHQL_VALIDATION_FAILED",
		"{nothing}":             "GRAPHQL_VALIDATION_FAILED",
		"subscription{refused}": "NOT_FOUND",
	} {
		c := s.connect(t)
		c.subscribe("1", query)
		c.wantError("1", code)
		c.send(`{"type":"ping"}`)
		c.want(`{"type":"pong"}`)
	}
}

func TestWebSocketASubscriptionCanEndWithAnError(t *testing.T) {
	t.Parallel()

	c := serve(t, listen(t), nil).connect(t)
	c.subscribe("1", "subscription{ended}")
	c.want(`{"id":"1","type":"next","payload":{"data":{"ended":0}}}`)
	c.wantError("1", "FORBIDDEN")
	c.send(`{"type":"ping"}`)
	c.want(`{"type":"pong"}`)
}

func TestWebSocketPanicsEndTheOperationAlone(t *testing.T) {
	t.Parallel()

	c := serve(t, listen(t), nil).connect(t)
	c.subscribe("1", "subscription{panics{fuse}}")
	c.wantError("1", "INTERNAL")

	c = serve(t, listen(t), func(_ *transport.WebSocket, h *handler.Server) { h.Use(gate{}) }).connect(t)
	c.subscribe("1", "{hello}")
	c.wantError("1", "INTERNAL")
	c.send(`{"type":"ping"}`)
	c.want(`{"type":"pong"}`)

	c = serve(t, listen(t), func(_ *transport.WebSocket, h *handler.Server) {
		h.SetErrorPresenter(func(context.Context, error) *gqlerror.Error { panic("boom") })
	}).connect(t)
	c.subscribe("1", "{broken}")
	c.wantError("1", "INTERNAL")
}

func TestWebSocketTheClientCompletes(t *testing.T) {
	t.Parallel()

	t.Run("a subscription, whose context ends, and gets no answer", func(t *testing.T) {
		t.Parallel()
		s := serve(t, listen(t), nil)
		c := s.connect(t)
		c.subscribe("1", "subscription{idle}")
		c.want(`{"id":"1","type":"next","payload":{"data":{"idle":0}}}`)
		c.send(`{"id":"1","type":"complete"}`)
		<-s.ended
		c.subscribe("1", "subscription{idle}") // the id is free
		c.want(`{"id":"1","type":"next","payload":{"data":{"idle":0}}}`)
	})
	t.Run("a subscription in full flow, of which nothing comes any more", func(t *testing.T) {
		t.Parallel()
		c := serve(t, listen(t), nil).connect(t)
		for range 100 {
			c.subscribe("1", "subscription{flood(bytes:10)}")
			c.want(`{"id":"1","type":"next","payload":{"data":{"flood":"xxxxxxxxxx"}}}`)
			c.send(`{"id":"1","type":"complete"}`)
			c.send(`{"type":"ping"}`)
			for {
				text, err := c.read()
				if err != nil {
					t.Fatal(err)
				}
				if text == `{"type":"pong"}` {
					break
				}
			}
			c.send(`{"type":"ping"}`)
			c.want(`{"type":"pong"}`)
		}
	})
	t.Run("a query, whose result is then not sent", func(t *testing.T) {
		t.Parallel()
		s := serve(t, listen(t), nil)
		c := s.connect(t)
		c.subscribe("1", "{held}")
		<-s.started
		c.send(`{"id":"1","type":"complete"}`)
		c.subscribe("2", "{hello}")
		c.want(`{"id":"2","type":"next","payload":{"data":{"hello":"hello"}}}`, `{"id":"2","type":"complete"}`)
	})
	t.Run("what is over or never was", func(t *testing.T) {
		t.Parallel()
		c := serve(t, listen(t), nil).connect(t)
		c.subscribe("1", "{hello}")
		c.want(`{"id":"1","type":"next","payload":{"data":{"hello":"hello"}}}`, `{"id":"1","type":"complete"}`)
		c.send(`{"id":"1","type":"complete"}`)
		c.send(`{"id":"2","type":"complete"}`)
		c.send(`{"type":"ping"}`)
		c.want(`{"type":"pong"}`)
	})
}

func TestWebSocketOperationsAreCapped(t *testing.T) {
	t.Parallel()

	s := serve(t, listen(t), func(ws *transport.WebSocket, _ *handler.Server) { ws.Limits.Operations = 2 })
	c := s.connect(t)
	for _, id := range []string{"1", "2"} {
		c.subscribe(id, "subscription{idle}")
		c.want(`{"id":"` + id + `","type":"next","payload":{"data":{"idle":0}}}`)
	}
	c.subscribe("3", "{hello}")
	c.wantError("3", string(fault.TooManyRequests))
	c.send(`{"id":"1","type":"complete"}`)
	for tries := 0; ; tries++ { // its goroutine ends in its own time
		c.subscribe("3", "{hello}")
		text, err := c.read()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(text, `"next"`) {
			break
		}
		if tries == 10_000 {
			t.Fatalf("completing made no room: %s", text)
		}
	}
	c.want(`{"id":"3","type":"complete"}`)
}

// A client that was told an operation is complete can start another one.
func TestWebSocketWhatIsCompleteMakesRoomAtOnce(t *testing.T) {
	t.Parallel()

	c := serve(t, listen(t), func(ws *transport.WebSocket, _ *handler.Server) {
		ws.Limits.Operations, ws.Limits.KeepAlive = 1, time.Hour
	}).connect(t)
	for range 500 {
		c.subscribe("1", "{hello}")
		c.want(`{"id":"1","type":"next","payload":{"data":{"hello":"hello"}}}`, `{"id":"1","type":"complete"}`)
		c.subscribe("1", "subscription{count(to:0)}")
		c.want(`{"id":"1","type":"complete"}`)
		c.subscribe("1", "{nothing}")
		c.wantError("1", "GRAPHQL_VALIDATION_FAILED")
	}
}

// A resolver that ignores its context would otherwise be started without end.
func TestWebSocketTheCapCountsWhatRunsNotWhatIsWaitedFor(t *testing.T) {
	t.Parallel()

	s := serve(t, listen(t), func(ws *transport.WebSocket, _ *handler.Server) { ws.Limits.Operations = 1 })
	c := s.connect(t)
	c.subscribe("1", "{stubborn}")
	<-s.started
	c.send(`{"id":"1","type":"complete"}`)
	c.subscribe("2", "{hello}")
	c.wantError("2", string(fault.TooManyRequests))
	close(s.release)
}
