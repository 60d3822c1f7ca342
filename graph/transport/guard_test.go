package transport_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql/handler"

	"github.com/davitdev/davit/graph/guard"
	"github.com/davitdev/davit/graph/transport"
)

// The guard sits in the executor; no transport is a way around it.
func TestTheGuardHoldsOnBothTransports(t *testing.T) {
	t.Parallel()

	s := serve(t, listen(t), func(_ *transport.WebSocket, h *handler.Server) {
		g := &guard.Guard{Limits: guard.DefaultLimits(), PageSize: 20, ListSize: 5, Known: guard.NewCache(100)}
		h.Use(g)
		h.SetQueryCache(g.Known)
	})
	var bomb strings.Builder
	bomb.WriteString("{...F0}")
	for i := range 40 {
		fmt.Fprintf(&bomb, "fragment F%d on Query{...F%d ...F%d}", i, i+1, i+1)
	}
	bomb.WriteString("fragment F40 on Query{hello}")

	if got := post(t, s, query(bomb.String()), nil); got.status != 400 || codes(t, got.body)[0] != "QUERY_TOO_COMPLEX" {
		t.Errorf("by HTTP: %v", got)
	}
	c := s.connect(t)
	c.subscribe("1", bomb.String())
	c.wantError("1", "QUERY_TOO_COMPLEX")
	for range 2 { // the second time from the cache
		c.subscribe("1", "{hello}")
		c.want(`{"id":"1","type":"next","payload":{"data":{"hello":"hello"}}}`, `{"id":"1","type":"complete"}`)
	}
}
