package build_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/davitdev/davit/internal/build"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/outbound"
)

func TestCancelingEndsTheCommandToo(t *testing.T) {
	t.Parallel()
	api := engine(t)
	seconds := fmt.Sprint(4242 + time.Now().UnixNano()) // so that the process is found again
	req := request(t, map[string]string{"Dockerfile": "FROM debian:bookworm-slim\nRUN echo started; exec sleep " + seconds + "\n"}, build.Options{})
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	var canceled time.Time
	h := &heard{onLine: func(build.Line) { canceled = time.Now(); cancel(stop) }}
	_, err := buildKit(api).Build(ctx, req, h)
	if !errors.Is(err, stop) {
		t.Errorf("Build = %v, want the cause", err)
	}
	if took := time.Since(canceled); took > 5*time.Second {
		t.Errorf("it took %s to end", took)
	}
	h.check(t)
	if s := h.step(t, "RUN echo started"); s.Error == "" {
		t.Errorf("the step says %+v", s)
	}
	awaitNoProcess(t, "sleep "+seconds)
}

// awaitNoProcess waits until no process of this machine has text in its command
// line or environment.
func awaitNoProcess(t *testing.T, text string) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(5 * time.Second); ; {
		dirs, err := filepath.Glob("/proc/[0-9]*")
		if err != nil {
			t.Fatal(err)
		}
		running := slices.ContainsFunc(dirs, func(dir string) bool {
			command, _ := os.ReadFile(dir + "/cmdline") // it may have ended
			env, _ := os.ReadFile(dir + "/environ")
			return bytes.Contains(bytes.ReplaceAll(append(command, env...), []byte{0}, []byte(" ")), []byte(text))
		})
		if !running {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%q still runs", text)
		}
	}
}

func TestABuildHasATimeLimit(t *testing.T) {
	t.Parallel()
	api := engine(t)
	req := request(t, map[string]string{"Dockerfile": "FROM debian:bookworm-slim\nRUN sleep 60\n"}, build.Options{})
	req.Timeout = 2 * time.Second
	began := time.Now()
	_, err := buildKit(api).Build(t.Context(), req, &heard{})
	wantFault(t, err, fault.BuildTimeout, "longer than 2s")
	if took := time.Since(began); took > 7*time.Second {
		t.Errorf("it took %s to end", took)
	}
}

func TestAnEngineThatIsAwayIsNobodysFault(t *testing.T) {
	t.Parallel()
	b := &build.BuildKit{
		Dial: func(ctx context.Context) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(t.TempDir(), "gone.sock"))
		},
		DialSession: func(context.Context, string, map[string][]string) (net.Conn, error) { return nil, errors.New("gone") },
		AllowHost:   outbound.Policy{}.Allow, Installation: "inst-test",
	}
	_, err := b.Build(t.Context(), request(t, map[string]string{"Dockerfile": "FROM scratch"}, build.Options{}), &heard{})
	wantFault(t, err, fault.RunnerAway, "engine")
}

func TestLosingTheEngineIsNobodysFault(t *testing.T) {
	t.Parallel()
	b := buildKit(engine(t))
	dial, dialSession := b.Dial, b.DialSession
	var mu sync.Mutex
	var conns []net.Conn
	keep := func(c net.Conn, err error) (net.Conn, error) {
		mu.Lock()
		defer mu.Unlock()
		conns = append(conns, c)
		return c, err
	}
	lost := false
	b.Dial = func(ctx context.Context) (net.Conn, error) {
		mu.Lock()
		gone := lost
		mu.Unlock()
		if gone {
			return nil, errors.New("connection refused")
		}
		return keep(dial(ctx))
	}
	b.DialSession = func(ctx context.Context, proto string, meta map[string][]string) (net.Conn, error) {
		return keep(dialSession(ctx, proto, meta))
	}
	h := &heard{onLine: func(build.Line) {
		mu.Lock()
		defer mu.Unlock()
		lost = true
		for _, c := range conns {
			c.Close()
		}
	}}
	req := request(t, map[string]string{"Dockerfile": "FROM debian:bookworm-slim\nRUN echo started; sleep 30 # " + rand.Text() + "\n"}, build.Options{})
	_, err := b.Build(t.Context(), req, h)
	wantFault(t, err, fault.RunnerAway, "engine")
	h.check(t)
}
