package project

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/variable"
	"github.com/davitdev/davit/internal/access"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/ident"
	"github.com/davitdev/davit/internal/principal"
	"github.com/davitdev/davit/internal/secret"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
)

// Bounds of variables.
const (
	maxVariables  = 500      // of one target
	maxValueBytes = 64 << 10 // of one value
)

// Target names what variables belong to: exactly one field is set.
type Target struct{ ProjectID, EnvironmentID, InstanceID string }

// Value is a variable to set.
type Value struct {
	Name    string
	Value   string
	Secret  bool
	Build   bool
	Runtime bool
}

// SetVariables sets variables of a target: new ones are made, changed ones get
// a version, equal ones stay as they are. With replaceAll every variable that
// is not named is unset. It returns the variables of the target by name. They
// count from the next deployment on.
func (s *Service) SetVariables(ctx context.Context, t Target, values []Value, replaceAll bool) ([]*ent.Variable, error) {
	at, err := s.target(ctx, t)
	if err != nil {
		return nil, err
	}
	if err := checkValues(values); err != nil {
		return nil, err
	}
	err = s.DB.Tx(ctx, func(tx *store.Tx) error {
		if _, err := lock(ctx, tx, at.projectID); err != nil {
			return err
		}
		before, err := inForce(ctx, tx, at.id)
		if err != nil {
			return err
		}
		changed := []string{}
		for _, v := range values {
			did, err := s.set(ctx, tx, at, before[v.Name], v)
			if err != nil {
				return err
			}
			if did {
				changed = append(changed, v.Name)
			}
			delete(before, v.Name)
		}
		if replaceAll {
			for name, v := range before {
				if err := unset(ctx, tx, v); err != nil {
					return err
				}
				changed = append(changed, name)
			}
		} else if len(before)+len(values) > maxVariables {
			return tooMany()
		}
		return recordVariables(ctx, tx, at, changed)
	})
	if err != nil {
		return nil, err
	}
	return s.DB.Variable.Query().Where(variable.TargetID(at.id), variable.RemovedAtIsNil()).Order(variable.ByName()).All(ctx)
}

// UnsetVariables unsets variables of a target by name and returns the names
// that were set.
func (s *Service) UnsetVariables(ctx context.Context, t Target, names []string) ([]string, error) {
	at, err := s.target(ctx, t)
	if err != nil {
		return nil, err
	}
	removed := []string{}
	err = s.DB.Tx(ctx, func(tx *store.Tx) error {
		removed = removed[:0]
		if _, err := lock(ctx, tx, at.projectID); err != nil {
			return err
		}
		before, err := inForce(ctx, tx, at.id)
		if err != nil {
			return err
		}
		for _, name := range names {
			v := before[name]
			if v == nil {
				continue
			}
			if err := unset(ctx, tx, v); err != nil {
				return err
			}
			delete(before, name)
			removed = append(removed, name)
		}
		return recordVariables(ctx, tx, at, removed)
	})
	if err != nil {
		return nil, err
	}
	return removed, nil
}

// set writes one variable and reports whether anything changed.
func (s *Service) set(ctx context.Context, tx *store.Tx, at target, old *ent.Variable, v Value) (bool, error) {
	id := ident.New(ident.Variable)
	if old != nil {
		id = old.ID
	}
	digest := s.Keys.Digest(secret.VariablePlace(id), v.Value)
	if old != nil && old.Digest == digest && old.Secret == v.Secret && old.Build == v.Build && old.Runtime == v.Runtime {
		return false, nil
	}
	if old != nil && old.Secret && !v.Secret {
		return false, fault.At("variables", fault.Conflict, "%s is a secret and stays one: unset it first to set it as a plain variable.", v.Name)
	}
	if old == nil {
		err := tx.Variable.Create().SetID(id).SetProjectID(at.projectID).SetScope(at.kind).SetTargetID(at.id).
			SetNillableEnvironmentID(at.environmentID).SetNillableInstanceID(at.instanceID).SetName(v.Name).Exec(ctx)
		if err != nil {
			return false, fmt.Errorf("create variable: %w", store.Race(err))
		}
	}
	number := 1
	if old != nil {
		number = old.Version + 1
	}
	sealed, err := s.Keys.Seal(secret.VariablePlace(id), v.Value)
	if err != nil {
		return false, err
	}
	version, err := tx.VariableVersion.Create().SetProjectID(at.projectID).SetVariableID(id).SetNumber(number).SetSealed(sealed).Save(ctx)
	if err != nil {
		return false, fmt.Errorf("create variable version: %w", store.Race(err))
	}
	n, err := tx.Variable.Update().Where(variable.ID(id), variable.Version(number-1)).
		SetVersion(number).SetCurrentID(version.ID).SetDigest(digest).SetSecret(v.Secret).SetBuild(v.Build).SetRuntime(v.Runtime).
		SetNillableUpdatedByID(principal.UserID(ctx)).Save(ctx)
	if err == nil && n == 0 {
		err = fault.New(fault.VersionConflict, "Somebody else set %s at the same moment: try again.", v.Name)
	}
	return true, err
}

