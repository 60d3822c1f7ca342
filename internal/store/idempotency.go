package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/idempotencykey"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/principal"
)

// IdempotencyWindow is how long a key makes a retry safe.
const IdempotencyWindow = 24 * time.Hour

// Once runs do unless the principal has sent the idempotency key of ctx with
// the same mutation and input before; then it returns the id that was made the
// first time. Without a key it only runs do. The same key with another
// mutation or input fails with IDEMPOTENCY_KEY_REUSED.
//
// The key is written in this transaction: it is kept exactly if what do did
// is kept. Two simultaneous requests with one key race for a unique index; the
// loser's transaction runs again and finds the winner's id.
func (tx *Tx) Once(ctx context.Context, mutation string, input any, do func() (id string, err error)) (id string, err error) {
	key := principal.IdempotencyKey(ctx)
	if key == "" {
		return do()
	}
	p, err := principal.From(ctx)
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(input)
	if err != nil {
		return "", fmt.Errorf("hash input: %w", err)
	}
	hash := digest(text)
	key = digest([]byte(key)) // it may be of any length and hold anything
	// Only Davit reads this table; the predicate is the tenant filter.
	before, err := tx.Tx.IdempotencyKey.Query().
		Where(idempotencykey.PrincipalID(p.ID()), idempotencykey.Key(key)).Only(principal.AsSystem(ctx))
	switch {
	case ent.IsNotFound(err):
	case err != nil:
		return "", fmt.Errorf("find idempotency key: %w", err)
	case time.Since(before.CreatedAt) > IdempotencyWindow:
		// Somebody else may renew it at the same moment: whoever comes second
		// finds nothing to delete, and then the other's key in the way.
		if _, err := tx.Tx.IdempotencyKey.Delete().Where(idempotencykey.ID(before.ID)).Exec(ctx); err != nil {
			return "", fmt.Errorf("renew idempotency key: %w", err)
		}
	case before.Mutation != mutation || before.RequestHash != hash:
		return "", fault.At("idempotencyKey", fault.IdempotencyKeyReused, "This idempotency key was sent with another request. Use a fresh key for each request.")
	default:
		return before.ResultID, nil
	}
	if id, err = do(); err != nil {
		return "", err
	}
	err = tx.Tx.IdempotencyKey.Create().SetPrincipalID(p.ID()).SetKey(key).SetMutation(mutation).
		SetRequestHash(hash).SetResultID(id).Exec(ctx)
	return id, Race(err)
}

func digest(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
