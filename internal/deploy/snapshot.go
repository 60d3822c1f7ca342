package deploy

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/registrycredential"
	"github.com/davitdev/davit/ent/variable"
	"github.com/davitdev/davit/ent/variableversion"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/secret"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
)

// snapshot lists the versions of the variables an instance would get now, by
// name: those of the project, over which the environment's and then the
// instance's own win.
func snapshot(ctx context.Context, tx *store.Tx, i *ent.ServiceInstance) ([]spec.VariableRef, error) {
	all, err := tx.Variable.Query().
		Where(variable.TargetIDIn(i.ProjectID, i.EnvironmentID, i.ID), variable.RemovedAtIsNil(), variable.CurrentIDNotNil()).
		All(ctx)
	if err != nil {
		return nil, fmt.Errorf("list variables: %w", err)
	}
	rank := map[spec.Scope]int{spec.ScopeProject: 0, spec.ScopeEnvironment: 1, spec.ScopeService: 2}
	slices.SortFunc(all, func(a, b *ent.Variable) int { return rank[a.Scope] - rank[b.Scope] })
	byName := map[string]spec.VariableRef{}
	for _, v := range all {
		byName[v.Name] = spec.VariableRef{
			VersionID: *v.CurrentID, Name: v.Name, Digest: v.Digest, Scope: v.Scope,
			Secret: v.Secret, Build: v.Build, Runtime: v.Runtime,
		}
	}
	out := make([]spec.VariableRef, 0, len(byName))
	for _, ref := range byName {
		out = append(out, ref)
	}
	slices.SortFunc(out, func(a, b spec.VariableRef) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// Env is what a deployment's program or build gets, and which of the values
// must never be shown.
type Env struct {
	Values  map[string]string
	Secrets []string
}

// OpenVariables opens the values of refs that use selects. Only the worker
// calls it.
func (s *Service) OpenVariables(ctx context.Context, refs []spec.VariableRef, use func(spec.VariableRef) bool) (Env, error) {
	env := Env{Values: map[string]string{}}
	byVersion := map[string]spec.VariableRef{}
	ids := []string{}
	for _, ref := range refs {
		if use(ref) {
			byVersion[ref.VersionID] = ref
			ids = append(ids, ref.VersionID)
		}
	}
	if len(ids) == 0 {
		return env, nil
	}
	versions, err := s.DB.VariableVersion.Query().Where(variableversion.IDIn(ids...)).All(ctx)
	if err != nil {
		return env, fmt.Errorf("load variables: %w", err)
	}
	if len(versions) != len(ids) {
		return env, fault.New(fault.Conflict, "A variable of this deployment is no longer kept: deploy anew.")
	}
	for _, v := range versions {
		value, err := s.Keys.Open(secret.VariablePlace(v.VariableID), v.Sealed)
		if err != nil {
			return env, err
		}
		ref := byVersion[v.ID]
		env.Values[ref.Name] = value
		if ref.Secret {
			env.Secrets = append(env.Secrets, value)
		}
	}
	return env, nil
}

// OpenVersions opens values, for whoever has to hide them.
func (s *Service) OpenVersions(versions []*ent.VariableVersion) ([]string, error) {
	out := make([]string, len(versions))
	for i, v := range versions {
		value, err := s.Keys.Open(secret.Place{Table: "variables", Row: v.VariableID, Field: "value"}, v.Sealed)
		if err != nil {
			return nil, err
		}
		out[i] = value
	}
	return out, nil
}

// Login opens a registry.
type Login struct{ Username, Password string }

// OpenCredential returns what opens the registry of an image: the credential
// its source names, else the workspace's for its host, else nil. None goes to
// another host than its own.
func (s *Service) OpenCredential(ctx context.Context, workspaceID string, src *spec.ImageSource) (*Login, error) {
	if src == nil {
		return nil, nil //nolint:nilnil // what was built here needs none
	}
	host := spec.ImageHost(src.Image)
	q := s.DB.RegistryCredential.Query().Where(registrycredential.WorkspaceID(workspaceID), registrycredential.Host(host))
	if src.CredentialID != "" {
		q.Where(registrycredential.ID(src.CredentialID))
	}
	c, err := q.Only(ctx)
	if ent.IsNotFound(err) && src.CredentialID != "" {
		return nil, fault.New(fault.ImageUnauthorized, "The registry credential of this service was removed, or is not for %s.", host).
			WithHint("Store it again, or name another one.")
	}
	if ent.IsNotFound(err) {
		return nil, nil //nolint:nilnil // a public image
	}
	if err != nil {
		return nil, fmt.Errorf("find registry credential: %w", err)
	}
	password, err := s.Keys.Open(secret.RegistryPlace(c.ID), c.Password)
	if err != nil {
		return nil, err
	}
	if err := s.DB.RegistryCredential.Update().Where(registrycredential.ID(c.ID)).SetLastUsedAt(clock()).Exec(ctx); err != nil {
		return nil, fmt.Errorf("note use of credential: %w", err)
	}
	return &Login{Username: c.Username, Password: password}, nil
}
