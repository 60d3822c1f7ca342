package transport_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/davitdev/davit/graph/transport"
	"github.com/davitdev/davit/graph/transport/testdata/schema"
	"github.com/davitdev/davit/internal/fault"
)

//go:generate go -C testdata/schema run github.com/99designs/gqlgen generate

// api resolves testdata/schema.
type api struct {
	release chan struct{} // closed: held and hold answer
	started chan struct{} // one for each held, hold and idle that began
	sent    chan struct{} // one for each value flood got rid of, if there is room
	ended   chan struct{} // one for each count, idle and flood that is over
}

func newAPI() *api {
	return &api{
		release: make(chan struct{}),
		started: make(chan struct{}, 10_000),
		sent:    make(chan struct{}, 10_000),
		ended:   make(chan struct{}, 10_000),
	}
}

func (a *api) Query() schema.QueryResolver               { return a }
func (a *api) Mutation() schema.MutationResolver         { return mutation{a} }
func (a *api) Subscription() schema.SubscriptionResolver { return subscription{a} }

type userKey struct{}

func (a *api) Hello(ctx context.Context, name *string) (string, error) {
	if user, ok := ctx.Value(userKey{}).(string); ok && name == nil {
		return "hello " + user, nil
	}
	if name == nil {
		return "hello", nil
	}
	return "hello " + *name, nil
}

func (a *api) Broken(context.Context) (*string, error) {
	return nil, errors.New("pq: password of the database is hunter2")
}

func (a *api) Panics(context.Context) (string, error) { panic("boom") }

func (a *api) Held(ctx context.Context) (string, error) {
	a.started <- struct{}{}
	select {
	case <-a.release:
		return "released", nil
	case <-ctx.Done():
		return "", fault.New(fault.Canceled, "Canceled.")
	}
}

func (a *api) Stubborn(context.Context) (string, error) {
	a.started <- struct{}{}
	<-a.release
	return "released", nil
}

type mutation struct{ *api }

func (a mutation) Add(_ context.Context, n int) (int, error) { return n + 1, nil }

func (a mutation) Hold(ctx context.Context) (string, error) { return a.Held(ctx) }

type subscription struct{ *api }

// feed sends what yield returns until it returns false or ctx ends.
func feed[T any](ctx context.Context, after func(), yield func(i int) (T, bool)) <-chan T {
	out := make(chan T)
	go func() {
		defer close(out)
		defer after()
		for i := 0; ; i++ {
			v, more := yield(i)
			if !more {
				return
			}
			select {
			case out <- v:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

func (a subscription) Count(ctx context.Context, to int) (<-chan int, error) {
	return feed(ctx, func() { a.ended <- struct{}{} }, func(i int) (int, bool) { return i + 1, i < to }), nil
}

func (a subscription) Idle(ctx context.Context) (<-chan int, error) {
	return feed(ctx, func() { a.ended <- struct{}{} }, func(i int) (int, bool) {
		if i == 1 {
			a.started <- struct{}{}
			<-ctx.Done()
			return 0, false
		}
		return i, true
	}), nil
}

func (a subscription) Flood(ctx context.Context, bytes int) (<-chan string, error) {
	text := strings.Repeat("x", bytes)
	return feed(ctx, func() { a.ended <- struct{}{} }, func(int) (string, bool) {
		select {
		case a.sent <- struct{}{}:
		default:
		}
		return text, true
	}), nil
}

func (a subscription) Refused(context.Context) (<-chan int, error) {
	return nil, fault.New(fault.NotFound, "There is no such object.")
}

func (a subscription) Ended(ctx context.Context) (<-chan int, error) {
	return feed(ctx, func() {}, func(i int) (int, bool) {
		if i == 1 {
			transport.EndWith(ctx, fault.New(fault.Forbidden, "You may no longer see this."))
		}
		return i, i < 1
	}), nil
}

func (a subscription) Panics(ctx context.Context) (<-chan *schema.Bomb, error) {
	return feed(ctx, func() {}, func(i int) (*schema.Bomb, bool) { return &schema.Bomb{}, i < 1 }), nil
}

// server is both transports on a real executor behind a real http.Server.
type server struct {
	*api
	ws   *transport.WebSocket
	http *http.Server
	ln   net.Listener
}

type requestKey struct{}

// serve starts a server on ln; change may alter its websocket transport and
// extend its executor. It is stopped when the test ends.
func serve(tb testing.TB, ln net.Listener, change func(*transport.WebSocket, *handler.Server)) *server {
	tb.Helper()
	s := &server{api: newAPI(), ln: ln}
	encoder := &transport.Encoder{RequestID: func(ctx context.Context) string {
		id, _ := ctx.Value(requestKey{}).(string)
		return id
	}}
	s.ws = &transport.WebSocket{
		Encoder:   encoder,
		Log:       slog.New(slog.DiscardHandler),
		Limits:    transport.DefaultLimits(),
		Origin:    transport.SameOrigin,
		Address:   transport.PeerAddress,
		Principal: func(ctx context.Context) string { user, _ := ctx.Value(userKey{}).(string); return user },
		Init: func(ctx context.Context, payload map[string]any) (context.Context, error) {
			if user, ok := payload["authorization"].(string); ok {
				ctx = context.WithValue(ctx, userKey{}, user)
			}
			return ctx, nil
		},
	}
	gql := handler.New(schema.NewExecutableSchema(schema.Config{Resolvers: s.api}))
	gql.AddTransport(s.ws)
	gql.AddTransport(transport.HTTP{Encoder: encoder, MaxBody: 4 << 10, BodyTime: time.Minute})
	gql.Use(extension.Introspection{})
	gql.SetErrorPresenter(present)
	gql.SetRecoverFunc(func(context.Context, any) error { return errors.New("panic") })
	if change != nil {
		change(s.ws, gql)
	}
	s.http = &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx := context.WithValue(r.Context(), requestKey{}, "req_1")
			if user := r.Header.Get("X-User"); user != "" {
				ctx = context.WithValue(ctx, userKey{}, user)
			}
			gql.ServeHTTP(w, r.WithContext(ctx))
		}),
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
	var served sync.WaitGroup
	served.Go(func() { _ = s.http.Serve(ln) })
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.ws.Shutdown(ctx); err != nil {
			tb.Errorf("shutdown: %v", err)
		}
		_ = s.http.Close()
		served.Wait()
	})
	return s
}

// present is the product's presenter in small: faults are shown, the rest is
// not.
func present(ctx context.Context, err error) *gqlerror.Error {
	shown := graphql.DefaultErrorPresenter(ctx, err)
	if f, ok := errors.AsType[*fault.Error](err); ok {
		out := transport.Present(f)
		out.Path = shown.Path
		return out
	}
	if shown.Extensions["code"] != nil {
		return shown
	}
	out := transport.Present(fault.New(fault.Internal, "Something broke on our side."))
	out.Path = shown.Path
	return out
}

// listen opens a port on loopback.
func listen(tb testing.TB) net.Listener {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	return ln
}

func (s *server) url() string { return "http://" + s.ln.Addr().String() + "/graphql" }
