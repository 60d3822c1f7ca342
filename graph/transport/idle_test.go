package transport_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"testing"

	"github.com/99designs/gqlgen/graphql/handler"

	"github.com/davitdev/davit/graph/guard"
	"github.com/davitdev/davit/graph/transport"
)

// BenchmarkIdleSubscription reports what one more socket with one idle
// subscription takes, with its resolver's goroutine, the client's end of the
// connection and without the kernel's part.
func BenchmarkIdleSubscription(b *testing.B) {
	const n = 1000
	for b.Loop() {
		s := serve(b, listen(b), func(ws *transport.WebSocket, h *handler.Server) {
			ws.Limits.PerAddress = n
			h.SetQueryCache(guard.NewCache(10))
		})
		before := inUse()
		var clients []net.Conn
		for range n {
			clients = append(clients, idle(b, s))
		}
		for range n {
			<-s.started
		}
		b.ReportMetric(float64(inUse()-before)/n, "B/subscription")
		for _, c := range clients {
			_ = c.Close()
		}
	}
}

func inUse() int64 {
	for range 6 { // each halves the stacks that are mostly empty
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// idle is a client that is nothing but a connection.
func idle(tb testing.TB, s *server) net.Conn {
	tb.Helper()
	conn, err := (&net.Dialer{}).DialContext(tb.Context(), "tcp", s.ln.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := fmt.Fprint(conn, handshake, frame(begin), frame(`{"id":"1","type":"subscribe","payload":{"query":"subscription{idle}"}}`)); err != nil {
		tb.Fatal(err)
	}
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		tb.Fatal(err)
	}
	resp.Body.Close()
	const answers = 2 + len(ack) + 2 + len(`{"id":"1","type":"next","payload":{"data":{"idle":0}}}`)
	if _, err := io.CopyN(io.Discard, r, int64(answers)); err != nil {
		tb.Fatal(err)
	}
	return conn
}
