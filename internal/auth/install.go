package auth

import (
	"context"
	"fmt"
	"strings"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/apitoken"
	"github.com/davitdev/davit/ent/user"
	"github.com/davitdev/davit/ent/workspace"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/principal"
	"github.com/davitdev/davit/internal/store"
)

// Names of what every installation begins with.
const (
	DefaultWorkspace = "default"
	OperatorName     = "operator"
)

// operatorToken is the name of the token that Install keeps current.
const operatorToken = "operator token of this installation"

// Install prepares the database: the installation's id, the operator, the
// workspace "default", and token as the operator's only token of that name.
// keyCheck is a keyed hash by which another secret key is noticed. It may be
// called at every start, by several processes at once.
func (s *Service) Install(ctx context.Context, token, keyCheck string) (*ent.Installation, error) {
	if !wellFormed(token) || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, fault.At("DAVIT_ADMIN_TOKEN", fault.Invalid, "The operator token must have %d to %d letters, digits or signs, and no spaces.", minToken, maxToken)
	}
	ctx = principal.AsSystem(ctx)
	var installation *ent.Installation
	err := s.DB.Tx(ctx, func(tx *store.Tx) error {
		var err error
		if installation, err = firstInstallation(ctx, tx, keyCheck); err != nil {
			return store.Race(err)
		}
		operator, err := ensureOperator(ctx, tx)
		if err != nil {
			return store.Race(err)
		}
		return store.Race(setOperatorToken(ctx, tx, operator.ID, token))
	})
	if err != nil {
		return nil, fmt.Errorf("install: %w", err)
	}
	return installation, nil
}

// firstInstallation returns the one row, making it on an empty database, and
// keeps other processes from installing until the transaction ends.
func firstInstallation(ctx context.Context, tx *store.Tx, keyCheck string) (*ent.Installation, error) {
	if _, err := tx.Strings(ctx, "SELECT id FROM installations {lock}"); err != nil {
		return nil, fmt.Errorf("lock installation: %w", err)
	}
	i, err := tx.Installation.Query().Only(ctx)
	if ent.IsNotFound(err) {
		i, err = tx.Installation.Create().SetSingleton(1).SetKeyCheck(keyCheck).Save(ctx)
	}
	if err != nil {
		return nil, err
	}
	return i, SameKey(i.KeyCheck, keyCheck)
}

// SameKey refuses a secret key by its check, where an installation was made with
// another.
func SameKey(made, keyCheck string) error {
	if made == keyCheck {
		return nil
	}
	return fault.New(fault.Invalid, "The secret key does not belong to this database: its secrets cannot be opened with it.").
		WithHint("Restore the file secret-key of the data directory, or point --data at the directory this database was made with.")
}

func ensureOperator(ctx context.Context, tx *store.Tx) (*ent.User, error) {
	u, err := tx.User.Query().Where(user.Username(OperatorName)).Only(ctx)
	if err == nil || !ent.IsNotFound(err) {
		return u, err
	}
	if u, err = tx.User.Create().SetUsername(OperatorName).SetDisplayName("Operator").SetIsPlatformAdmin(true).Save(ctx); err != nil {
		return nil, err
	}
	w, err := tx.Workspace.Query().Where(workspace.Slug(DefaultWorkspace)).Only(ctx)
	if ent.IsNotFound(err) {
		w, err = tx.Workspace.Create().SetSlug(DefaultWorkspace).SetName("Default").Save(ctx)
	}
	if err != nil {
		return nil, err
	}
	return u, tx.Membership.Create().SetWorkspace(w).SetUser(u).SetRole(principal.Owner).Exec(ctx)
}

// setOperatorToken makes token the operator's; a former one ends.
func setOperatorToken(ctx context.Context, tx *store.Tx, operatorID, token string) error {
	_, err := tx.APIToken.Delete().Where(apitoken.UserID(operatorID), apitoken.Name(operatorToken), apitoken.HashNEQ(hash(token))).Exec(ctx)
	if err != nil {
		return err
	}
	known, err := tx.APIToken.Query().Where(apitoken.Hash(hash(token))).Exist(ctx)
	if err != nil || known {
		return err
	}
	return tx.APIToken.Create().SetUserID(operatorID).SetName(operatorToken).SetHash(hash(token)).
		SetScopes([]string{string(principal.Admin)}).Exec(ctx)
}
