package graph

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/graph/model"
	"github.com/davitdev/davit/graph/transport"
	"github.com/davitdev/davit/internal/auth"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/principal"
)

// sessionCookie has the secret of a session. By its prefix browsers take it
// only from a trustworthy origin, and show it to no other host (RFC 6265bis,
// section 4.1.3.2).
const sessionCookie = "__Host-davit"

// claimPath is the page that a claim link opens.
const claimPath = "/claim"

type exchangeKey struct{}

// exchange is a request over HTTP that is being answered. Mutations of one
// operation run one after the other.
type exchange struct {
	w       http.ResponseWriter
	r       *http.Request
	session string // id of the one that began with this request
}

// exchangeOf is the exchange that ctx belongs to. On a websocket there is none,
// and so no way to set a cookie.
func exchangeOf(ctx context.Context) (*exchange, error) {
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return x, nil
	}
	return nil, fault.New(fault.BadRequest, "This sets a cookie, so it must be sent over HTTP, by POST.")
}

// remember has the browser send secret from now on, or nothing any more if that
// is "".
func (x *exchange) remember(secret string, age time.Duration) {
	c := http.Cookie{Name: sessionCookie, Value: secret, Path: "/", MaxAge: int(age.Seconds()), Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode}
	if secret == "" {
		c.MaxAge = -1
	}
	http.SetCookie(x.w, &c)
}

// visit is where x comes from.
func (x *exchange) visit() auth.Visit {
	v := auth.Visit{UserAgent: x.r.UserAgent()}
	if peer, err := netip.ParseAddrPort(x.r.RemoteAddr); err == nil {
		v.IP = peer.Addr().Unmap().WithZone("").String()
	}
	return v
}

// signIn begins a session and gives its secret to the browser, whose former one
// ends.
func (r *Resolver) signIn(ctx context.Context, claim, token *string) (*ent.LoginSession, error) {
	x, err := exchangeOf(ctx)
	if err != nil {
		return nil, err
	}
	if x.session != "" {
		return nil, fault.New(fault.BadRequest, "A request begins one session: there is one cookie.")
	}
	if x.r.Header.Get("Origin") != "" && !ownPage(x.r) {
		return nil, fault.New(fault.Forbidden, "A page of this origin cannot sign in: open the console at its own address, by https or on this machine.")
	}
	address := transport.PeerAddress(x.r)
	if token != nil {
		if err := r.attempts.allow(address); err != nil {
			return nil, err
		}
	}
	row, secret, err := r.Auth.CreateSession(ctx, claim, token, x.visit())
	if err != nil {
		if token != nil && fault.Is(err, fault.Unauthenticated) {
			r.attempts.refused(address)
		}
		return nil, err
	}
	if p, err := principal.From(ctx); err == nil && p.SessionID != "" {
		if _, err := r.Auth.EndSession(ctx); err != nil {
			return nil, err
		}
	}
	x.remember(secret, auth.SessionAge)
	x.session = row.ID
	return row, nil
}

// signOut ends the session of the browser and has it forget the secret.
func (r *Resolver) signOut(ctx context.Context) (id string, err error) {
	x, err := exchangeOf(ctx)
	if err != nil {
		return "", err
	}
	if id, err = r.Auth.EndSession(ctx); err != nil {
		return "", err
	}
	x.remember("", 0)
	return id, nil
}

// isCurrent reports whether a session is the one that asks, or has begun by
// asking.
func isCurrent(ctx context.Context, s *ent.LoginSession) bool {
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok && x.session != "" {
		return s.ID == x.session
	}
	p, err := principal.From(ctx)
	return err == nil && s.ID == p.SessionID
}

func (r *Resolver) createClaimLink(ctx context.Context, in model.CreateClaimLinkInput) (*model.CreateClaimLinkPayload, error) {
	secret, expires, err := r.Auth.CreateClaimLink(ctx)
	origin, _ := ctx.Value(originKey{}).(string)
	return &model.CreateClaimLinkPayload{ClientMutationID: in.ClientMutationID, URL: ClaimURL(origin, secret), ExpiresAt: expires}, err
}

// ClaimURL is the link by which the secret of a claim is given to the console at
// origin. What follows the # reaches no server and no log.
func ClaimURL(origin, secret string) string { return ConsoleURL(origin) + claimPath + "#" + secret }

// ConsoleURL is where to open the console of the server at origin: on this
// machine by name, which browsers trust without TLS.
func ConsoleURL(origin string) string {
	u, err := url.Parse(origin)
	if err != nil || u.Scheme != "http" {
		return origin
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil && (ip.IsLoopback() || ip.IsUnspecified()) {
		u.Host = strings.TrimSuffix(net.JoinHostPort("localhost", u.Port()), ":")
	}
	return u.String()
}
