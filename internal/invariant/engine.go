package invariant

import (
	"context"
	"fmt"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/replica"
	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/runner"
)

// The promises about what is in the engine.
const (
	noOrphan      = "Nothing of ours outlives its row in the engine."
	runsForReal   = "A replica that runs has a container that runs, at the address requests go to."
	leavesForGood = "A replica of what no longer serves is on its way out."
	notFromLater  = "A container was made by a claim that was made."
	lookAtEngine  = "Look at the server's log: it removes it within seconds, unless the engine refuses."
)

// containers compares the containers of the installation with the rows.
func (c *Checker) containers(ctx context.Context) (n int, found []Finding, err error) {
	list, err := c.Runner.List(ctx) // before the rows: a row is older than its container
	if err != nil {
		return 0, nil, err
	}
	rows, err := c.DB.Replica.Query().Where(replica.StatusNEQ(lifecycle.ReplicaRemoved)).WithDeployment().WithInstance().All(ctx)
	if err != nil {
		return 0, nil, fmt.Errorf("read replicas: %w", err)
	}
	commands, err := c.verbs().WithCommand(ctx)
	if err != nil {
		return 0, nil, err
	}
	there := make(map[string]runner.Container, len(list))
	for _, one := range list {
		there[one.Name] = one
	}
	for _, r := range rows {
		d, i := r.Edges.Deployment, r.Edges.Instance
		if d == nil || i == nil {
			continue // removed between the statements
		}
		one, exists := there[r.ContainerName]
		delete(there, r.ContainerName)
		if f, ok := replicaRuns(r, d, i, one, exists); !ok {
			found = append(found, f)
		}
		if exists && one.Epoch > max(d.Epoch, i.Epoch) {
			found = append(found, Finding{
				Rule: notFromLater, Object: one.Name, Seen: fmt.Sprintf("It is of epoch %d, and its rows are at %d and %d.", one.Epoch, d.Epoch, i.Epoch),
				Do: "The rows are older than the engine: restore a later backup of the data directory.",
			})
		}
	}
	for name, one := range there {
		if !commands[one.ReplicaID] {
			found = append(found, Finding{Rule: noOrphan, Object: name, Seen: fmt.Sprintf("The container of %s is there, and no such row lives.", one.ReplicaID), Do: lookAtEngine})
		}
	}
	return len(list) + len(rows), found, nil
}

// replicaRuns holds a live replica against its container.
func replicaRuns(r *ent.Replica, d *ent.Deployment, i *ent.ServiceInstance, one runner.Container, exists bool) (Finding, bool) {
	const look = "Look at the server's log: it starts and stops replicas within seconds, unless the engine refuses."
	stays := d.IsActive && !i.Stopped && !i.Deleting || !d.IsActive && !d.Status.Final()
	switch {
	case !stays && r.Status != lifecycle.ReplicaDraining:
		return Finding{Rule: leavesForGood, Object: r.ID, Seen: fmt.Sprintf("It is %s, and its deployment is %s.", r.Status, state(d)), Do: look}, false
	case r.Status != lifecycle.ReplicaRunning:
	case !exists || one.State != runner.Running:
		return Finding{Rule: runsForReal, Object: r.ID, Seen: "The row says RUNNING, and its container does not run.", Do: look}, false
	case r.Addr == nil && one.Addr.IsValid():
		return Finding{Rule: runsForReal, Object: r.ID, Seen: fmt.Sprintf("Requests go nowhere, and its container listens on %s.", one.Addr), Do: look}, false
	case one.Addr.IsValid() && *r.Addr != one.Addr.String():
		return Finding{Rule: runsForReal, Object: r.ID, Seen: fmt.Sprintf("Requests go to %s, and its container listens on %s.", *r.Addr, one.Addr), Do: look}, false
	}
	return Finding{}, true
}

// networks compares the networks of the installation with its environments.
func (c *Checker) networks(ctx context.Context) (n int, found []Finding, err error) {
	list, err := c.Runner.Networks(ctx)
	if err != nil {
		return 0, nil, err
	}
	environments, err := c.DB.Environment.Query().IDs(ctx)
	if err != nil {
		return 0, nil, fmt.Errorf("list environments: %w", err)
	}
	lives := make(map[string]bool, len(environments))
	for _, id := range environments {
		lives[deploy.NetworkName(id)] = true
	}
	for _, one := range list {
		if !lives[one.Name] {
			found = append(found, Finding{Rule: noOrphan, Object: one.Name, Seen: "The network is there, and its environment is not.", Do: lookAtEngine})
		}
	}
	return len(list), found, nil
}

// images compares the images that were built with the deployments that may run
// them.
func (c *Checker) images(ctx context.Context) (n int, found []Finding, err error) {
	list, err := c.Runner.Images(ctx)
	if err != nil {
		return 0, nil, err
	}
	needed, err := c.verbs().Needed(ctx)
	if err != nil {
		return 0, nil, err
	}
	for _, i := range list {
		if !needed.Images[i.ID] && !needed.UnderWay[i.Deployment] && (i.Deployment != "" || !needed.Building) {
			found = append(found, garbage(i.ID, "The image of "+i.Deployment))
		}
	}
	return len(list), found, nil
}
