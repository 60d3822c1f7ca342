package project

import (
	"context"
	"fmt"
	"slices"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/environment"
	"github.com/davitdev/davit/ent/service"
	"github.com/davitdev/davit/internal/access"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
)

// NewEnvironment describes an environment to create.
type NewEnvironment struct {
	ProjectID   string
	Name        string
	Kind        spec.EnvironmentKind
	Concurrency lifecycle.Policy
	Color       *string
}

// CreateEnvironment makes an environment in which every service of the project
// has an instance, not deployed. It fails with NAME_INVALID and NAME_TAKEN.
func (s *Service) CreateEnvironment(ctx context.Context, in NewEnvironment) (*ent.Environment, error) {
	p, err := access.Project(ctx, s.DB.Client, access.Write, in.ProjectID)
	if err != nil {
		return nil, err
	}
	if err := checkEnvironment(&in.Name, in.Color); err != nil {
		return nil, err
	}
	var id string
	err = s.DB.Tx(ctx, func(tx *store.Tx) error {
		p, err := lock(ctx, tx, p.ID)
		if err != nil {
			return err
		}
		id, err = tx.Once(ctx, "createEnvironment", in, func() (string, error) { return s.createEnvironment(ctx, tx, p, in) })
		return err
	})
	if err != nil {
		return nil, err
	}
	return access.Environment(ctx, s.DB.Client, access.Write, id)
}

func (s *Service) createEnvironment(ctx context.Context, tx *store.Tx, p *ent.Project, in NewEnvironment) (string, error) {
	slug := spec.Slugify(in.Name)
	if err := spec.CheckSlug("name", slug); err != nil {
		return "", err
	}
	e, err := tx.Environment.Create().SetProjectID(p.ID).SetSlug(slug).SetName(in.Name).SetKind(in.Kind).
		SetConcurrency(in.Concurrency).SetNillableColor(in.Color).Save(ctx)
	if err != nil {
		return "", taken(err, "name", "The project already has an environment of this name.")
	}
	services, err := tx.Service.Query().Where(service.ProjectID(p.ID), service.Deleting(false)).All(ctx)
	if err != nil {
		return "", fmt.Errorf("list services: %w", err)
	}
	for _, svc := range services {
		if _, err := s.addInstance(ctx, tx, p, svc, e, spec.Settings{}, 1); err != nil {
			return "", err
		}
	}
	return e.ID, tx.Record(ctx, store.Event{
		Scope: store.Scope{WorkspaceID: p.WorkspaceID, ProjectID: p.ID, EnvironmentID: e.ID}, Type: "environment.created", SubjectID: e.ID,
		Message: fmt.Sprintf("Environment %s was created.", e.Name),
	})
}

// ChangeEnvironment describes what of an environment to change; nil keeps.
type ChangeEnvironment struct {
	ID              string
	ExpectedVersion *int
	Name            *string
	Concurrency     *lifecycle.Policy
	Color           *string
}

// UpdateEnvironment changes an environment. Its slug, and with it host names,
// stay.
func (s *Service) UpdateEnvironment(ctx context.Context, in ChangeEnvironment) (*ent.Environment, error) {
	e, err := access.Environment(ctx, s.DB.Client, access.Write, in.ID)
	if err != nil {
		return nil, err
	}
	if err := checkEnvironment(in.Name, in.Color); err != nil {
		return nil, err
	}
	err = s.DB.Tx(ctx, func(tx *store.Tx) error {
		u := tx.Environment.Update().Where(environment.ID(e.ID), environment.Deleting(false)).AddVersion(1).
			SetNillableName(in.Name).SetNillableConcurrency(in.Concurrency).SetNillableColor(in.Color)
		if in.ExpectedVersion != nil {
			u.Where(environment.Version(*in.ExpectedVersion))
		}
		n, err := u.Save(ctx)
		if err != nil {
			return err
		}
		if n == 0 {
			return stale(e.Deleting)
		}
		return tx.Record(ctx, store.Event{
			Scope: store.Scope{WorkspaceID: e.Edges.Project.WorkspaceID, ProjectID: e.ProjectID, EnvironmentID: e.ID},
			Type:  "environment.updated", SubjectID: e.ID, Message: fmt.Sprintf("Environment %s was changed.", e.Name),
		})
	})
	if err != nil {
		return nil, err
	}
	return access.Environment(ctx, s.DB.Client, access.Write, e.ID)
}

// DeleteEnvironment begins to delete an environment and what runs in it.
func (s *Service) DeleteEnvironment(ctx context.Context, id string) (*ent.Operation, error) {
	e, err := access.Environment(ctx, s.DB.Client, access.Delete, id)
	if err != nil {
		return nil, err
	}
	scope := store.Scope{WorkspaceID: e.Edges.Project.WorkspaceID, ProjectID: e.ProjectID, EnvironmentID: e.ID}
	return s.remove(ctx, scope, OpDeleteEnvironment, e.ID, "Environment "+e.Name, func(tx *store.Tx) (int, error) {
		return tx.Environment.Update().Where(environment.ID(e.ID), environment.Deleting(false)).SetDeleting(true).Save(ctx)
	})
}

// colors are what a client may show an environment in.
var colors = []string{"gray", "red", "orange", "yellow", "green", "teal", "blue", "purple", "pink"}

func checkEnvironment(name, color *string) error {
	if name != nil {
		if err := spec.CheckName("name", *name); err != nil {
			return err
		}
	}
	if color != nil && !slices.Contains(colors, *color) {
		return fault.At("color", fault.Invalid, "A color is one of %v.", colors)
	}
	return nil
}
