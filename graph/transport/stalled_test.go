package transport_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql/handler"

	"github.com/davitdev/davit/graph/transport"
)

// briefly is a listener whose connections keep little of what is not read.
type briefly struct{ net.Listener }

func (b briefly) Accept() (net.Conn, error) {
	c, err := b.Listener.Accept()
	if tcp, ok := c.(*net.TCPConn); ok {
		err = tcp.SetWriteBuffer(4 << 10)
	}
	return c, err
}

// A hundred that read nothing, or a message now and then, are beside a hundred
// that live on. None of them is cut while the test lasts: whoever had to wait for
// one would wait for longer than a client here does.
func TestWebSocketAHundredThatDoNotReadHoldNobodyUp(t *testing.T) {
	t.Parallel()

	const many = 100
	s := serve(t, briefly{listen(t)}, func(ws *transport.WebSocket, _ *handler.Server) {
		ws.Limits.WriteTimeout, ws.Limits.KeepAlive, ws.Limits.PerAddress = time.Hour, time.Hour, 2*many
	})
	enough := make(chan struct{})
	var slow, live sync.WaitGroup
	for i := range many {
		c := s.connect(t)
		c.subscribe("1", "subscription{flood(bytes:10000)}")
		if i%2 == 0 {
			continue
		}
		slow.Go(func() {
			tick := time.NewTicker(100 * time.Millisecond)
			defer tick.Stop()
			for {
				if _, err := c.read(); err != nil {
					t.Errorf("a slow reader: %v", err)
					return
				}
				select {
				case <-enough:
					return
				case <-tick.C:
				}
			}
		})
	}
	for range many {
		<-s.sent
	}
	for range many {
		c := s.connect(t)
		live.Go(func() {
			for range 5 {
				c.subscribe("1", "subscription{count(to:2)}")
				c.want(`{"id":"1","type":"next","payload":{"data":{"count":1}}}`, `{"id":"1","type":"next","payload":{"data":{"count":2}}}`, `{"id":"1","type":"complete"}`)
			}
		})
	}
	live.Wait()
	close(enough)
	slow.Wait()
}

// What waits for a client that reads nothing is bounded in bytes, also before it
// took too long. It goes with the connection, what the kernel has included.
func TestWebSocketAClientThatDoesNotReadHoldsLittle(t *testing.T) {
	t.Parallel()

	for name, limit := range map[string]func(*transport.Limits){
		"bytes": func(l *transport.Limits) { l.WriteTimeout, l.Unsent = time.Hour, 5_000_000 },
		"time":  func(l *transport.Limits) { l.WriteTimeout = 500 * time.Millisecond },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, briefly{listen(t)}, func(ws *transport.WebSocket, _ *handler.Server) {
				ws.Limits.KeepAlive = time.Hour
				limit(&ws.Limits)
			})
			const many = 30
			conn := idle(t, s) // one operation
			defer conn.Close()
			for i := range many {
				_, err := fmt.Fprint(conn, frame(fmt.Sprintf(`{"id":"f%d","type":"subscribe","payload":{"query":"subscription{flood(bytes:400000)}"}}`, i)))
				if err != nil {
					break // it is cut already
				}
			}
			<-s.ended // the first of them; some may not have begun
			if _, err := io.Copy(io.Discard, conn); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("the connection ended with %v", err)
			}
		})
	}
}
