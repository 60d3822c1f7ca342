package build_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	buildkit "github.com/moby/buildkit/client"

	"github.com/davitdev/davit/internal/build"
	"github.com/davitdev/davit/internal/fault"
)

// cached is what BuildKit keeps whose description contains a text.
func cached(t *testing.T, b *build.BuildKit, text string) (found []*buildkit.UsageInfo) {
	t.Helper()
	c, err := buildkit.New(t.Context(), "", buildkit.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return b.Dial(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	all, err := c.DiskUsage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		if strings.Contains(one.Description, text) {
			found = append(found, one)
		}
	}
	return found
}

func TestNoCopyOfASourceStaysInTheEngine(t *testing.T) {
	t.Parallel()
	b := buildKit(engine(t))
	b.Installation = "inst-" + strings.ToLower(rand.Text())
	sends := func(last string) build.Request {
		req := request(t, map[string]string{"Dockerfile": "FROM debian:bookworm-slim AS run\nCOPY . /all\n" + last, "f": rand.Text()}, build.Options{})
		req.Export = func(r io.Reader) error { _, err := io.Copy(io.Discard, r); return err }
		return req
	}
	for n := range 3 {
		h := &heard{}
		if _, err := b.Build(t.Context(), sends(fmt.Sprint("RUN cp /all/f /g # ", n, "\nFROM scratch\nCOPY --from=run /g /\n")), h); err != nil {
			t.Fatal(err)
		}
		if h.step(t, "load build context").FinishedAt.IsZero() {
			t.Error("the source was not sent")
		}
	}
	_, err := b.Build(t.Context(), sends("RUN exit 3\n"), &heard{})
	wantFault(t, err, fault.BuildFailed, "exit code 3")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if _, err = b.Build(ctx, sends("RUN echo started; sleep 60\n"), &heard{onLine: func(build.Line) { cancel() }}); err == nil {
		t.Error("a build that was canceled did not fail")
	}
	for _, one := range cached(t, b, b.Installation) {
		t.Errorf("%q is left, %d bytes, in use: %t", one.Description, one.Size, one.InUse)
	}
}

func TestOfTheCacheOnlyWhatIsAskedForGoes(t *testing.T) {
	t.Parallel()
	b := buildKit(engine(t))
	req := request(t, map[string]string{"Dockerfile": "FROM debian:bookworm-slim AS run\nRUN echo " + rand.Text() + " > /f\nFROM scratch\nCOPY --from=run /f /\n"}, build.Options{})
	req.Export = func(r io.Reader) error { _, err := io.Copy(io.Discard, r); return err }
	if _, err := b.Build(t.Context(), req, &heard{}); err != nil {
		t.Fatal(err)
	}
	all := cached(t, b, "")
	if len(all) == 0 {
		t.Fatal("there is no cache")
	}
	removed, err := b.Prune(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	var total int64
	for _, one := range all {
		total += one.Size
	}
	if removed < 1 || removed > total/2 {
		t.Errorf("%d bytes of %d were removed", removed, total)
	}
}
