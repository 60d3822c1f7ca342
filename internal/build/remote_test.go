package build_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/moby/moby/client"

	"github.com/davitdev/davit/internal/build"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/outbound"
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

// through is a transport that reaches one server, and else what is public.
type through struct{ host string }

func (t through) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == t.host {
		return http.DefaultTransport.RoundTrip(r)
	}
	return outbound.Policy{}.Client().Transport.RoundTrip(r)
}

// fetches builds with a server as the only host that ADD reaches beside public
// ones.
func fetches(t *testing.T, server *httptest.Server, text string) (map[string]string, *heard, error) {
	t.Helper()
	api := engine(t)
	host := strings.TrimPrefix(server.URL, "http://")
	b := buildKit(api)
	b.AllowHost = func(_ context.Context, asked string) error {
		if !strings.HasPrefix(host, asked+":") {
			t.Errorf("asked was for %q", asked)
		}
		return nil
	}
	b.Client = &http.Client{Transport: through{host}}
	b.Scratch = t.TempDir()
	h := &heard{}
	result, err := b.Build(t.Context(), request(t, map[string]string{"Dockerfile": strings.ReplaceAll(text, "URL", server.URL)}, build.Options{}), h)
	h.check(t)
	if left, rerr := os.ReadDir(b.Scratch); rerr != nil || len(left) > 0 {
		t.Errorf("%d directories are left, %v", len(left), rerr)
	}
	if err != nil {
		return nil, h, err
	}
	t.Cleanup(func() {
		ctx, cancel := cleaningUp(t)
		defer cancel()
		_, _ = api.ImageRemove(ctx, result.Reference, client.ImageRemoveOptions{PruneChildren: true})
	})
	return filesOf(t, api, result.Image), h, nil
}

func TestARemoteSourceThatIsAllowedIsFetched(t *testing.T) {
	t.Parallel()
	hits := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hits[r.URL.Path]++
		if r.URL.Path == "/moved" {
			http.Redirect(w, r, "/a/f", http.StatusFound)
			return
		}
		w.Header().Set("Last-Modified", "Sun, 09 Sep 2001 01:46:40 GMT")
		io.WriteString(w, r.URL.Path)
	}))
	t.Cleanup(server.Close)
	sum := "sha256:" + fmt.Sprintf("%x", sha256.Sum256([]byte("/checked")))
	got, h, err := fetches(t, server, `FROM debian:bookworm-slim AS run
ADD URL/a/f /f
ADD URL/a/f /again/
ADD --chmod=0755 --chown=7:8 URL/a%20b /d/
ADD URL/moved?q=1 URL/b.tar /two/
RUN stat -c '%n %a %u %g %Y' /f "/d/a b" /two/moved > /stat; cat /two/moved > /moved; cat "/d/a b" > /ab
FROM scratch
COPY --from=run /f /stat /moved /again/f /ab /two/b.tar /
ADD --checksum=`+sum+` --link URL/checked /linked
`)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"f": "/a/f", "stat": "/f 600 0 0 1000000000\n/d/a b 755 7 8 1000000000\n/two/moved 600 0 0 1000000000\n", "moved": "/a/f", "ab": "/a b", "b.tar": "/b.tar", "linked": "/checked",
	}
	for name, text := range want {
		if got[name] != text {
			t.Errorf("%s is %q, want %q", name, got[name], text)
		}
	}
	if hits["/a/f"] != 2 { // one of them moved
		t.Errorf("asked was for %v", hits)
	}
	if s := h.step(t, "fetching "+server.URL+"/a/f"); s.StartedAt.IsZero() || s.FinishedAt.IsZero() || s.Error != "" {
		t.Errorf("the step says %+v", s)
	}
}

// The engine would follow a redirect to what only its machine reaches.
func TestARedirectOfARemoteSourceLeadsNowhereElse(t *testing.T) {
	t.Parallel()
	var hits atomic.Int32
	private := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	t.Cleanup(private.Close)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, private.URL+"/secret", http.StatusFound)
		case "/gone":
			http.NotFound(w, r)
		default:
			io.WriteString(w, "text")
		}
	}))
	t.Cleanup(server.Close)
	for _, tt := range []struct {
		add, want string
		code      fault.Code
	}{
		{"ADD URL/away /x", "is not a public one", fault.SourceForbidden},
		{"ADD URL/gone /x", "the status 404", fault.BuildFailed},
		{"ADD --checksum=sha256:" + strings.Repeat("0", 64) + " URL/f /x", "the digest of what was fetched is sha256:", fault.BuildFailed},
		{"ADD URL/a/.. /x", "does not end in the name of a file", fault.DockerfileInvalid},
	} {
		_, h, err := fetches(t, server, "FROM scratch\n"+tt.add+"\n")
		wantFault(t, err, tt.code, tt.want)
		wantFault(t, err, tt.code, "Line 2 of the Dockerfile")
		if h.step(t, "fetching ").Error == "" {
			t.Errorf("%s: its step did not fail", tt.add)
		}
	}
	if n := hits.Load(); n != 0 {
		t.Errorf("it was reached %d times", n)
	}
}

// The engine's git follows redirects, too.
func TestRepositoriesAreForBuildsThatReachEverything(t *testing.T) {
	t.Parallel()
	api := engine(t)
	b := buildKit(api)
	b.AllowHost = func(context.Context, string) error { return nil }
	req := request(t, map[string]string{"Dockerfile": "FROM scratch\nADD http://127.0.0.1:1/x.git /\n"}, build.Options{})
	_, err := b.Build(t.Context(), req, &heard{})
	wantFault(t, err, fault.SourceForbidden, "use RUN git clone")
	b.AllowGit = true
	_, err = b.Build(t.Context(), req, &heard{})
	wantFault(t, err, fault.BuildFailed, "Line 2")
}

func TestAFetchedFileThatIsTheSameComesFromTheCacheAndLeavesNoCopy(t *testing.T) {
	t.Parallel()
	api := engine(t)
	text := "one " + rand.Text()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, text) }))
	t.Cleanup(server.Close)
	b := buildKit(api)
	b.Installation = "inst-" + strings.ToLower(rand.Text())
	b.AllowHost, b.Client = outbound.Policy{AllowPrivate: true}.Allow, outbound.Policy{AllowPrivate: true}.Client()
	dockerfile := "FROM debian:bookworm-slim AS run\nADD " + server.URL + "/f /f\nRUN cat /f > /g\nFROM scratch\nCOPY --from=run /g /\n"
	for _, tt := range []struct {
		text   string
		cached bool
	}{{text, false}, {text, true}, {"two " + rand.Text(), false}} {
		text = tt.text
		var got map[string]string
		req := request(t, map[string]string{"Dockerfile": dockerfile}, build.Options{})
		req.Export = func(r io.Reader) (err error) {
			got, err = readTar(r)
			return err
		}
		h := &heard{}
		if _, err := b.Build(t.Context(), req, h); err != nil {
			t.Fatal(err)
		}
		if got["g"] != tt.text || h.step(t, "RUN cat").Cached != tt.cached {
			t.Errorf("it has %q, cached %t; want %q, cached %t", got["g"], h.step(t, "RUN cat").Cached, tt.text, tt.cached)
		}
	}
	for _, left := range cached(t, b, b.Installation) {
		if !left.InUse {
			t.Errorf("a copy is left: %s", left.Description)
		}
	}
}
