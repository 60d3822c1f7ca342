package auth

import (
	"context"
	"fmt"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/claimlink"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/principal"
	"github.com/davitdev/davit/internal/store"
)

// claimAge is how long a claim link works.
const claimAge = time.Hour

// claimPrefix begins the secret of every claim link.
const claimPrefix = TokenPrefix + "clm_"

// CreateClaimLink returns the secret of a link by which one browser can sign in
// as whom the token of ctx speaks for, once and until it expires. A session
// cannot make one: it would be a way to outlive its own end. That fails with
// FORBIDDEN.
func (s *Service) CreateClaimLink(ctx context.Context) (secret string, expires time.Time, err error) {
	p, err := principal.From(ctx)
	if err != nil {
		return "", time.Time{}, err
	}
	if p.TokenID == "" || p.SessionID != "" {
		return "", time.Time{}, fault.New(fault.Forbidden, "A claim link is made with an API token, not by a session.")
	}
	secret = newSecret(claimPrefix)
	link, err := s.DB.ClaimLink.Create().SetTokenID(p.TokenID).SetHash(hash(secret)).
		SetExpiresAt(time.Now().UTC().Truncate(time.Microsecond).Add(claimAge)).Save(principal.AsSystem(ctx))
	if ent.IsConstraintError(err) { // the token was revoked meanwhile
		return "", time.Time{}, refused()
	}
	if err != nil {
		return "", time.Time{}, fmt.Errorf("create claim link: %w", err)
	}
	return secret, link.ExpiresAt, nil
}

func spent() error {
	return fault.New(fault.Unauthenticated, "This link does not work any more: it does so once, and for an hour.").
		WithHint("\"davit console\" makes another one.")
}

// claimed finds a claim link that works, and its token with its user.
func (s *Service) claimed(ctx context.Context, secret string) (*ent.ClaimLink, *ent.APIToken, error) {
	if !wellFormed(secret) {
		return nil, nil, spent()
	}
	now := time.Now().UTC()
	link, err := s.DB.ClaimLink.Query().Where(claimlink.Hash(hash(secret)), claimlink.ExpiresAtGT(now)).
		WithToken(func(q *ent.APITokenQuery) { q.WithUser() }).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, nil, spent()
	}
	if err != nil {
		return nil, nil, fmt.Errorf("find claim link: %w", err)
	}
	if expired(link.Edges.Token, now) {
		return nil, nil, spent()
	}
	return link, link.Edges.Token, nil
}

// spend uses link up; whoever comes second is refused.
func spend(ctx context.Context, tx *store.Tx, link *ent.ClaimLink) error {
	n, err := tx.ClaimLink.Delete().Where(claimlink.ID(link.ID)).Exec(ctx)
	if err == nil && n != 1 {
		return spent()
	}
	return err
}
