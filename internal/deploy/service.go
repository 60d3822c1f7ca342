package deploy

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/deployment"
	"github.com/davitdev/davit/ent/replica"
	"github.com/davitdev/davit/ent/serviceinstance"
	"github.com/davitdev/davit/internal/access"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/ident"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
)

// Kinds of operations on what runs.
const (
	OpRestart = "service.restart"
	OpStop    = "service.stop"
	OpStart   = "service.start"
)

// Scale changes how many replicas of an instance should run, or of a process
// beside it. To run none of the service itself, stop it. A static
// site has none: CONFLICT.
func (s *Service) Scale(ctx context.Context, id, process string, replicas int) (*ent.ServiceInstance, error) {
	i, err := access.Instance(ctx, s.DB.Client, access.Deploy, id)
	if err != nil {
		return nil, err
	}
	if process == spec.MainProcess {
		process = ""
	}
	if process == "" && i.Edges.Service.Kind == spec.Cron {
		return nil, fault.At("replicas", fault.Invalid, "A cron service has no replicas: it runs when it is due.")
	}
	least := 1
	if process != "" {
		least = 0
		names, err := processNames(ctx, s.DB.Client, i)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(names, process) {
			return nil, fault.At("process", fault.Invalid, "The service has no such process. It has %s.", strings.Join(names, ", "))
		}
	}
	if replicas < least || replicas > spec.MaxReplicas {
		return nil, fault.At("replicas", fault.Invalid, "Between %d and %d replicas can run. To run none, stop the service.", least, spec.MaxReplicas)
	}
	err = s.DB.Tx(ctx, func(tx *store.Tx) error {
		i, err := access.LockInstance(ctx, tx, id)
		if err != nil {
			return err
		}
		_, err = tx.Once(ctx, "scale", []any{id, process, replicas}, func() (string, error) {
			if err := hasReplicas(ctx, tx, i); err != nil {
				return "", err
			}
			return id, s.scale(ctx, tx, i, process, replicas)
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return access.Instance(ctx, s.DB.Client, access.Deploy, id)
}

func (s *Service) scale(ctx context.Context, tx *store.Tx, i *ent.ServiceInstance, process string, replicas int) error {
	now, what := i.ReplicaCount, i.Edges.Service.Name
	scaled := maps.Clone(i.ProcessReplicas)
	if process != "" {
		n, said := scaled[process]
		if now, what = n, process+" of "+what; !said {
			now = -1
		}
		if scaled == nil {
			scaled = map[string]int{}
		}
		scaled[process] = replicas
	}
	if now == replicas {
		return nil
	}
	err := s.want(ctx, tx, i, func(u *ent.ServiceInstanceUpdate) {
		u.AddVersion(1)
		if process == "" {
			u.SetReplicaCount(replicas)
		} else {
			u.SetProcessReplicas(scaled)
		}
	})
	if err != nil {
		return err
	}
	return tx.Record(ctx, store.Event{
		Scope: store.InstanceScope(i), Type: "service.scaled", SubjectID: i.ID,
		Message: fmt.Sprintf("%s in %s was scaled to %d replicas.", what, i.Edges.Environment.Name, replicas),
	})
}

// Restart replaces the replicas of an instance one by one without dropping a
// request; with replicaID only that one. A static site has none: CONFLICT.
func (s *Service) Restart(ctx context.Context, id, replicaID string) (*ent.Operation, error) {
	return s.operate(ctx, []string{id, replicaID}, OpRestart, "is being restarted", func(tx *store.Tx, i *ent.ServiceInstance) error {
		if i.Stopped {
			return fault.New(fault.Conflict, "The service is stopped: start it instead.")
		}
		if err := hasReplicas(ctx, tx, i); err != nil {
			return err
		}
		u := tx.Replica.Update().Where(replica.InstanceID(i.ID), Existing, replica.StatusNEQ(lifecycle.ReplicaDraining),
			replica.HasDeploymentWith(deployment.IsActive(true)))
		if replicaID != "" {
			if !ident.Is(replicaID, ident.Replica) {
				return access.Missing()
			}
			u.Where(replica.ID(replicaID))
		}
		n, err := u.SetReplace(true).SetDueAt(0).Save(ctx)
		if err != nil {
			return fmt.Errorf("mark replicas: %w", err)
		}
		if n == 0 && replicaID != "" {
			return access.Missing()
		}
		return s.want(ctx, tx, i, nil)
	})
}

// hasReplicas fails with CONFLICT for a static site.
func hasReplicas(ctx context.Context, tx *store.Tx, i *ent.ServiceInstance) error {
	is := i.Edges.Service.Kind == spec.StaticSite
	if !is {
		var err error
		is, err = tx.Deployment.Query().Where(deployment.InstanceID(i.ID), deployment.IsActive(true), deployment.BundleNotNil()).Exist(ctx)
		if err != nil {
			return fmt.Errorf("find active deployment: %w", err)
		}
	}
	if is {
		return fault.New(fault.Conflict, "A static site has no replicas: its files are served by the proxy itself, to any number of visitors.")
	}
	return nil
}

// Stop drains and stops all replicas of an instance. What it would run stays
// known: Start brings it back.
func (s *Service) Stop(ctx context.Context, id string) (*ent.Operation, error) {
	return s.operate(ctx, []string{id}, OpStop, "is being stopped", func(tx *store.Tx, i *ent.ServiceInstance) error {
		return s.want(ctx, tx, i, func(u *ent.ServiceInstanceUpdate) { u.SetStopped(true).AddVersion(1) })
	})
}

// Start runs a stopped instance again.
func (s *Service) Start(ctx context.Context, id string) (*ent.Operation, error) {
	return s.operate(ctx, []string{id}, OpStart, "is being started", func(tx *store.Tx, i *ent.ServiceInstance) error {
		return s.want(ctx, tx, i, func(u *ent.ServiceInstanceUpdate) { u.SetStopped(false).AddVersion(1) })
	})
}

// operate begins an operation on a deployed instance, the first of the ids that
// it is about.
func (s *Service) operate(ctx context.Context, about []string, kind, what string, change func(*store.Tx, *ent.ServiceInstance) error) (*ent.Operation, error) {
	if _, err := access.Instance(ctx, s.DB.Client, access.Deploy, about[0]); err != nil {
		return nil, err
	}
	var id string
	err := s.DB.Tx(ctx, func(tx *store.Tx) error {
		i, err := access.LockInstance(ctx, tx, about[0])
		if err != nil {
			return err
		}
		id, err = tx.Once(ctx, kind, about, func() (string, error) {
			active, err := tx.Deployment.Query().Where(deployment.InstanceID(i.ID), deployment.IsActive(true)).Exist(ctx)
			if err != nil {
				return "", fmt.Errorf("find active deployment: %w", err)
			}
			if !active {
				return "", fault.New(fault.Conflict, "The service is not deployed here yet: deploy it first.")
			}
			if err := change(tx, i); err != nil {
				return "", err
			}
			op, err := tx.Operate(ctx, store.InstanceScope(i), kind, i.ID, nil)
			if err != nil {
				return "", err
			}
			return op.ID, tx.Record(ctx, store.Event{
				Scope: store.InstanceScope(i), Type: kind + ".requested", SubjectID: i.ID,
				Message: fmt.Sprintf("%s in %s %s.", i.Edges.Service.Name, i.Edges.Environment.Name, what),
			})
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return access.Operation(ctx, s.DB.Client, access.Deploy, id)
}

// want changes what should run and rings for it.
func (s *Service) want(ctx context.Context, tx *store.Tx, i *ent.ServiceInstance, set func(*ent.ServiceInstanceUpdate)) error {
	u := tx.ServiceInstance.Update().Where(serviceinstance.ID(i.ID)).SetDirty(true).SetDueAt(0)
	if set != nil {
		set(u)
	}
	if err := u.Exec(ctx); err != nil {
		return fmt.Errorf("change instance: %w", err)
	}
	if err := s.derive(ctx, tx, i.ID); err != nil {
		return err
	}
	return tx.Ring(ctx, TaskConverge, i.ID)
}
