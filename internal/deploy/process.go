package deploy

import (
	"context"
	"fmt"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/deployment"
	"github.com/davitdev/davit/internal/spec"
)

// Share is how many replicas of a process should run.
type Share struct {
	Process  string // "": the service itself
	Replicas int
}

// Shares are what should run of a deployment on an instance: the service itself
// first, then its processes by name. Of a static site nothing runs.
func Shares(i *ent.ServiceInstance, d *ent.Deployment) []Share {
	if d.Bundle != nil {
		return nil
	}
	out := []Share{{"", i.ReplicaCount}}
	for _, run := range d.Settings.Runs(d.Image) {
		n := run.Replicas
		if scaled, ok := i.ProcessReplicas[run.Name]; ok {
			n = scaled
		}
		out = append(out, Share{run.Name, n})
	}
	return out
}

// SharesOf are the shares of a deployment as they are now.
func (s *Service) SharesOf(ctx context.Context, d *ent.Deployment) ([]Share, error) {
	i, err := s.DB.ServiceInstance.Get(ctx, d.InstanceID)
	if err != nil {
		return nil, fmt.Errorf("load instance: %w", err)
	}
	return Shares(i, d), nil
}

// ReplicaName is what people call a replica of an instance.
func ReplicaName(r *ent.Replica) string {
	if r.Process == "" {
		return fmt.Sprintf("Replica %d", r.Slot)
	}
	return fmt.Sprintf("Replica %d of %s", r.Slot, r.Process)
}

// processNames are the processes that an instance can be scaled by: those of
// what serves and of what its settings say.
func processNames(ctx context.Context, db *ent.Client, i *ent.ServiceInstance) ([]string, error) {
	runs := i.Settings.Runs(nil)
	active, err := db.Deployment.Query().Where(deployment.InstanceID(i.ID), deployment.IsActive(true)).Only(ctx)
	if err != nil && !ent.IsNotFound(err) {
		return nil, fmt.Errorf("find active deployment: %w", err)
	}
	if active != nil {
		runs = append(runs, active.Settings.Runs(active.Image)...)
	}
	names := []string{spec.MainProcess}
	for _, r := range runs {
		names = append(names, r.Name)
	}
	return names, nil
}
