package graph

import (
	"context"
	"encoding/json"

	"entgo.io/ent/dialect/sql"
	"github.com/vikstrous/dataloadgen"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/deployment"
	"github.com/davitdev/davit/ent/environment"
	"github.com/davitdev/davit/ent/event"
	"github.com/davitdev/davit/ent/predicate"
	entproject "github.com/davitdev/davit/ent/project"
	"github.com/davitdev/davit/ent/service"
	"github.com/davitdev/davit/ent/serviceinstance"
	"github.com/davitdev/davit/graph/model"
	"github.com/davitdev/davit/graph/page"
	"github.com/davitdev/davit/internal/ident"
)

// below asks for a page of the list below a parent.
type below struct {
	column string // names the parent in the rows
	parent string
	filter string // JSON of the filter's input, "" for none
	args   page.Args
}

// pages load connections of many parents at once.
type pages struct {
	projects     *dataloadgen.Loader[below, *page.Connection[*ent.Project]]
	environments *dataloadgen.Loader[below, *page.Connection[*ent.Environment]]
	services     *dataloadgen.Loader[below, *page.Connection[*ent.Service]]
	deployments  *dataloadgen.Loader[below, *page.Connection[*ent.Deployment]]
	events       *dataloadgen.Loader[below, *page.Connection[*ent.Event]]
}

func newPages(b batching, db *ent.Client) pages {
	return pages{
		projects: connections(b, db.Project.Query, projectList),
		environments: connections(b, db.Environment.Query, func(below) (page.List[*ent.Environment], error) {
			return page.List[*ent.Environment]{
				ParentOf: func(v *ent.Environment) string { return v.ProjectID },
				IDOf:     func(v *ent.Environment) string { return v.ID },
				ValueOf:  func(v *ent.Environment, _ string) any { return v.ID },
			}, nil
		}),
		services: connections(b, db.Service.Query, func(below) (page.List[*ent.Service], error) {
			return page.List[*ent.Service]{
				ParentOf: func(v *ent.Service) string { return v.ProjectID },
				IDOf:     func(v *ent.Service) string { return v.ID },
				ValueOf:  func(v *ent.Service, _ string) any { return v.ID },
			}, nil
		}),
		deployments: connections(b, db.Deployment.Query, deploymentList),
		events: connections(b, db.Event.Query, func(k below) (page.List[*ent.Event], error) {
			return page.List[*ent.Event]{
				ParentOf: func(v *ent.Event) string { return or(scopeOf(v, k.column)) },
				IDOf:     func(v *ent.Event) string { return v.ID },
				ValueOf:  func(v *ent.Event, _ string) any { return v.Seq },
			}, nil
		}),
	}
}

// connections makes a loader of pages: one query for all parents that ask for
// the same page of the same list. list describes that list.
func connections[Q page.Query[Q, P, O, A, S, T], P, O ~func(*sql.Selector), A ~func(*sql.Selector) string, S page.Scanner, T any](b batching, from func() Q, list func(below) (page.List[T], error)) *dataloadgen.Loader[below, *page.Connection[T]] {
	return newLoader(b, func(ctx context.Context, keys []below) ([]*page.Connection[T], []error) {
		groups := map[below][]string{}
		for _, k := range keys {
			parent := k.parent
			k.parent = ""
			groups[k] = append(groups[k], parent)
		}
		out, errs := make([]*page.Connection[T], len(keys)), make([]error, len(keys))
		for group, parents := range groups {
			var got map[string]*page.Connection[T]
			l, err := list(group)
			if err == nil {
				l.Parent = group.column
				got, err = page.Load(ctx, from, l, parents, group.args)
			}
			for i, k := range keys {
				parent := k.parent
				if k.parent = ""; k == group {
					out[i], errs[i] = got[parent], err
				}
			}
		}
		return out, errs
	})
}

// asKey writes the input of a filter, which may be nil, as a part of a key.
func asKey[F any](f *F) (string, error) {
	if f == nil {
		return "", nil
	}
	text, err := json.Marshal(f)
	return string(text), err
}

// fromKey is the reverse of asKey.
func fromKey[F any](text string) (*F, error) {
	if text == "" {
		return new(F), nil
	}
	f := new(F)
	return f, json.Unmarshal([]byte(text), f)
}

func deploymentList(k below) (page.List[*ent.Deployment], error) {
	f, err := fromKey[model.DeploymentFilter](k.filter)
	return page.List[*ent.Deployment]{
		ParentOf: func(v *ent.Deployment) string {
			if k.column == deployment.FieldProjectID {
				return v.ProjectID
			}
			return v.InstanceID
		},
		IDOf: func(v *ent.Deployment) string { return v.ID },
		ValueOf: func(v *ent.Deployment, by string) any {
			if by == deployment.FieldNumber {
				return v.Number
			}
			return v.ID
		},
		Filter: filterDeployments(f),
	}, err
}

