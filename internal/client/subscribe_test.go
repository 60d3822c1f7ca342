package client_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"github.com/google/go-cmp/cmp"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/fault"
)

// server speaks graphql-transport-ws as far as each connection needs: script
// is called with the connection's number, from 0, once it has subscribed.
func server(t *testing.T, script func(ctx context.Context, n int, conn *websocket.Conn, vars map[string]any)) *client.Client {
	t.Helper()
	var count atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer davit_test" {
			http.Error(w, `{"errors":[{"message":"Who are you?","extensions":{"code":"UNAUTHENTICATED"}}]}`, http.StatusUnauthorized)
			return
		}
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"graphql-transport-ws"}})
		if err != nil {
			return
		}
		defer conn.CloseNow()
		var m struct {
			Payload struct{ Variables map[string]any }
		}
		if wsjson.Read(r.Context(), conn, &m) != nil || wsjson.Write(r.Context(), conn, map[string]any{"type": "connection_ack"}) != nil ||
			wsjson.Read(r.Context(), conn, &m) != nil {
			return
		}
		script(r.Context(), int(count.Add(1))-1, conn, m.Payload.Variables)
	}))
	t.Cleanup(srv.Close)
	c, err := client.New(srv.URL, "davit_test")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func next(ctx context.Context, conn *websocket.Conn, n int) {
	wsjson.Write(ctx, conn, map[string]any{"type": "next", "id": "1", "payload": map[string]any{"data": map[string]any{"n": n}}})
}

func TestADroppedStreamGoesOnWhereTheVariablesSay(t *testing.T) {
	t.Parallel()

	c := server(t, func(ctx context.Context, n int, conn *websocket.Conn, vars map[string]any) {
		after := int(vars["after"].(float64))
		next(ctx, conn, after+1)
		next(ctx, conn, after+2)
		if n == 2 {
			wsjson.Write(ctx, conn, map[string]any{"type": "complete", "id": "1"})
			conn.Read(ctx) // until the client has closed
		}
	})
	var got []int
	last := 0
	err := c.Subscribe(t.Context(), "subscription{n}", func() any { return map[string]any{"after": last, "filter": nil} },
		func(data json.RawMessage) error {
			var m struct{ N int }
			err := json.Unmarshal(data, &m)
			got, last = append(got, m.N), m.N
			return err
		})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{1, 2, 3, 4, 5, 6}, got); diff != "" {
		t.Error(diff)
	}
}

func TestWhatTheServerRefusesIsFinal(t *testing.T) {
	t.Parallel()

	c := server(t, func(ctx context.Context, _ int, conn *websocket.Conn, _ map[string]any) {
		wsjson.Write(ctx, conn, map[string]any{"type": "error", "id": "1", "payload": []any{
			map[string]any{"message": "There is no such object.", "extensions": map[string]any{"code": "NOT_FOUND"}},
		}})
		conn.Read(ctx)
	})
	none := func() any { return nil }
	never := func(json.RawMessage) error { t.Error("a refused stream has no message"); return nil }
	if err := c.Subscribe(t.Context(), "subscription{n}", none, never); !fault.Is(err, fault.NotFound) {
		t.Errorf("got %v, want NOT_FOUND", err)
	}
	c.Token = ""
	if err := c.Subscribe(t.Context(), "subscription{n}", none, never); !fault.Is(err, fault.Unauthenticated) {
		t.Errorf("got %v, want UNAUTHENTICATED", err)
	}
	c, err := client.New("http://127.0.0.1:1", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Subscribe(t.Context(), "subscription{n}", none, never); !fault.Is(err, fault.Unavailable) {
		t.Errorf("got %v, want UNAVAILABLE", err)
	}
}
