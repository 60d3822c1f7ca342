package deploy

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/artifact"
	"github.com/davitdev/davit/ent/build"
	"github.com/davitdev/davit/ent/deployment"
	"github.com/davitdev/davit/ent/predicate"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
)

// BeginBuild makes the build of a deployment whose source is known and moves
// on to it. detail says in a few words how it is built.
func (s *Service) BeginBuild(ctx context.Context, c *Claim, by spec.Builder, detail string) error {
	key, err := s.BuildKey(ctx, c.Row)
	if err != nil {
		return err
	}
	err = s.DB.Tx(ctx, func(tx *store.Tx) error {
		if err := c.Fence().check(ctx, tx); err != nil {
			return err
		}
		exists, err := tx.Build.Query().Where(build.DeploymentID(c.ID)).Exist(ctx)
		if err != nil || exists {
			return err
		}
		return tx.Build.Create().SetProjectID(c.Row.ProjectID).SetDeploymentID(c.ID).SetBuilder(by).SetRecipe(key).Exec(ctx)
	})
	if err != nil {
		return fmt.Errorf("begin build: %w", err)
	}
	return s.Advance(ctx, c, lifecycle.Building, func(u *ent.DeploymentUpdate) {
		u.SetPhases(c.Row.Phases.EndAll(lifecycle.PhaseSucceeded, clock(), store.Text(detail)))
	})
}

// SetBuildSteps writes how far a build is.
func (s *Service) SetBuildSteps(ctx context.Context, c *Claim, steps []lifecycle.BuildStep) error {
	steps = slices.Clone(steps)
	for i := range steps { // what a build says may be anything
		steps[i].Name = store.Text(steps[i].Name)
		if e := steps[i].Error; e != nil {
			text := store.Text(*e)
			steps[i].Error = &text
		}
	}
	return s.setBuild(ctx, c, func(u *ent.BuildUpdate) { u.SetSteps(steps) }, nil)
}

// EndBuild notes that a build has made its image, and lets the next one begin.
func (s *Service) EndBuild(ctx context.Context, c *Claim, platform string) error {
	return s.setBuild(ctx, c, func(u *ent.BuildUpdate) {
		u.SetStatus(lifecycle.BuildSucceeded).SetPlatform(platform).SetFinishedAt(clock())
	}, ringBuild)
}

// setBuild writes what set says about the build of c, and then does what comes
// after that, if anything does.
func (s *Service) setBuild(ctx context.Context, c *Claim, set func(*ent.BuildUpdate), after func(context.Context, *store.Tx) error) error {
	return s.DB.Tx(ctx, func(tx *store.Tx) error {
		if err := c.Fence().check(ctx, tx); err != nil {
			return err
		}
		b, err := tx.Build.Query().Where(build.DeploymentID(c.ID)).Only(ctx)
		if err != nil {
			return fmt.Errorf("load build: %w", err)
		}
		u := tx.Build.Update().Where(build.ID(b.ID))
		set(u)
		if err := u.Exec(ctx); err != nil {
			return fmt.Errorf("write build: %w", err)
		}
		tx.Wake(c.ID)
		if after == nil {
			return nil
		}
		return after(ctx, tx)
	})
}

// BuiltImages lists the ids of the images that were built for instances and
// that no other instance has run.
func (s *Service) BuiltImages(ctx context.Context, instanceIDs []string) ([]string, error) {
	built, err := s.imagesOf(ctx, deployment.InstanceIDIn(instanceIDs...), deployment.HasBuild())
	if err != nil || len(built) == 0 {
		return nil, err
	}
	shared, err := s.imagesOf(ctx, deployment.InstanceIDNotIn(instanceIDs...))
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(built, func(id string, _ bool) bool { return shared[id] })
	return slices.Sorted(maps.Keys(built)), nil
}

// imagesOf returns the ids of the images of some deployments.
func (s *Service) imagesOf(ctx context.Context, which ...predicate.Deployment) (map[string]bool, error) {
	rows, err := s.DB.Deployment.Query().Where(which...).Where(deployment.ImageNotNil()).Select(deployment.FieldImage).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("list images: %w", err)
	}
	out := make(map[string]bool, len(rows))
	for _, d := range rows {
		out[d.Image.ID] = true
	}
	return out, nil
}

// ArtifactSum is the content address of an upload that has arrived.
func (s *Service) ArtifactSum(ctx context.Context, id string) (string, error) {
	a, err := s.DB.Artifact.Query().Where(artifact.ID(id), artifact.ReceivedAtNotNil()).Only(ctx)
	if ent.IsNotFound(err) {
		return "", fault.New(fault.UploadExpired, "The upload of this deployment is no longer kept: send it again.")
	}
	if err != nil {
		return "", fmt.Errorf("find artifact: %w", err)
	}
	return a.Sha256, nil
}

// ServedBundle is the digest of the static site that serves an instance, "" if
// none does.
func (s *Service) ServedBundle(ctx context.Context, instanceID string) (string, error) {
	d, err := s.DB.Deployment.Query().Where(deployment.InstanceID(instanceID), deployment.IsActive(true), deployment.BundleNotNil()).Only(ctx)
	if ent.IsNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("find active deployment: %w", err)
	}
	return d.Bundle.Digest, nil
}