// unset takes a variable out of force. Its versions stay while a deployment
// can be rolled back to them.
func unset(ctx context.Context, tx *store.Tx, v *ent.Variable) error {
	_, err := tx.Variable.Update().Where(variable.ID(v.ID), variable.RemovedAtIsNil()).SetRemovedAt(time.Now().UTC().Truncate(time.Microsecond)).Save(ctx)
	if err != nil {
		return fmt.Errorf("unset variable: %w", err)
	}
	return nil
}

// target is a Target whose caller may change its variables.
type target struct {
	id                        string
	kind                      spec.Scope
	projectID                 string
	environmentID, instanceID *string
	scope                     store.Scope
}

func (s *Service) target(ctx context.Context, t Target) (target, error) {
	switch {
	case t.InstanceID != "":
		i, err := access.Instance(ctx, s.DB.Client, access.Write, t.InstanceID)
		if err != nil {
			return target{}, err
		}
		return target{id: i.ID, kind: spec.ScopeService, projectID: i.ProjectID, instanceID: &i.ID, scope: store.InstanceScope(i)}, nil
	case t.EnvironmentID != "":
		e, err := access.Environment(ctx, s.DB.Client, access.Write, t.EnvironmentID)
		if err != nil {
			return target{}, err
		}
		return target{id: e.ID, kind: spec.ScopeEnvironment, projectID: e.ProjectID, environmentID: &e.ID, scope: store.Scope{
			WorkspaceID: e.Edges.Project.WorkspaceID, ProjectID: e.ProjectID, EnvironmentID: e.ID,
		}}, nil
	default:
		p, err := access.Project(ctx, s.DB.Client, access.Write, t.ProjectID)
		if err != nil {
			return target{}, err
		}
		return target{id: p.ID, kind: spec.ScopeProject, projectID: p.ID, scope: store.Scope{WorkspaceID: p.WorkspaceID, ProjectID: p.ID}}, nil
	}
}

// inForce returns the variables of a target by name.
func inForce(ctx context.Context, tx *store.Tx, targetID string) (map[string]*ent.Variable, error) {
	all, err := tx.Variable.Query().Where(variable.TargetID(targetID), variable.RemovedAtIsNil()).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("list variables: %w", err)
	}
	out := make(map[string]*ent.Variable, len(all))
	for _, v := range all {
		out[v.Name] = v
	}
	return out, nil
}

func recordVariables(ctx context.Context, tx *store.Tx, at target, names []string) error {
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	return tx.Record(ctx, store.Event{
		Scope: at.scope, Type: "variables.changed", SubjectID: at.id,
		Message: "Variables were changed: " + strings.Join(names, ", ") + ".",
	})
}

func tooMany() error {
	return fault.At("variables", fault.Invalid, "At most %d variables are allowed here.", maxVariables)
}

func checkValues(values []Value) error {
	if len(values) > maxVariables {
		return tooMany()
	}
	seen := map[string]bool{}
	for i, v := range values {
		field := fmt.Sprintf("variables.%d", i)
		if err := spec.CheckVariable(field+".name", v.Name); err != nil {
			return err
		}
		if seen[v.Name] {
			return fault.At(field+".name", fault.Invalid, "%s is set twice.", v.Name)
		}
		seen[v.Name] = true
		if len(v.Value) > maxValueBytes || strings.ContainsRune(v.Value, 0) {
			return fault.At(field+".value", fault.Invalid, "The value of %s is over %d bytes or has a NUL byte.", v.Name, maxValueBytes)
		}
		if !v.Build && !v.Runtime {
			return fault.At(field+".usedAt", fault.Invalid, "%s would be used nowhere: say BUILD, RUNTIME or both.", v.Name)
		}
	}
	return nil
}

// Reveal opens the value of a variable that is no secret.
func (s *Service) Reveal(v *ent.Variable, version *ent.VariableVersion) (string, error) {
	if v.Secret || version.VariableID != v.ID {
		return "", fault.New(fault.Forbidden, "The value of a secret is never shown.")
	}
	return s.Keys.Open(secret.VariablePlace(v.ID), version.Sealed)
}
