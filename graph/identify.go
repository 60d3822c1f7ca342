package graph

import (
	"context"
	"crypto/rand"
	"net/http"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/davitdev/davit/graph/transport"
	"github.com/davitdev/davit/internal/principal"
)

type (
	requestKey struct{}
	refusalKey struct{}
	socketKey  struct{}
)

// requestID names the request ctx belongs to.
func requestID(ctx context.Context) string {
	id, _ := ctx.Value(requestKey{}).(string)
	return id
}

// identify puts into the context of each request who asks, its id, and its
// idempotency key. A token that is refused is told by whatever is asked first,
// in the words of the transport.
func (r *Resolver) identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		id := rand.Text()
		w.Header().Set("X-Request-Id", id)
		ctx := context.WithValue(req.Context(), requestKey{}, id)
		if req.Header.Get("Upgrade") == "" { // a socket has many operations
			ctx = principal.WithIdempotencyKey(ctx, req.Header.Get("Idempotency-Key"))
		}
		if header := req.Header.Get("Authorization"); header != "" {
			ctx = r.authenticate(ctx, bearer(header))
		}
		next.ServeHTTP(w, req.WithContext(ctx))
	})
}

// authenticate adds whom token speaks for to ctx, or why it does not.
func (r *Resolver) authenticate(ctx context.Context, token string) context.Context {
	p, err := r.Auth.Authenticate(ctx, token)
	if err != nil {
		return context.WithValue(ctx, refusalKey{}, err)
	}
	return principal.With(ctx, p)
}

// initSocket authenticates a socket by its connection_init payload, unless the
// upgrade request did so. A refused token closes the socket.
func (r *Resolver) initSocket(ctx context.Context, payload map[string]any) (context.Context, error) {
	for name, v := range payload {
		header, ok := v.(string)
		if ok && http.CanonicalHeaderKey(name) == "Authorization" {
			ctx = r.authenticate(ctx, bearer(header))
			break
		}
	}
	return context.WithValue(ctx, socketKey{}, true), refusal(ctx)
}

// refusal is why nobody is signed in, nil if somebody is.
func refusal(ctx context.Context) error {
	if err, ok := ctx.Value(refusalKey{}).(error); ok {
		return err
	}
	_, err := principal.From(ctx)
	return err
}

// signedIn refuses every operation of nobody, on every transport, before the
// document is read or the schema can be asked about. A socket may outlive the
// token it was opened with, so each of its operations asks anew.
type signedIn struct{ *Resolver }

func (signedIn) ExtensionName() string                   { return "SignedIn" }
func (signedIn) Validate(graphql.ExecutableSchema) error { return nil }

func (s signedIn) MutateOperationParameters(ctx context.Context, _ *graphql.RawParams) *gqlerror.Error {
	err := refusal(ctx)
	if err == nil && ctx.Value(socketKey{}) != nil {
		err = s.stillValid(ctx)
	}
	if err == nil {
		return nil
	}
	return transport.Present(classify(ctx, s.Log, err, nil))
}

// stillValid reports, as nil or an error, whether who asks still is who they
// were.
func (r *Resolver) stillValid(ctx context.Context) error {
	p, err := principal.From(ctx)
	if err != nil {
		return err
	}
	return r.Auth.StillValid(ctx, p)
}

// bearer returns the token of an Authorization header's value, "" if there is
// none.
func bearer(header string) string {
	scheme, token, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}
