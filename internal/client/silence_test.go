package client_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/fault"
)

// pipes is a network in memory, on the clock of synctest.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) DialContext(context.Context, string, string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.conns <- there:
		return here, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error { p.once.Do(func() { close(p.closed) }); return nil }

func (*pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// inMemory returns the client of a server without a network.
func inMemory(t *testing.T, handle http.HandlerFunc) *client.Client {
	t.Helper()
	ln := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	srv := &http.Server{Handler: handle}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ln) }()
	transport := &http.Transport{DialContext: ln.DialContext}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		srv.Close()
		<-done
	})
	c, err := client.New("http://davit.test", "davit_test")
	if err != nil {
		t.Fatal(err)
	}
	c.HTTP.Transport = transport
	return c
}

const platform = `{"data":{"platform":{}}}`

// A process that was stopped keeps its connections, and the kernel takes what is
// sent to them.
func TestAServerThatTakesARequestAndSaysNothingIsGivenUp(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct {
		answers int // before it is silent
		want    time.Duration
	}{
		"at once, if it never answered": {0, time.Minute},
		"after two minutes":             {1, 2 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var asked atomic.Int64
				cl := inMemory(t, func(w http.ResponseWriter, _ *http.Request) {
					if asked.Add(1) > int64(c.answers) {
						<-t.Context().Done()
					}
					_, _ = io.WriteString(w, platform)
				})
				for range c.answers {
					if _, err := client.Platform(t.Context(), cl); err != nil {
						t.Fatal(err)
					}
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				began := time.Now()
				_, err := client.Platform(ctx, cl)
				if f, ok := err.(*fault.Error); !ok || f.Code != fault.Unavailable || f.Hint == "" { //nolint:errorlint // the hint is of the outermost
					t.Errorf("got %v, want UNAVAILABLE and what to do", err)
				}
				if took := time.Since(began); took < time.Minute || took > c.want {
					t.Errorf("it was given up after %s, want %s", took, c.want)
				}
			})
		})
	}
}

func TestARequestIsSentAgainToAServerThatWasSilent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var (
			mu   sync.Mutex
			keys []string
		)
		c := inMemory(t, func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			keys = append(keys, r.Header.Get("Idempotency-Key"))
			second := len(keys) == 2
			mu.Unlock()
			if second {
				<-t.Context().Done()
			}
			_, _ = io.WriteString(w, platform)
		})
		for range 2 {
			if _, err := client.Platform(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
		mu.Lock()
		defer mu.Unlock()
		if len(keys) != 3 || keys[1] != keys[2] {
			t.Errorf("sent under the keys %q, want the second twice", keys)
		}
	})
}

func TestAnAnswerMayTakeLongAsLongAsItComes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := inMemory(t, func(w http.ResponseWriter, _ *http.Request) {
			for _, b := range []byte(platform) {
				_, _ = w.Write([]byte{b})
				_ = http.NewResponseController(w).Flush()
				time.Sleep(45 * time.Second) // of the bubble
			}
		})
		if _, err := client.Platform(t.Context(), c); err != nil {
			t.Error(err)
		}
	})
}

// slowly is a body of n bytes, of which one comes each time.
type slowly struct {
	n    int
	each time.Duration
}

func (s *slowly) Read(b []byte) (int, error) {
	if s.n == 0 {
		return 0, io.EOF
	}
	s.n--
	time.Sleep(s.each) // of the bubble
	b[0] = 'x'
	return 1, nil
}

func TestAnUploadMayTakeLongAsLongAsItIsTaken(t *testing.T) {
	t.Parallel()

	takes := func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err == nil {
			w.WriteHeader(http.StatusCreated)
		}
	}
	for name, c := range map[string]struct {
		body   io.Reader
		size   int64
		handle func(t *testing.T) http.HandlerFunc
		err    bool
	}{
		"all of it, in six minutes": {&slowly{8, 45 * time.Second}, 8, func(*testing.T) http.HandlerFunc { return takes }, false},
		"none of it": {
			bytes.NewReader(make([]byte, 1<<20)), 1 << 20,
			func(t *testing.T) http.HandlerFunc {
				return func(http.ResponseWriter, *http.Request) {
					<-t.Context().Done()
					panic(http.ErrAbortHandler) // what is not read is not waited for
				}
			}, true,
		},
		"all of it, without an answer": {
			&slowly{8, time.Second}, 8,
			func(t *testing.T) http.HandlerFunc {
				return func(_ http.ResponseWriter, r *http.Request) {
					_, _ = io.Copy(io.Discard, r.Body)
					<-t.Context().Done()
				}
			}, true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				cl := inMemory(t, c.handle(t))
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				began := time.Now()
				err := cl.Upload(ctx, cl.Server+"/uploads/x", c.body, c.size)
				if took := time.Since(began); c.err && (!fault.Is(err, fault.Unavailable) || took > 2*time.Minute) {
					t.Errorf("got %v after %s, want UNAVAILABLE", err, took)
				}
				if !c.err && err != nil {
					t.Error(err)
				}
			})
		})
	}
}
