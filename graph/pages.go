package graph

import (
	"context"
	"fmt"

	"entgo.io/ent/dialect/sql"
	"github.com/vikstrous/dataloadgen"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/deployment"
	"github.com/davitdev/davit/ent/environment"
	"github.com/davitdev/davit/ent/event"
	entproject "github.com/davitdev/davit/ent/project"
	"github.com/davitdev/davit/ent/service"
	"github.com/davitdev/davit/graph/model"
	"github.com/davitdev/davit/graph/page"
	"github.com/davitdev/davit/internal/lifecycle"
)

// removed is the status of a replica that is history.
const removed = lifecycle.ReplicaRemoved

// below asks for a page of the list below a parent.
type below struct {
	column string // names the parent in the rows, "" for none
	parent string
	args   page.Args
}

// pages load connections of many parents at once.
type pages struct {
	environments *dataloadgen.Loader[below, *page.Connection[*ent.Environment]]
	services     *dataloadgen.Loader[below, *page.Connection[*ent.Service]]
	deployments  *dataloadgen.Loader[below, *page.Connection[*ent.Deployment]]
}

func newPages(db *ent.Client) pages {
	return pages{
		environments: connections(db.Environment.Query, page.List[*ent.Environment]{
			ParentOf: func(v *ent.Environment) string { return v.ProjectID },
			IDOf:     func(v *ent.Environment) string { return v.ID },
			ValueOf:  func(v *ent.Environment, _ string) any { return v.ID },
		}),
		services: connections(db.Service.Query, page.List[*ent.Service]{
			ParentOf: func(v *ent.Service) string { return v.ProjectID },
			IDOf:     func(v *ent.Service) string { return v.ID },
			ValueOf:  func(v *ent.Service, _ string) any { return v.ID },
		}),
		deployments: connections(db.Deployment.Query, deploymentList(nil)),
	}
}

// connections makes a loader of pages: one query for all parents that ask for
// the same page of the same list.
func connections[Q page.Query[Q, P, O, T], P, O ~func(*sql.Selector), T any](from func() Q, list page.List[T]) *dataloadgen.Loader[below, *page.Connection[T]] {
	return dataloadgen.NewLoader(func(ctx context.Context, keys []below) ([]*page.Connection[T], []error) {
		groups := map[below][]string{}
		for _, k := range keys {
			parent := k.parent
			k.parent = ""
			groups[k] = append(groups[k], parent)
		}
		out, errs := make([]*page.Connection[T], len(keys)), make([]error, len(keys))
		for group, parents := range groups {
			l := list
			l.Parent = group.column
			got, err := page.Load(ctx, from, l, parents, group.args)
			for i, k := range keys {
				parent := k.parent
				if k.parent = ""; k == group {
					out[i], errs[i] = got[parent], err
				}
			}
		}
		return out, errs
	}, dataloadgen.WithWait(gather))
}

func deploymentList(filter []func(*sql.Selector)) page.List[*ent.Deployment] {
	return page.List[*ent.Deployment]{
		ParentOf: func(v *ent.Deployment) string { return v.InstanceID },
		IDOf:     func(v *ent.Deployment) string { return v.ID },
		ValueOf:  func(v *ent.Deployment, _ string) any { return v.ID },
		Filter:   filter,
	}
}

// newest keeps the newest deployment of each instance.
func newest(s *sql.Selector) {
	t := sql.Table(deployment.Table).As("newer")
	s.Where(sql.NotExists(sql.Select().From(t).Where(sql.And(
		sql.ColumnsEQ(t.C(deployment.FieldInstanceID), s.C(deployment.FieldInstanceID)),
		sql.ColumnsGT(t.C(deployment.FieldNumber), s.C(deployment.FieldNumber)),
	))))
}

// deploymentsBelow returns a page of deployments of a project or an instance.
func (r *Resolver) deploymentsBelow(ctx context.Context, column, parent string, first int, after *string, f *model.DeploymentFilter, o model.DeploymentOrder) (*page.Connection[*ent.Deployment], error) {
	args, err := page.New(first, after, "id", o.Direction == model.OrderDirectionDesc)
	if err != nil {
		return nil, err
	}
	if f == nil && column == deployment.FieldInstanceID {
		return load(ctx).pages.deployments.Load(ctx, below{column: column, parent: parent, args: args})
	}
	l := deploymentList(filterDeployments(f))
	l.Parent = column
	got, err := page.Load(ctx, r.DB.Deployment.Query, l, []string{parent}, args)
	return got[parent], err
}

func filterDeployments(f *model.DeploymentFilter) (out []func(*sql.Selector)) {
	if f == nil {
		return nil
	}
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
func (r *Resolver) projectsOf(ctx context.Context, w *ent.Workspace, first int, after *string, f *model.ProjectFilter, o model.ProjectOrder) (*page.Connection[*ent.Project], error) {
	column := map[model.ProjectOrderField]string{
		model.ProjectOrderFieldName: entproject.FieldName, model.ProjectOrderFieldCreatedAt: "id", model.ProjectOrderFieldUpdatedAt: entproject.FieldUpdatedAt,
	}[o.Field]
	args, err := page.New(first, after, column, o.Direction == model.OrderDirectionDesc)
	if err != nil {
		return nil, err
	}
	l := page.List[*ent.Project]{
		Parent:   entproject.FieldWorkspaceID,
		ParentOf: func(v *ent.Project) string { return v.WorkspaceID },
		IDOf:     func(v *ent.Project) string { return v.ID },
		ValueOf: func(v *ent.Project, by string) any {
			if by == entproject.FieldName {
				return v.Name
			}
			return v.UpdatedAt
		},
	}
	if f != nil && f.Query != nil {
		l.Filter = append(l.Filter, entproject.Or(entproject.NameContainsFold(*f.Query), entproject.SlugContainsFold(*f.Query)))
	}
	got, err := page.Load(ctx, r.DB.Project.Query, l, []string{w.ID}, args)
	return got[w.ID], err
}

// environmentsOf and servicesOf return pages of what a project has, oldest
// first.
func environmentsOf(ctx context.Context, p *ent.Project, first int, after *string) (*page.Connection[*ent.Environment], error) {
	args, err := page.New(first, after, "id", false)
	if err != nil {
		return nil, err
	}
	return load(ctx).pages.environments.Load(ctx, below{column: environment.FieldProjectID, parent: p.ID, args: args})
}

func servicesOf(ctx context.Context, p *ent.Project, first int, after *string) (*page.Connection[*ent.Service], error) {
	args, err := page.New(first, after, "id", false)
	if err != nil {
		return nil, err
	}
	return load(ctx).pages.services.Load(ctx, below{column: service.FieldProjectID, parent: p.ID, args: args})
}

// eventsOf returns a page of what happened below a scope, newest first. column
// names the scope in the rows.
func (r *Resolver) eventsOf(ctx context.Context, column, id string, first int, after *string) (*page.Connection[*ent.Event], error) {
	args, err := page.New(first, after, event.FieldSeq, true)
	if err != nil {
		return nil, err
	}
	l := page.List[*ent.Event]{
		Parent:   column,
		ParentOf: func(*ent.Event) string { return id },
		IDOf:     func(v *ent.Event) string { return v.ID },
		ValueOf:  func(v *ent.Event, _ string) any { return v.Seq },
	}
	got, err := page.Load(ctx, r.DB.Event.Query, l, []string{id}, args)
	if err != nil {
		return nil, fmt.Errorf("load events: %w", err)
	}
	return got[id], nil
}
