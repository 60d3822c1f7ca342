package build_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/moby/moby/client"

	"github.com/davitdev/davit/internal/build"
	"github.com/davitdev/davit/internal/fault"
)

// A build may not reach what the engine's machine can reach. The server would
// notice.
func TestRemoteSourcesAreCheckedBeforeAnythingConnects(t *testing.T) {
	t.Parallel()
	api := engine(t)
	var hits atomic.Int32
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() }) // after the parallel tests below
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			hits.Add(1)
			c.Close()
		}
	}()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	for name, add := range map[string]string{
		"http":             "ADD http://127.0.0.1:PORT/x /",
		"https by name":    "ADD https://localhost:PORT/x /",
		"git":              "ADD http://127.0.0.1:PORT/x.git /",
		"git's own":        "ADD git://127.0.0.1:PORT/x.git /",
		"ssh":              "ADD ssh://git@127.0.0.1:PORT/x.git /",
		"scp":              "ADD git@127.0.0.1:x.git /",
		"a hidden ssh":     "ARG H=ssh:\nADD ${H}//git@127.0.0.1:PORT/x.git /",
		"a quoted ssh":     `ADD "s"sh://git@127.0.0.1:PORT/x.git /`,
		"an escaped ssh":   `ADD s\sh://git@127.0.0.1:PORT/x.git /`,
		"a hidden host":    "ARG H=127.0.0.1\nADD http://$H:PORT/x /",
		"in a trigger":     "ONBUILD ADD ssh://git@127.0.0.1:PORT/x.git /\nFROM 0",
		"mapped":           "ADD http://[::ffff:127.0.0.1]:PORT/x /",
		"in one of two":    "ADD local http://127.0.0.1:PORT/x /d/",
		"metadata service": "ADD http://169.254.169.254/latest/meta-data /",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := "FROM scratch\n" + strings.ReplaceAll(add, "PORT", port) + "\n"
			req := request(t, map[string]string{"Dockerfile": text, "local": ""}, build.Options{})
			_, err := buildKit(api).Build(t.Context(), req, &heard{})
			wantFault(t, err, fault.SourceForbidden, "Line ")
		})
	}
	t.Cleanup(func() {
		if n := hits.Load(); n != 0 {
			t.Errorf("something connected %d times", n)
		}
	})
}

func TestARemoteSourceThatIsAllowedIsFetched(t *testing.T) {
	t.Parallel()
	api := engine(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "fetched") }))
	defer server.Close()
	var asked string
	b := buildKit(api)
	b.AllowHost = func(_ context.Context, host string) error { asked = host; return nil }
	req := request(t, map[string]string{"Dockerfile": "FROM scratch\nADD " + server.URL + "/f /f\n"}, build.Options{})
	result, err := b.Build(t.Context(), req, &heard{})
	if err != nil {
		t.Fatal(err)
	}
	defer api.ImageRemove(context.WithoutCancel(t.Context()), result.Reference, client.ImageRemoveOptions{})
	if got := filesOf(t, api, result.Image)["f"]; got != "fetched" || asked != "127.0.0.1" {
		t.Errorf("the file is %q; asked was for %q", got, asked)
	}
}
