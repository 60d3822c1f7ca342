package project

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/davitdev/davit/internal/secret"
)

// withoutValues is in with keyed hashes for its token, the values of its
// variables and what its config files hold: a plain hash of a short secret could
// be guessed.
func (s *Service) withoutValues(in NewService) NewService {
	in.Variables = slices.Clone(in.Variables)
	for i, v := range in.Variables {
		in.Variables[i].Value = s.Keys.Digest(secret.Place{Table: "idempotency_keys", Row: in.ProjectID, Field: v.Name}, v.Value)
	}
	in.Settings.ConfigFiles = slices.Clone(in.Settings.ConfigFiles)
	for i, f := range in.Settings.ConfigFiles {
		in.Settings.ConfigFiles[i].Digest = s.Keys.Digest(secret.Place{Table: "idempotency_keys", Row: in.ProjectID, Field: f.Path}, *f.Content)
	}
	if in.Access.Token != "" {
		in.Access.Token = s.Keys.Digest(secret.Place{Table: "idempotency_keys", Row: in.ProjectID, Field: "source.git.token"}, in.Access.Token)
	}
	return in
}

// withoutToken is likewise in of a change.
func (s *Service) withoutToken(in ChangeService) ChangeService {
	if in.Access.Token != "" {
		in.Access.Token = s.Keys.Digest(secret.Place{Table: "idempotency_keys", Row: in.ID, Field: "source.git.token"}, in.Access.Token)
	}
	return in
}

// withoutAsked is what an idempotency key of in stands for: a keyed hash, because
// config files may hold secrets.
func (s *Service) withoutAsked(in ChangeInstance) ([]any, error) {
	text, err := json.Marshal(in.Asked)
	if err != nil {
		return nil, fmt.Errorf("hash settings: %w", err)
	}
	return []any{in.ID, in.ExpectedVersion, s.Keys.Digest(secret.Place{Table: "idempotency_keys", Row: in.ID, Field: "settings"}, string(text))}, nil
}
