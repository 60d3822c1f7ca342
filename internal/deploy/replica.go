package deploy

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/deployment"
	"github.com/davitdev/davit/ent/replica"
	"github.com/davitdev/davit/ent/serviceinstance"
	"github.com/davitdev/davit/internal/access"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/ident"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/store"
)

// AddReplica makes the row of a new replica of a process, "" for the service
// itself, in a slot of a deployment. The row
// comes before the container: a container without one is an orphan. It fails
// with ErrOvertaken if the claim is lost, and for the claim of an instance also
// once d no longer serves there or the instance is to go.
func (s *Service) AddReplica(ctx context.Context, f Fence, d *ent.Deployment, process string, slot int) (*ent.Replica, error) {
	id := ident.New(ident.Replica)
	err := s.DB.Tx(ctx, func(tx *store.Tx) error {
		if err := s.mayAdd(ctx, tx, f, d); err != nil {
			return err
		}
		last, err := tx.Replica.Query().Where(replica.DeploymentID(d.ID), replica.Process(process), replica.Slot(slot)).Order(ent.Desc(replica.FieldGeneration)).First(ctx)
		if err != nil && !ent.IsNotFound(err) {
			return fmt.Errorf("find replicas: %w", err)
		}
		generation := 1
		if last != nil {
			generation = last.Generation + 1
		}
		err = tx.Replica.Create().SetID(id).SetProjectID(d.ProjectID).SetInstanceID(d.InstanceID).SetDeploymentID(d.ID).
			SetProcess(process).SetSlot(slot).SetGeneration(generation).SetContainerName(ContainerName(id)).Exec(ctx)
		if err != nil {
			return fmt.Errorf("create replica: %w", store.Race(err))
		}
		tx.Wake(d.ID, d.InstanceID)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return s.DB.Replica.Query().Where(replica.ID(id)).WithDeployment().Only(ctx)
}

// mayAdd locks what the replicas of d follow from and fails with ErrOvertaken
// if the claim behind f no longer allows another one.
func (s *Service) mayAdd(ctx context.Context, tx *store.Tx, f Fence, d *ent.Deployment) error {
	i, err := access.LockInstance(ctx, tx, d.InstanceID)
	if err != nil && !fault.Is(err, fault.Conflict) {
		return gone(err)
	}
	if err := f.check(ctx, tx); err != nil {
		return err
	}
	if f.table == deployment.Table {
		return nil
	}
	active, err := tx.Deployment.Query().Where(deployment.ID(d.ID), deployment.IsActive(true)).Exist(ctx)
	if err != nil {
		return fmt.Errorf("find active deployment: %w", err)
	}
	if !active || i.Deleting || i.Stopped {
		return ErrOvertaken
	}
	return nil
}

// ContainerName is the deterministic name of the container of a row: a replica,
// or what runs a command.
func ContainerName(id string) string { return "davit-" + strings.ReplaceAll(id, "_", "-") }

// NetworkName is the name of an environment's network in the engine.
func NetworkName(environmentID string) string { return ContainerName(environmentID) }

// EnvironmentOf is the reverse of NetworkName; ok is false for other networks.
func EnvironmentOf(network string) (id string, ok bool) {
	id, ok = strings.CutPrefix(network, "davit-")
	id = strings.Replace(id, "-", "_", 1)
	kind, _ := ident.KindOf(id)
	return id, ok && kind == ident.Environment
}

// SetReplica writes what set says of a replica and everything that follows
// from it: the state of the instance and, for a replica that serves, the table
// of routes. An address that it gets is taken from whoever had it. It fails
// with ErrOvertaken if the claim is lost. A replica that drains only ends,
// and one that was removed stays removed: writing anything else touches nothing and
// is no error. r becomes what the row is now.
func (s *Service) SetReplica(ctx context.Context, f Fence, r *ent.Replica, set func(*ent.ReplicaUpdate)) error {
	var now *ent.Replica
	err := s.DB.Tx(ctx, func(tx *store.Tx) error {
		if _, err := hold(ctx, tx, serviceinstance.Table, r.InstanceID); err != nil {
			return gone(err)
		}
		if err := f.check(ctx, tx); err != nil {
			return err
		}
		before, err := loadReplica(ctx, tx, r.ID)
		if err != nil {
			return err
		}
		u := tx.Replica.Update().Where(replica.ID(r.ID))
		set(u)
		if status, ok := u.Mutation().Status(); !becomes(before.Status, status, ok) {
			now = before
			return nil
		}
		if err := u.Exec(ctx); err != nil {
			return fmt.Errorf("write replica: %w", err)
		}
		if now, err = loadReplica(ctx, tx, r.ID); err != nil {
			return err
		}
		if now.Edges.Deployment.IsActive && routed(before) != routed(now) {
			tx.ChangeRoutes()
		}
		if addr, ok := u.Mutation().Addr(); ok {
			if err := evict(ctx, tx, now, addr); err != nil {
				return err
			}
		}
		tx.Wake(r.DeploymentID)
		return s.derive(ctx, tx, r.InstanceID)
	})
	if err != nil {
		return err
	}
	*r = *now
	return nil
}

// evict takes the address of a replica from others that had it before,
// whatever the port: names lead to addresses without one. An engine gives it to
// one container at a time: theirs ended, perhaps with the engine, which nobody
// has noticed yet, and requests for them must not come here. A loopback address
// is shared, and only its port is taken.
func evict(ctx context.Context, tx *store.Tx, r *ent.Replica, addr string) error {
	same := replica.Addr(addr)
	if parsed, err := netip.ParseAddrPort(addr); err == nil && !parsed.Addr().IsLoopback() {
		same = replica.AddrHasPrefix(addr[:strings.LastIndexByte(addr, ':')+1])
	}
	n, err := tx.Replica.Update().Where(same, replica.IDNEQ(r.ID), Existing).ClearAddr().Save(ctx)
	if err != nil {
		return fmt.Errorf("take the address: %w", err)
	}
	if n > 0 {
		tx.ChangeRoutes()
	}
	return nil
}

// loadReplica loads a replica with its deployment.
func loadReplica(ctx context.Context, tx *store.Tx, id string) (*ent.Replica, error) {
	r, err := tx.Replica.Query().Where(replica.ID(id)).WithDeployment().Only(ctx)
	if ent.IsNotFound(err) {
		return nil, ErrOvertaken
	}
	if err != nil {
		return nil, fmt.Errorf("load replica: %w", err)
	}
	return r, nil
}

// becomes reports whether a replica in s may be written; moves says whether
// that changes its status to the one given.
func becomes(s, to lifecycle.ReplicaStatus, moves bool) bool {
	switch {
	case s == lifecycle.ReplicaRemoved:
		return false
	case s == lifecycle.ReplicaDraining && moves:
		return to == lifecycle.ReplicaDraining || to == lifecycle.ReplicaRemoved
	default:
		return true
	}
}

// routed is the address that requests for a replica go to, "" if none do.
func routed(r *ent.Replica) string {
	if r.Status != lifecycle.ReplicaRunning || r.Health != lifecycle.HealthHealthy || r.Addr == nil {
		return ""
	}
	return *r.Addr
}
