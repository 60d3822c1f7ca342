package client_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/fault"
)

// acknowledging is server without a network: script is called once the client's
// subscription was read.
func acknowledging(t *testing.T, script func(ctx context.Context, n int, conn *websocket.Conn)) *client.Client {
	t.Helper()
	count := 0
	return inMemory(t, func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"graphql-transport-ws"}})
		if err != nil {
			return
		}
		defer conn.CloseNow()
		var m map[string]any
		if wsjson.Read(r.Context(), conn, &m) != nil || wsjson.Write(r.Context(), conn, map[string]any{"type": "connection_ack"}) != nil ||
			wsjson.Read(r.Context(), conn, &m) != nil {
			return
		}
		script(r.Context(), count, conn)
		count++
	})
}

// subscribe runs a subscription for an hour at most.
func subscribe(t *testing.T, c *client.Client) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	return c.Subscribe(ctx, "subscription{n}", func() any { return nil }, func(json.RawMessage) error { return nil })
}

func TestAServerThatTakesSubscriptionsAndDropsThemIsGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		c := acknowledging(t, func(context.Context, int, *websocket.Conn) { tries++ })
		began := time.Now()
		err := subscribe(t, c)
		if took := time.Since(began); !fault.Is(err, fault.Unavailable) || took > 2*time.Minute {
			t.Errorf("got %v after %s, want UNAVAILABLE within two minutes", err, took)
		}
		if tries < 2 || tries > 40 {
			t.Errorf("it was asked %d times, want now and then", tries)
		}
	})
}

func TestAQuietStreamMayDropAsOftenAsItLikes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := acknowledging(t, func(ctx context.Context, n int, conn *websocket.Conn) {
			time.Sleep(30 * time.Second) // of the bubble
			if n == 20 {
				_ = wsjson.Write(ctx, conn, map[string]any{"type": "complete", "id": "1"})
				_, _, _ = conn.Read(ctx) // until the client has closed
			}
		})
		if err := subscribe(t, c); err != nil {
			t.Error(err)
		}
	})
}

// The next connection would bring the same.
func TestAMessageThatCannotBeReadIsFinal(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"no JSON":             "hello",
		"an answer of a list": `{"type":"next","id":"1","payload":[1]}`,
		"too long":            `{"type":"next","id":"` + strings.Repeat("x", 17<<20) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				tries := 0
				c := acknowledging(t, func(ctx context.Context, _ int, conn *websocket.Conn) {
					tries++
					_ = conn.Write(ctx, websocket.MessageText, []byte(text))
					_, _, _ = conn.Read(ctx)
				})
				if err := subscribe(t, c); err == nil || fault.Is(err, fault.Unavailable) || tries != 1 {
					t.Errorf("got %v after %d connections, want an error after the first", err, tries)
				}
			})
		})
	}
}
