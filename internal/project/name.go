package project

import (
	"context"
	"fmt"

	"github.com/davitdev/davit/ent/environment"
	entproject "github.com/davitdev/davit/ent/project"
	"github.com/davitdev/davit/ent/service"
	"github.com/davitdev/davit/internal/access"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/spec"
)

// NameKind says what a name is for.
type NameKind string

// The kinds of names.
const (
	NameProject     NameKind = "PROJECT"
	NameService     NameKind = "SERVICE"
	NameEnvironment NameKind = "ENVIRONMENT"
)

// Availability says whether a name can be had.
type Availability struct {
	Available  bool
	Reason     string // why not
	Suggestion string // one that can
}

// NameAvailable says whether a slug can be had in a scope: the workspace of a
// project, the project of a service or an environment.
func (s *Service) NameAvailable(ctx context.Context, kind NameKind, slug, scopeID string) (Availability, error) {
	exists, err := s.names(ctx, kind, scopeID)
	if err != nil {
		return Availability{}, err
	}
	var a Availability
	if err := spec.CheckSlug("name", slug); err != nil {
		a.Reason = err.Error()
		slug = spec.Slugify(slug)
		if slug == "" {
			return a, nil
		}
	} else {
		taken, err := exists(slug)
		if err != nil {
			return a, err
		}
		if !taken {
			return Availability{Available: true}, nil
		}
		a.Reason = fmt.Sprintf("%q is taken.", slug)
	}
	a.Suggestion, err = freeSlug("", slug, exists)
	return a, err
}

// names returns whether a slug of a kind exists in a scope the caller may see.
func (s *Service) names(ctx context.Context, kind NameKind, scopeID string) (func(string) (bool, error), error) {
	switch kind {
	case NameProject:
		if _, err := access.Workspace(ctx, s.DB.Client, access.Read, scopeID); err != nil {
			return nil, err
		}
		return func(slug string) (bool, error) {
			return s.DB.Project.Query().Where(entproject.WorkspaceID(scopeID), entproject.Slug(slug)).Exist(ctx)
		}, nil
	case NameService, NameEnvironment:
		if _, err := access.Project(ctx, s.DB.Client, access.Read, scopeID); err != nil {
			return nil, err
		}
		return func(slug string) (bool, error) {
			if kind == NameService {
				return s.DB.Service.Query().Where(service.ProjectID(scopeID), service.Slug(slug)).Exist(ctx)
			}
			return s.DB.Environment.Query().Where(environment.ProjectID(scopeID), environment.Slug(slug)).Exist(ctx)
		}, nil
	default:
		return nil, fault.At("kind", fault.Invalid, "A name is of a project, a service or an environment.")
	}
}
