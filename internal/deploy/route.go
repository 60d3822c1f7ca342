package deploy

import (
	"context"
	"errors"
	"fmt"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/deployment"
	"github.com/davitdev/davit/ent/replica"
	"github.com/davitdev/davit/ent/serviceinstance"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/store"
)

// RoutesTopic is woken when the table of routes has changed.
const RoutesTopic = store.RoutesTopic

// Routes is what the rows say about where requests go.
type Routes struct {
	Version int64 // rises with every change
	List    []Route
	Names   []Name
}

// Route sends requests for a host and a path to replicas or to a static site.
type Route struct {
	Label        string // of the host name, below the base domain
	Path         string
	InstanceID   string
	DeploymentID string // the active one, "" if none
	Status       lifecycle.InstanceStatus
	Targets      []Target
	Bundle       string // digest of the static site that serves, "" if none does
}

// Target is a replica that may get requests.
type Target struct{ ReplicaID, Addr string }

// Name is what a service is called inside its environment.
type Name struct {
	EnvironmentID string
	Name          string
	Addrs         []string // host:port of healthy replicas
}

// Routes reads the table. Its version is read first: the content is at least
// as new.
func (s *Service) Routes(ctx context.Context) (Routes, error) {
	version, err := s.RoutesVersion(ctx)
	if err != nil {
		return Routes{}, err
	}
	out := Routes{Version: version}
	instances, err := s.DB.ServiceInstance.Query().
		WithService().
		WithRoutes(func(q *ent.RouteQuery) { q.WithDomain() }).
		WithDeployments(func(q *ent.DeploymentQuery) {
			q.Where(deployment.IsActive(true)).WithReplicas(func(q *ent.ReplicaQuery) {
				q.Where(replica.StatusEQ(lifecycle.ReplicaRunning), replica.HealthEQ(lifecycle.HealthHealthy), replica.AddrNotNil()).
					Order(replica.BySlot(), replica.ByGeneration())
			})
		}).
		Order(serviceinstance.ByID()).All(ctx)
	if err != nil {
		return Routes{}, fmt.Errorf("read routes: %w", err)
	}
	for _, i := range instances {
		if i.Edges.Service == nil { // removed between the statements: a newer version follows
			continue
		}
		var id, bundle string
		var targets []Target
		name := Name{EnvironmentID: i.EnvironmentID, Name: i.Edges.Service.Slug}
		for _, d := range i.Edges.Deployments {
			id = d.ID
			if d.Bundle != nil && !i.Stopped && !i.Deleting {
				bundle = d.Bundle.Digest
			}
			for _, r := range d.Edges.Replicas {
				targets = append(targets, Target{ReplicaID: r.ID, Addr: *r.Addr})
				name.Addrs = append(name.Addrs, *r.Addr)
			}
		}
		if i.Deleting && len(targets) == 0 { // nothing answers there any more
			continue
		}
		out.Names = append(out.Names, name)
		for _, r := range i.Edges.Routes {
			if r.Edges.Domain == nil { // as above
				continue
			}
			out.List = append(out.List, Route{
				Label: r.Edges.Domain.Hostname, Path: r.Path, InstanceID: i.ID, DeploymentID: id, Status: i.Status, Targets: targets, Bundle: bundle,
			})
		}
	}
	return out, nil
}

// RoutesVersion is that of the table now.
func (s *Service) RoutesVersion(ctx context.Context) (int64, error) {
	version, err := s.DB.Int64s(ctx, "SELECT route_version FROM installations")
	if err == nil && len(version) == 0 {
		err = errors.New("nothing is installed")
	}
	if err != nil {
		return 0, fmt.Errorf("read version of routes: %w", err)
	}
	return version[0], nil
}

// ChangeRoutes gives the table a new version though no row of it changed.
func (s *Service) ChangeRoutes(ctx context.Context) error {
	return s.DB.Tx(ctx, func(tx *store.Tx) error {
		tx.ChangeRoutes()
		return nil
	})
}

// OvertakeRoutes gives the table a version above one that it is said to have
// had, if it has not: the rows were put back. It reports whether it did. Who
// pushed that version read it here before, so rows that were not put back are
// never behind it.
func (s *Service) OvertakeRoutes(ctx context.Context, version int64) (raised bool, err error) {
	err = s.DB.Tx(ctx, func(tx *store.Tx) error {
		n, err := tx.Exec(ctx, "UPDATE installations SET route_version = ? WHERE route_version < ?", version, version)
		if err != nil {
			return fmt.Errorf("overtake routes: %w", err)
		}
		if raised = n > 0; raised {
			tx.ChangeRoutes()
		}
		return nil
	})
	return raised, err
}
