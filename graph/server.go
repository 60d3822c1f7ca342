package graph

import (
	"context"
	"net/http"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/extension"

	"github.com/davitdev/davit/graph/generated"
	"github.com/davitdev/davit/graph/guard"
	"github.com/davitdev/davit/graph/transport"
	"github.com/davitdev/davit/internal/principal"
)

const (
	maxBody   = 1 << 20 // of a request, bytes
	bodyTime  = 30 * time.Second
	documents = 1000 // parsed documents to keep
	pageSize  = 20   // what a page is taken to have where none is said
	listSize  = 4    // what an unpaged list is taken to have
)

// weights are the prices of fields that cost more than loading a row.
func weights() map[string]int {
	const ofPage = 50                     // of a log, which may have to be searched for
	const ofHost, ofSource = 1000, 10_000 // a host that may be slow, and all it has
	return map[string]int{
		"Query.logs": ofPage, "Deployment.logs": ofPage, "Build.logs": ofPage, "Query.repository": ofHost, "Repository.detect": ofSource,
	}
}

// Server serves /graphql: queries and mutations over HTTP, operations of all
// kinds over graphql-transport-ws.
type Server struct {
	http.Handler
	sockets *transport.WebSocket
}

// Shutdown asks the clients of all sockets to come back later, and waits until
// they are gone or ctx ends.
func (s *Server) Shutdown(ctx context.Context) error { return s.sockets.Shutdown(ctx) }

// NewServer returns the server of r's API. origin reports whether a page of
// another site may open a socket.
func NewServer(r *Resolver, origin func(*http.Request) bool) *Server {
	enc := &transport.Encoder{RequestID: requestID}
	sockets := &transport.WebSocket{
		Encoder: enc, Log: r.Log, Limits: transport.DefaultLimits(),
		Origin: origin, Address: transport.PeerAddress,
		Principal: func(ctx context.Context) string {
			p, err := principal.From(ctx)
			if err != nil {
				return ""
			}
			return p.ID()
		},
		Init: r.initSocket,
	}
	cache := guard.NewCache(documents)
	srv := handler.New(generated.NewExecutableSchema(generated.Config{Resolvers: r}))
	srv.SetQueryCache(cache)
	srv.AddTransport(sockets)
	srv.AddTransport(transport.HTTP{Encoder: enc, MaxBody: maxBody, BodyTime: bodyTime, Refusal: r.refusal})
	srv.Use(signedIn{r})
	srv.Use(extension.Introspection{})
	srv.Use(&guard.Guard{Limits: guard.DefaultLimits(), Weights: weights(), PageSize: pageSize, ListSize: listSize, Known: cache})
	srv.Use(scoped{r})
	srv.SetErrorPresenter(present(r.Log))
	srv.SetRecoverFunc(recoverResolver(r.Log))
	srv.SetDisableSuggestion(true)
	srv.AroundResponses(func(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
		return bounded(r.withLoaders(ctx), maxAnswer, next)
	})
	srv.AroundFields(measure)
	srv.AroundOperations(func(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
		return next(r.withLoaders(withBorrowed(ctx))) // for what a subscription loads before its first message
	})
	return &Server{Handler: r.identify(srv), sockets: sockets}
}
