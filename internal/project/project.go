// Package project holds the verbs of what a team sets up: projects,
// environments, services, variables and registry credentials. Each verb checks
// access, changes rows in one transaction and records an event. Reads do not
// come through here; resolvers query ent.
package project

import (
	"context"
	"fmt"

	"github.com/davitdev/davit/ent"
	entproject "github.com/davitdev/davit/ent/project"
	"github.com/davitdev/davit/internal/access"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/ident"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/principal"
	"github.com/davitdev/davit/internal/secret"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
)

// Service executes the verbs. All fields are required.
type Service struct {
	DB   *store.DB
	Keys *secret.Box
}

// Kinds of operations that these verbs begin; the worker carries them out.
const (
	OpDeleteProject     = "project.delete"
	OpDeleteEnvironment = "environment.delete"
	OpDeleteService     = "service.delete"
)

// maxText bounds a description, in bytes.
const maxText = 2000

// New describes a project to create. Slug may be empty: it is made of the name
// then, with a suffix if that is taken.
type New struct {
	WorkspaceID string
	Name        string
	Slug        string
	Description *string
}

// Create makes a project with one environment, "production". It fails with
// NAME_INVALID and NAME_TAKEN.
func (s *Service) Create(ctx context.Context, in New) (*ent.Project, error) {
	w, err := access.Workspace(ctx, s.DB.Client, access.Write, in.WorkspaceID)
	if err != nil {
		return nil, err
	}
	if err := checkTexts(in.Name, in.Description); err != nil {
		return nil, err
	}
	var id string
	err = s.DB.Tx(ctx, func(tx *store.Tx) error {
		id, err = tx.Once(ctx, "createProject", in, func() (string, error) { return s.create(ctx, tx, w, in) })
		return err
	})
	if err != nil {
		return nil, err
	}
	return access.Project(ctx, s.DB.Client, access.Write, id)
}

func (s *Service) create(ctx context.Context, tx *store.Tx, w *ent.Workspace, in New) (string, error) {
	slug, err := freeSlug(in.Slug, in.Name, func(slug string) (bool, error) {
		return tx.Project.Query().Where(entproject.WorkspaceID(w.ID), entproject.Slug(slug)).Exist(ctx)
	})
	if err != nil {
		return "", err
	}
	p, err := tx.Project.Create().SetWorkspaceID(w.ID).SetSlug(slug).SetName(in.Name).
		SetNillableDescription(in.Description).SetNillableCreatedByID(principal.UserID(ctx)).Save(ctx)
	if err != nil && in.Slug == "" {
		return "", store.Race(err) // somebody took it meanwhile: make another
	}
	if err != nil {
		return "", taken(err, "slug", "The workspace already has a project %q.", slug)
	}
	if _, err := tx.Environment.Create().SetProjectID(p.ID).SetSlug("production").SetName("Production").SetKind(spec.Production).Save(ctx); err != nil {
		return "", err
	}
	return p.ID, tx.Record(ctx, store.Event{
		Scope: store.Scope{WorkspaceID: w.ID, ProjectID: p.ID}, Type: "project.created", SubjectID: p.ID,
		Message: fmt.Sprintf("Project %s was created.", p.Name),
	})
}

// Change describes what of a project to change; nil keeps.
type Change struct {
	ID              string
	ExpectedVersion *int
	Name            *string
	Slug            *string
	Description     **string // pointer to nil clears
}

// Update changes a project. It fails with VERSION_CONFLICT if the project has
// another version than expected.
func (s *Service) Update(ctx context.Context, in Change) (*ent.Project, error) {
	p, err := access.Project(ctx, s.DB.Client, access.Write, in.ID)
	if err != nil {
		return nil, err
	}
	if in.Name != nil {
		if err := spec.CheckName("name", *in.Name); err != nil {
			return nil, err
		}
	}
	if in.Slug != nil {
		if err := spec.CheckSlug("slug", *in.Slug); err != nil {
			return nil, err
		}
	}
	err = s.DB.Tx(ctx, func(tx *store.Tx) error {
		u := tx.Project.Update().Where(entproject.ID(p.ID), entproject.Deleting(false)).AddVersion(1).
			SetNillableName(in.Name).SetNillableSlug(in.Slug)
		if in.ExpectedVersion != nil {
			u.Where(entproject.Version(*in.ExpectedVersion))
		}
		if in.Description != nil {
			if d := *in.Description; d == nil {
				u.ClearDescription()
			} else if err := checkDescription(d); err != nil {
				return err
			} else {
				u.SetDescription(*d)
			}
		}
		n, err := u.Save(ctx)
		if err != nil {
			return taken(err, "slug", "The workspace already has a project with this slug.")
		}
		if n == 0 {
			return stale(p.Deleting)
		}
		return tx.Record(ctx, store.Event{
			Scope: store.Scope{WorkspaceID: p.WorkspaceID, ProjectID: p.ID}, Type: "project.updated", SubjectID: p.ID,
			Message: fmt.Sprintf("Project %s was changed.", p.Name),
		})
	})
	if err != nil {
		return nil, err
	}
	return access.Project(ctx, s.DB.Client, access.Write, p.ID)
}

