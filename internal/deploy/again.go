package deploy

import (
	"context"
	"errors"
	"fmt"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/deployment"
	"github.com/davitdev/davit/ent/serviceinstance"
	"github.com/davitdev/davit/internal/access"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/principal"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
)

// Again asks for the source of a deployment once more.
type Again struct {
	DeploymentID string
	// ReuseImage runs the image it ran, or serves the files it served.
	ReuseImage bool
	// SkipBuildCache runs every step of a build again; without a build it means nothing.
	SkipBuildCache bool
}

// Redeploy queues a deployment of the same source as another with today's settings
// and variables, and fails with UPLOAD_EXPIRED if that is no longer kept. With
// ReuseImage it fails with CONFLICT if that one never had an image or files, and with
// IMAGE_NOT_KEPT if they are no longer kept.
func (s *Service) Redeploy(ctx context.Context, in Again) (*ent.Deployment, error) {
	old, err := access.Deployment(ctx, s.DB.Client, access.Deploy, in.DeploymentID)
	if err != nil {
		return nil, err
	}
	if in.ReuseImage && old.Image == nil && old.Bundle == nil {
		return nil, fault.At("reuseImage", fault.Conflict, "Deployment #%d has no image to use again.", old.Number).
			WithHint("Redeploy it so that one is made anew.")
	}
	i, err := access.Instance(ctx, s.DB.Client, access.Deploy, old.InstanceID)
	if err != nil {
		return nil, err
	}
	return s.enqueue(ctx, i.ID, "redeploy", in, func(tx *store.Tx, now *ent.ServiceInstance) (*ent.DeploymentCreate, error) {
		var gone error
		if in.ReuseImage {
			gone = s.stillKept(ctx, tx, old)
		} else {
			gone = sourceKept(ctx, tx, old.Source, fmt.Sprintf("The source of deployment #%d", old.Number))
		}
		if gone != nil {
			return nil, gone
		}
		variables, err := snapshot(ctx, tx, now)
		if err != nil {
			return nil, err
		}
		c := tx.Deployment.Create().SetTrigger(lifecycle.Redeploy).SetNillableMessage(old.Message).
			SetSource(sameSource(old)).SetSettings(now.Settings).SetVariables(variables).SetSkipBuildCache(in.SkipBuildCache)
		if in.ReuseImage {
			reuse(c, old).SetCommit(old.Commit)
		}
		return c, nil
	})
}

// Rollback queues a deployment with the image or files, settings and variable
// versions of id, and today's number of replicas. Nothing is built. It fails
// with IMAGE_NOT_KEPT if those of id are no longer kept, and says whose are, and
// with CONFLICT if only its config files are not.
func (s *Service) Rollback(ctx context.Context, id string) (*ent.Deployment, error) {
	old, err := access.Deployment(ctx, s.DB.Client, access.Rollback, id)
	if err != nil {
		return nil, err
	}
	if old.Conclusion == nil || *old.Conclusion != lifecycle.Succeeded {
		return nil, fault.New(fault.Conflict, "Deployment #%d never went live: roll back to one that did.", old.Number)
	}
	if old.Image == nil && old.Bundle == nil {
		return nil, notKept(old)
	}
	i, err := access.Instance(ctx, s.DB.Client, access.Rollback, old.InstanceID)
	if err != nil {
		return nil, err
	}
	return s.enqueue(ctx, i.ID, "rollback", id, func(tx *store.Tx, _ *ent.ServiceInstance) (*ent.DeploymentCreate, error) {
		if err := s.stillKept(ctx, tx, old); err != nil {
			return nil, err
		}
		if err := filesKept(ctx, tx, old); err != nil {
			return nil, err
		}
		c := tx.Deployment.Create().SetTrigger(lifecycle.Rollback).SetNillableMessage(old.Message).
			SetSource(old.Source).SetSettings(old.Settings).SetVariables(kept(old.Variables)).
			SetCommit(old.Commit).SetRolledBackFromID(old.ID)
		return reuse(c, old), nil
	})
}

