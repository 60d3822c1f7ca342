package auth

import (
	"context"
	"fmt"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/claimlink"
	"github.com/davitdev/davit/ent/loginsession"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/principal"
	"github.com/davitdev/davit/internal/store"
)

// How long a session lasts.
const (
	SessionAge  = 90 * 24 * time.Hour // at most, however much it is used
	sessionIdle = 30 * 24 * time.Hour // after it was last seen
)

// sessionPrefix begins the secret of every session.
const sessionPrefix = TokenPrefix + "ses_"

// maxUserAgent is how much is kept of what a browser says it is, in bytes.
const maxUserAgent = 256

// Visit is where a session begins, as far as that is known.
type Visit struct {
	IP, UserAgent string
}

// CreateSession signs somebody in by the secret of a claim link, which works
// once, or by an API token: exactly one of them. The session speaks for the
// token, or the one the link was made with, has its scopes, and ends with it.
// It returns the row with its user, and the secret of the session, which
// nothing else knows. What is not valid fails with UNAUTHENTICATED.
func (s *Service) CreateSession(ctx context.Context, claim, token *string, from Visit) (row *ent.LoginSession, secret string, err error) {
	ctx = principal.AsSystem(ctx)
	var link *ent.ClaimLink
	var of *ent.APIToken
	switch {
	case claim != nil && token == nil:
		link, of, err = s.claimed(ctx, *claim)
	case token != nil && claim == nil:
		of, err = s.token(ctx, *token)
	default:
		err = fault.New(fault.Invalid, "Sign in with either a claim or a token.")
	}
	if err != nil {
		return nil, "", err
	}
	secret = newSecret(sessionPrefix)
	now := time.Now().UTC().Truncate(time.Microsecond)
	err = s.DB.Tx(ctx, func(tx *store.Tx) error {
		if link != nil {
			if err := spend(ctx, tx, link); err != nil {
				return err
			}
		}
		row, err = tx.LoginSession.Create().SetUserID(of.UserID).SetTokenID(of.ID).SetHash(hash(secret)).
			SetNillableIP(known(from.IP)).SetNillableUserAgent(known(from.UserAgent)).
			SetCreatedAt(now).SetLastSeenAt(now).SetExpiresAt(ends(now, now, of)).Save(ctx)
		return err
	})
	if ent.IsConstraintError(err) { // the token was revoked meanwhile
		return nil, "", refused()
	}
	if err != nil {
		return nil, "", fmt.Errorf("create session: %w", err)
	}
	row.Edges.User = of.Edges.User
	return row, secret, nil
}

// known is what is kept of what a client says, nil of nothing.
func known(text string) *string {
	if text == "" {
		return nil
	}
	text = store.Text(text[:min(len(text), maxUserAgent)])
	return &text
}

// ends is when a session of t ends that began and was last seen at these times.
func ends(begun, last time.Time, t *ent.APIToken) time.Time {
	at := last.Add(sessionIdle)
	if most := begun.Add(SessionAge); most.Before(at) {
		at = most
	}
	if t.ExpiresAt != nil && t.ExpiresAt.Before(at) {
		at = *t.ExpiresAt
	}
	return at
}

// AuthenticateSession returns whom a session speaks for, by its secret. One
// that has ended or never was fails with UNAUTHENTICATED, always with the same
// words.
func (s *Service) AuthenticateSession(ctx context.Context, secret string) (principal.Principal, error) {
	if !wellFormed(secret) {
		return principal.Principal{}, ended()
	}
	row, err := s.seen(principal.AsSystem(ctx), s.DB.LoginSession.Query().Where(loginsession.Hash(hash(secret))).WithUser())
	if err != nil {
		return principal.Principal{}, err
	}
	p := speaking(row.Edges.Token, row.Edges.User)
	p.SessionID = row.ID
	return p, nil
}

func ended() error { return fault.New(fault.Unauthenticated, "This session has ended. Sign in again.") }

// seen finds the session of q if it has not ended, with its token, and notes
// that it was seen, once a minute at most.
func (s *Service) seen(ctx context.Context, q *ent.LoginSessionQuery) (*ent.LoginSession, error) {
	now := time.Now().UTC()
	row, err := q.Where(loginsession.ExpiresAtGT(now)).WithToken().Only(ctx)
	if ent.IsNotFound(err) {
		return nil, ended()
	}
	if err != nil {
		return nil, fmt.Errorf("find session: %w", err)
	}
	t := row.Edges.Token
	if expired(t, now) {
		return nil, ended()
	}
	if now.Sub(row.LastSeenAt) <= usedEvery {
		return row, nil
	}
	err = s.DB.LoginSession.Update().Where(loginsession.ID(row.ID), loginsession.LastSeenAtLT(now.Add(-usedEvery))).
		SetLastSeenAt(now).SetExpiresAt(ends(row.CreatedAt, now, t)).Exec(ctx)
	if err != nil {
		return nil, fmt.Errorf("note that a session was seen: %w", err)
	}
	return row, nil
}

// EndSession ends the session that ctx came with and returns its id. What it
// streams ends at once. Ending it twice is no error; who came without one is
// refused with CONFLICT.
func (s *Service) EndSession(ctx context.Context) (id string, err error) {
	p, err := principal.From(ctx)
	if err != nil {
		return "", err
	}
	if p.SessionID == "" {
		return "", fault.New(fault.Conflict, "There is no session to end: you came with an API token.")
	}
	ctx = principal.AsSystem(ctx)
	err = s.DB.Tx(ctx, func(tx *store.Tx) error {
		tx.Wake(p.SessionID)
		_, err := tx.LoginSession.Delete().Where(loginsession.ID(p.SessionID)).Exec(ctx)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("end session: %w", err)
	}
	return p.SessionID, nil
}

// Forget deletes the sessions and claim links whose time is over.
func (s *Service) Forget(ctx context.Context) error {
	ctx, now := principal.AsSystem(ctx), time.Now().UTC()
	if _, err := s.DB.LoginSession.Delete().Where(loginsession.ExpiresAtLTE(now)).Exec(ctx); err != nil {
		return fmt.Errorf("forget sessions: %w", err)
	}
	if _, err := s.DB.ClaimLink.Delete().Where(claimlink.ExpiresAtLTE(now)).Exec(ctx); err != nil {
		return fmt.Errorf("forget claim links: %w", err)
	}
	return nil
}