func projectList(k below) (page.List[*ent.Project], error) {
	f, err := fromKey[model.ProjectFilter](k.filter)
	l := page.List[*ent.Project]{
		ParentOf: func(v *ent.Project) string { return v.WorkspaceID },
		IDOf:     func(v *ent.Project) string { return v.ID },
		ValueOf: func(v *ent.Project, by string) any {
			if by == entproject.FieldName {
				return v.Name
			}
			return v.UpdatedAt
		},
	}
	if err == nil && f.Query != nil {
		// SQLite folds letters of ASCII alone: the others are found as they are written.
		l.Filter = append(l.Filter, entproject.Or(entproject.NameContainsFold(*f.Query), entproject.NameContains(*f.Query), entproject.SlugContainsFold(*f.Query)))
	}
	return l, err
}

// newest keeps the newest deployment of each of some instances, whose rows say
// which that is.
func newest(instances []string) predicate.Deployment {
	return func(s *sql.Selector) {
		i := sql.Table(serviceinstance.Table)
		last := sql.Dialect(s.Dialect()).Select(i.C(serviceinstance.FieldID), i.C(serviceinstance.FieldLastNumber)).From(i)
		serviceinstance.IDIn(instances...)(last)
		s.Where(sql.P(func(b *sql.Builder) {
			b.Wrap(func(b *sql.Builder) { b.IdentComma(s.C(deployment.FieldInstanceID), s.C(deployment.FieldNumber)) })
			b.WriteString(" IN ").Wrap(func(b *sql.Builder) { b.Join(last) })
		}))
	}
}

// deploymentsBelow returns a page of deployments of a project or an instance,
// by age: those of an instance are numbered.
func deploymentsBelow(ctx context.Context, column, parent string, first int, after *string, f *model.DeploymentFilter, o model.DeploymentOrder) (*page.Connection[*ent.Deployment], error) {
	by := deployment.FieldID
	if column == deployment.FieldInstanceID {
		by = deployment.FieldNumber
	}
	args, err := page.New(first, after, ident.Deployment, by, o.Direction == model.OrderDirectionDesc)
	if err != nil {
		return nil, err
	}
	filter, err := asKey(f)
	if err != nil {
		return nil, err
	}
	return load(ctx).pages.deployments.Load(ctx, below{column: column, parent: parent, filter: filter, args: args})
}

func filterDeployments(f *model.DeploymentFilter) (out []func(*sql.Selector)) {
	if f.Status != nil {
		out = append(out, deployment.StatusIn(f.Status...))
	}
	if f.Conclusion != nil {
		out = append(out, deployment.ConclusionIn(f.Conclusion...))
	}
	if f.EnvironmentID != nil {
		out = append(out, deployment.EnvironmentID(*f.EnvironmentID))
	}
	if f.ServiceID != nil {
		out = append(out, deployment.ServiceID(*f.ServiceID))
	}
	if f.CreatedByID != nil {
		out = append(out, deployment.CreatedByID(*f.CreatedByID))
	}
	if f.CreatedAfter != nil {
		out = append(out, deployment.CreatedAtGTE(f.CreatedAfter.UTC()))
	}
	if f.CreatedBefore != nil {
		out = append(out, deployment.CreatedAtLT(f.CreatedBefore.UTC()))
	}
	return out
}

// projectsOf returns a page of a workspace's projects.
func projectsOf(ctx context.Context, w *ent.Workspace, first int, after *string, f *model.ProjectFilter, o model.ProjectOrder) (*page.Connection[*ent.Project], error) {
	column := map[model.ProjectOrderField]string{
		model.ProjectOrderFieldName: entproject.FieldName, model.ProjectOrderFieldCreatedAt: "id", model.ProjectOrderFieldUpdatedAt: entproject.FieldUpdatedAt,
	}[o.Field]
	args, err := page.New(first, after, ident.Project, column, o.Direction == model.OrderDirectionDesc)
	if err != nil {
		return nil, err
	}
	filter, err := asKey(f)
	if err != nil {
		return nil, err
	}
	return load(ctx).pages.projects.Load(ctx, below{column: entproject.FieldWorkspaceID, parent: w.ID, filter: filter, args: args})
}

// environmentsOf and servicesOf return pages of what a project has, oldest
// first.
func environmentsOf(ctx context.Context, p *ent.Project, first int, after *string) (*page.Connection[*ent.Environment], error) {
	args, err := page.New(first, after, ident.Environment, "id", false)
	if err != nil {
		return nil, err
	}
	return load(ctx).pages.environments.Load(ctx, below{column: environment.FieldProjectID, parent: p.ID, args: args})
}

func servicesOf(ctx context.Context, p *ent.Project, first int, after *string) (*page.Connection[*ent.Service], error) {
	args, err := page.New(first, after, ident.Service, "id", false)
	if err != nil {
		return nil, err
	}
	return load(ctx).pages.services.Load(ctx, below{column: service.FieldProjectID, parent: p.ID, args: args})
}

// eventsOf returns a page of what happened below a scope, newest first. column
// names the scope in the rows.
func eventsOf(ctx context.Context, column, id string, first int, after *string) (*page.Connection[*ent.Event], error) {
	args, err := page.New(first, after, ident.Event, event.FieldSeq, true)
	if err != nil {
		return nil, err
	}
	return load(ctx).pages.events.Load(ctx, below{column: column, parent: id, args: args})
}
