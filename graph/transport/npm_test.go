package transport_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql/handler"

	"github.com/davitdev/davit/graph/transport"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/test/npm"
)

const scripts = "testdata/npm"

func TestHTTPPassesAllAudits(t *testing.T) {
	s := serve(t, listen(t), nil)
	out, err := npm.Command(t, scripts, "audit.mjs", s.url()).Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	passed := 0
	for line := range bytes.Lines(out) {
		var audit struct{ ID, Name, Status, Reason string }
		if err := json.Unmarshal(line, &audit); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		if audit.Status != "ok" {
			t.Errorf("%s %s: %s, %s", audit.ID, audit.Name, audit.Status, audit.Reason)
			continue
		}
		passed++
	}
	if passed != 61 {
		t.Errorf("%d audits passed, want 61", passed)
	}
}

func TestWebSocketWithTheReferenceClient(t *testing.T) {
	s := serve(t, listen(t), func(ws *transport.WebSocket, _ *handler.Server) {
		let := ws.Init
		ws.Init = func(ctx context.Context, payload map[string]any) (context.Context, error) {
			if payload["authorization"] == "nobody" {
				return nil, fault.New(fault.Unauthenticated, "This token is not valid.")
			}
			return let(ctx, payload)
		}
	})
	cmd := npm.Command(t, scripts, "client.mjs", strings.Replace(s.url(), "http", "ws", 1))
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	if lines.Scan(); lines.Text() == "idle" {
		<-s.ended // the one the client left
		if err := s.ws.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if lines.Scan(); !regexp.MustCompile(`^1012 Service restart: retry after \d+ ms$`).MatchString(lines.Text()) {
			t.Errorf("the client saw %q", lines.Text())
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("client.mjs: %v", err)
	}
}
