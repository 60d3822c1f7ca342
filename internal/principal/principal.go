// Package principal says who is asking. Every context that reaches a verb or a
// row carries one; code that finds none refuses to work.
package principal

import (
	"context"
	"slices"

	"github.com/davitdev/davit/internal/fault"
)

// Kind of a principal.
type Kind string

// The kinds.
const (
	User   Kind = "USER"   // a person, by session or API token
	System Kind = "SYSTEM" // Davit itself: worker, reconciler, start-up
)

// Scope bounds what an API token may do.
type Scope string

// The scopes. ADMIN includes all others.
const (
	Read    Scope = "READ"
	Write   Scope = "WRITE"
	Deploy  Scope = "DEPLOY"
	Logs    Scope = "LOGS"
	Secrets Scope = "SECRETS"
	Admin   Scope = "ADMIN"
)

// Principal is who asks. The zero value is nobody.
type Principal struct {
	Kind      Kind
	UserID    string // "usr_…" of a User
	TokenID   string // "tok_…" if an API token speaks for the user, also by a session
	SessionID string // "ses_…" if the user came with a session
	Name      string // display name
	// PlatformAdmin may see and do everything on this installation.
	PlatformAdmin bool
	Scopes        []Scope
}

// Allows reports whether the principal's token has scope s.
func (p Principal) Allows(s Scope) bool {
	return p.Kind == System || slices.Contains(p.Scopes, s) || slices.Contains(p.Scopes, Admin)
}

// ID identifies the principal in rows: a user's id, or "system".
func (p Principal) ID() string {
	if p.Kind == System {
		return "system"
	}
	return p.UserID
}

type key struct{}

// With returns ctx carrying p.
func With(ctx context.Context, p Principal) context.Context { return context.WithValue(ctx, key{}, p) }

// AsSystem returns ctx speaking for Davit itself. Only main, the worker and
// tests call it; no request ever gets it.
func AsSystem(ctx context.Context) context.Context {
	return With(ctx, Principal{Kind: System, Name: "Davit"})
}

// HowToSignIn says to a program how a request names who asks.
const HowToSignIn = "Send an API token as \"Authorization: Bearer …\"."

// From returns the principal of ctx, or UNAUTHENTICATED.
func From(ctx context.Context) (Principal, error) {
	p, ok := ctx.Value(key{}).(Principal)
	if !ok || p.Kind == "" {
		return Principal{}, fault.New(fault.Unauthenticated, "Sign in first.").WithHint(HowToSignIn)
	}
	return p, nil
}

// UserID is the id of the user who asks, nil for Davit itself and for nobody.
func UserID(ctx context.Context) *string {
	p, err := From(ctx)
	if err != nil || p.Kind != User {
		return nil
	}
	return &p.UserID
}

type idempotency struct{}

// WithIdempotencyKey returns ctx carrying the key by which a retry of the
// request is recognised. An empty key carries nothing.
func WithIdempotencyKey(ctx context.Context, key string) context.Context {
	if key == "" {
		return ctx
	}
	return context.WithValue(ctx, idempotency{}, key)
}

// IdempotencyKey returns the key of ctx, "" if there is none.
func IdempotencyKey(ctx context.Context) string {
	key, _ := ctx.Value(idempotency{}).(string)
	return key
}