// Delete begins to delete a project with everything in it. confirm must be its
// slug. Deleting what is being deleted returns the operation under way.
func (s *Service) Delete(ctx context.Context, id, confirm string) (*ent.Operation, error) {
	p, err := access.Project(ctx, s.DB.Client, access.Delete, id)
	if err != nil {
		return nil, err
	}
	if confirm != p.Slug {
		return nil, fault.At("confirmSlug", fault.ConfirmationFailed, "To delete the project, type its slug %q.", p.Slug)
	}
	scope := store.Scope{WorkspaceID: p.WorkspaceID, ProjectID: p.ID}
	return s.remove(ctx, scope, OpDeleteProject, p.ID, "Project "+p.Name, func(tx *store.Tx) (int, error) {
		return tx.Project.Update().Where(entproject.ID(p.ID), entproject.Deleting(false)).SetDeleting(true).Save(ctx)
	})
}

// remove marks a row as being deleted and begins the operation that does it,
// or returns the one under way. One that failed is begun anew. mark returns 0
// if the row was marked before.
func (s *Service) remove(ctx context.Context, scope store.Scope, kind, id, what string, mark func(*store.Tx) (int, error)) (*ent.Operation, error) {
	var op *ent.Operation
	err := s.DB.Tx(ctx, func(tx *store.Tx) error {
		n, err := mark(tx)
		if err != nil {
			return err
		}
		if n == 0 {
			if op, err = underWay(ctx, tx, kind, id); err != nil || op != nil {
				return err
			}
		}
		if op, err = tx.Operate(ctx, scope, kind, id, nil); err != nil {
			return err
		}
		return tx.Record(ctx, store.Event{
			Scope: scope, Type: kind + ".requested", Severity: lifecycle.Notice, SubjectID: id,
			Message: what + " is being deleted.",
		})
	})
	if err != nil {
		return nil, err
	}
	return op.Unwrap(), nil // may be asked for more after the transaction
}

// freeSlug returns slug if it is valid, or makes one of name that nobody has.
func freeSlug(slug, name string, exists func(string) (bool, error)) (string, error) {
	if slug != "" {
		return slug, spec.CheckSlug("slug", slug)
	}
	base := spec.Slugify(name)
	if base == "" {
		return "", fault.At("slug", fault.NameInvalid, "No slug can be made of this name: say one.")
	}
	slug = base
	for {
		used, err := exists(slug)
		if err != nil || !used {
			return slug, err
		}
		slug = suffixed(base, 40)
	}
}

// suffixed appends four random characters to a slug of at most limit.
func suffixed(base string, limit int) string {
	const n = 4
	return base[:min(len(base), limit-n-1)] + "-" + ident.Short(ident.New("tmp"), n)
}

// taken turns a violated unique index into NAME_TAKEN and passes other errors
// through.
func taken(err error, field, format string, args ...any) error {
	if ent.IsConstraintError(err) {
		return fault.At(field, fault.NameTaken, format, args...).Because(err)
	}
	return err
}

// stale says why an update touched no row.
func stale(deleting bool) error {
	if deleting {
		return fault.New(fault.Conflict, "This is being deleted.")
	}
	return fault.At("expectedVersion", fault.VersionConflict, "Somebody else changed this meanwhile: load it again, then repeat the change.")
}

func checkTexts(name string, description *string) error {
	if err := spec.CheckName("name", name); err != nil {
		return err
	}
	return checkDescription(description)
}

func checkDescription(d *string) error {
	if d != nil && (len(*d) > maxText || store.Text(*d) != *d) {
		return fault.At("description", fault.Invalid, "A description has at most %d bytes, none of them NUL.", maxText)
	}
	return nil
}
