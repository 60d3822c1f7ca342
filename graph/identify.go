package graph

import (
	"context"
	"crypto/rand"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"

	"github.com/davitdev/davit/graph/transport"
	"github.com/davitdev/davit/internal/fault"
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
// idempotency key. Who asks says a token, or without one a session's cookie if
// a page of our own sent it. What is refused is told by whatever is asked first,
// in the words of the transport.
func (r *Resolver) identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		id := rand.Text()
		w.Header().Set("X-Request-Id", id)
		ctx := context.WithValue(req.Context(), requestKey{}, id)
		if !transport.IsUpgrade(req) { // a socket has many operations
			ctx = principal.WithIdempotencyKey(ctx, req.Header.Get("Idempotency-Key"))
			ctx = context.WithValue(ctx, exchangeKey{}, &exchange{w: w, r: req})
		}
		if header := req.Header.Get("Authorization"); header != "" {
			ctx = identified(ctx, r.Auth.Authenticate, bearer(header))
		} else if cookie, err := req.Cookie(sessionCookie); err == nil && ownPage(req) {
			ctx = identified(ctx, r.Auth.AuthenticateSession, cookie.Value)
		}
		next.ServeHTTP(w, req.WithContext(ctx))
	})
}

// identified adds whom a secret speaks for to ctx, or why it does not.
func identified(ctx context.Context, by func(context.Context, string) (principal.Principal, error), secret string) context.Context {
	p, err := by(ctx, secret)
	return context.WithValue(principal.With(ctx, p), refusalKey{}, err)
}

// ownPage reports whether a page of our own origin sent req. That pages of the
// applications are of the same site as ours is why SameSite says too little: a
// cookie of theirs is as none. Plain http is our own on this machine only;
// elsewhere no browser has the cookie, and who claims so sits in between.
func ownPage(req *http.Request) bool {
	origin := req.Header.Get("Origin")
	if origin == "" {
		return req.Header.Get("Sec-Fetch-Site") == "same-origin"
	}
	u, err := url.Parse(origin)
	if err != nil || !strings.EqualFold(u.Host, req.Host) {
		return false
	}
	return u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname())
}

// isLoopback reports whether browsers trust host without TLS
// (https://www.w3.org/TR/secure-contexts/#is-origin-trustworthy).
func isLoopback(host string) bool {
	host = strings.ToLower(host)
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}

// initSocket authenticates a socket by its connection_init payload, unless the
// upgrade request did so. What is refused closes the socket.
func (r *Resolver) initSocket(ctx context.Context, payload map[string]any) (context.Context, error) {
	for name, v := range payload {
		header, ok := v.(string)
		if ok && http.CanonicalHeaderKey(name) == "Authorization" {
			ctx = identified(ctx, r.Auth.Authenticate, bearer(header))
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

// refusal is the same in the words of the API.
func (r *Resolver) refusal(ctx context.Context) *fault.Error {
	if err := refusal(ctx); err != nil {
		return classify(ctx, r.Log, err, nil)
	}
	return nil
}

// signedIn refuses every operation of nobody but to sign in, on every transport,
// before the schema can be asked about. A socket may outlive the token or the
// session it was opened with, so each of its operations asks anew.
type signedIn struct{ *Resolver }

func (signedIn) ExtensionName() string                   { return "SignedIn" }
func (signedIn) Validate(graphql.ExecutableSchema) error { return nil }

func (s signedIn) MutateOperationParameters(ctx context.Context, params *graphql.RawParams) *gqlerror.Error {
	err := refusal(ctx)
	if fault.Is(err, fault.Unauthenticated) && signsIn(params.Query) {
		return nil
	}
	if err == nil && ctx.Value(socketKey{}) != nil {
		err = s.stillValid(ctx)
	}
	if err == nil {
		return nil
	}
	return transport.Present(classify(ctx, s.Log, err, nil))
}

// Bounds of a document by which nobody may ask to sign in.
const (
	maxSignIn       = 2 << 10 // bytes
	maxSignInTokens = 200
)

// signsIn reports whether a document asks for createSession, once, and for
// nothing else.
func signsIn(query string) bool {
	if len(query) > maxSignIn {
		return false
	}
	doc, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: query}, maxSignInTokens)
	if err != nil || len(doc.Operations) != 1 {
		return false
	}
	op := doc.Operations[0]
	if op.Operation != ast.Mutation || len(op.SelectionSet) != 1 {
		return false
	}
	f, ok := op.SelectionSet[0].(*ast.Field)
	return ok && f.Name == "createSession"
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