// reuse lets a deployment run the image that another one ran, or serve its files.
func reuse(c *ent.DeploymentCreate, d *ent.Deployment) *ent.DeploymentCreate {
	if d.Image != nil {
		c.SetImage(d.Image)
	}
	if d.Bundle != nil {
		c.SetBundle(d.Bundle)
	}
	return c
}

// sameSource is the source of a deployment, at the commit that it was.
func sameSource(d *ent.Deployment) spec.Source {
	if d.Source.Git == nil || d.Commit == nil {
		return d.Source
	}
	git := *d.Source.Git
	git.Commit = d.Commit.SHA
	return spec.Source{Git: &git}
}

// kept never is nil, which would be written as JSON null.
func kept(refs []spec.VariableRef) []spec.VariableRef {
	if refs == nil {
		return []spec.VariableRef{}
	}
	return refs
}

// RequestAll queues a deployment of every instance of a service, and returns
// them in the order of their environments.
func (s *Service) RequestAll(ctx context.Context, serviceID string) ([]*ent.Deployment, error) {
	instances, err := s.DB.ServiceInstance.Query().Where(serviceinstance.ServiceID(serviceID)).Order(serviceinstance.ByEnvironmentID()).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("list instances: %w", err)
	}
	out := make([]*ent.Deployment, len(instances))
	for n, i := range instances {
		ctx := ctx
		if key := principal.IdempotencyKey(ctx); key != "" {
			ctx = principal.WithIdempotencyKey(ctx, key+"/"+i.ID)
		}
		if out[n], err = s.Request(ctx, Order{InstanceID: i.ID, Trigger: lifecycle.Manual}); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// errNothingServes is why a change of settings is not deployed.
var errNothingServes = errors.New("deploy: nothing serves")

// Apply deploys an instance's settings with the source of the newest deployment
// that is under way, else of the one that serves, and with its image or files if
// it has any: what it did not make yet is made now. It returns nil if nothing
// serves there, nor is to.
func (s *Service) Apply(ctx context.Context, instanceID string) (*ent.Deployment, error) {
	i, err := access.Instance(ctx, s.DB.Client, access.Deploy, instanceID)
	if err != nil {
		return nil, err
	}
	d, err := s.enqueue(ctx, i.ID, "apply", instanceID, func(tx *store.Tx, now *ent.ServiceInstance) (*ent.DeploymentCreate, error) {
		base, err := toServe(ctx, tx, now.ID)
		if err != nil {
			return nil, err
		}
		variables, err := snapshot(ctx, tx, now)
		if err != nil {
			return nil, err
		}
		c := tx.Deployment.Create().SetTrigger(lifecycle.ConfigChange).SetSource(sameSource(base)).SetCommit(base.Commit).
			SetSkipBuildCache(base.SkipBuildCache).SetSettings(now.Settings).SetVariables(variables)
		return reuse(c, base), nil
	})
	if errors.Is(err, errNothingServes) {
		return nil, nil //nolint:nilnil // likewise in the API
	}
	return d, err
}

// toServe is the deployment of a locked instance that is to serve as far as is
// known: the newest that has not switched and goes on, else the active one.
func toServe(ctx context.Context, tx *store.Tx, instanceID string) (*ent.Deployment, error) {
	d, err := tx.Deployment.Query().Where(deployment.InstanceID(instanceID), deployment.Or(
		deployment.IsActive(true),
		deployment.And(deployment.CancelReasonIsNil(),
			deployment.StatusIn(lifecycle.Queued, lifecycle.Preparing, lifecycle.Building, lifecycle.Deploying)),
	)).Order(ent.Desc(deployment.FieldNumber)).First(ctx)
	if ent.IsNotFound(err) || err == nil && d.IsActive && d.Image == nil && d.Bundle == nil {
		return nil, errNothingServes
	}
	if err != nil {
		return nil, fmt.Errorf("find what is to serve: %w", err)
	}
	return d, nil
}
