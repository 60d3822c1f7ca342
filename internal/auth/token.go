// Package auth knows who somebody is: it makes and checks API tokens, sessions
// and what they are claimed by, and prepares a new installation with its
// operator.
package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/apitoken"
	"github.com/davitdev/davit/ent/loginsession"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/principal"
	"github.com/davitdev/davit/internal/store"
)

// TokenPrefix begins every API token, so that scanners for leaked secrets can
// know one.
const TokenPrefix = "davit_"

// usedEvery is how precise last_used_at is: it is not written more often.
const usedEvery = time.Minute

// Service knows the people and tokens of an installation. All fields are
// required.
type Service struct {
	DB *store.DB
}

// NewToken returns a fresh secret: 160 random bits.
func NewToken() string { return newSecret(TokenPrefix) }

func newSecret(prefix string) string {
	b := make([]byte, 20)
	_, _ = rand.Read(b) // never fails
	return prefix + strings.ToLower(base32.StdEncoding.EncodeToString(b))
}

// Bounds of a token's length, in bytes.
const (
	minToken = 16
	maxToken = 256
)

func wellFormed(token string) bool { return len(token) >= minToken && len(token) <= maxToken }

// hash is what is kept of a token. A token has enough entropy to need no salt
// and no slow function.
func hash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// StillValid reports, as nil or an error, whether the token or the session a
// principal came with still speaks for it. Streams ask before every message.
func (s *Service) StillValid(ctx context.Context, p principal.Principal) error {
	ctx = principal.AsSystem(ctx)
	if p.SessionID != "" {
		_, err := s.seen(ctx, s.DB.LoginSession.Query().Where(loginsession.ID(p.SessionID)))
		return err
	}
	if p.TokenID == "" {
		return nil
	}
	ok, err := s.DB.APIToken.Query().
		Where(apitoken.ID(p.TokenID), apitoken.Or(apitoken.ExpiresAtIsNil(), apitoken.ExpiresAtGT(time.Now().UTC()))).
		Exist(ctx)
	if err != nil {
		return fmt.Errorf("find token: %w", err)
	}
	if !ok {
		return refused()
	}
	return nil
}

func refused() error {
	return fault.New(fault.Unauthenticated, "This API token is not valid or has expired.")
}

// Authenticate returns whom a token speaks for. An unknown, expired or
// malformed token fails with UNAUTHENTICATED, always with the same words.
func (s *Service) Authenticate(ctx context.Context, token string) (principal.Principal, error) {
	ctx = principal.AsSystem(ctx)
	t, err := s.token(ctx, token)
	if err != nil {
		return principal.Principal{}, err
	}
	now := time.Now().UTC()
	if t.LastUsedAt == nil || now.Sub(*t.LastUsedAt) > usedEvery {
		if err := s.DB.APIToken.Update().Where(apitoken.ID(t.ID)).SetLastUsedAt(now).Exec(ctx); err != nil {
			return principal.Principal{}, fmt.Errorf("note use of token: %w", err)
		}
	}
	return speaking(t, t.Edges.User), nil
}

// token finds a token that is valid, with its user.
func (s *Service) token(ctx context.Context, token string) (*ent.APIToken, error) {
	if !wellFormed(token) {
		return nil, refused()
	}
	t, err := s.DB.APIToken.Query().Where(apitoken.Hash(hash(token))).WithUser().Only(ctx)
	if ent.IsNotFound(err) {
		return nil, refused()
	}
	if err != nil {
		return nil, fmt.Errorf("find token: %w", err)
	}
	if expired(t, time.Now()) {
		return nil, refused()
	}
	return t, nil
}

func expired(t *ent.APIToken, now time.Time) bool {
	return t.ExpiresAt != nil && !now.Before(*t.ExpiresAt)
}

// speaking is u, for whom t speaks.
func speaking(t *ent.APIToken, u *ent.User) principal.Principal {
	p := principal.Principal{Kind: principal.User, UserID: u.ID, TokenID: t.ID, Name: u.DisplayName, PlatformAdmin: u.IsPlatformAdmin}
	for _, scope := range t.Scopes {
		p.Scopes = append(p.Scopes, principal.Scope(scope))
	}
	return p
}
