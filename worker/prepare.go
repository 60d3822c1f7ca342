package worker

import (
	"context"
	"fmt"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/runner"
)

// prepare gets the image a deployment runs, or the source it is built of.
func (w *Worker) prepare(ctx context.Context, c *deploy.Claim) error {
	switch d := c.Row; {
	case d.Bundle != nil: // the same, of a static site: it is looked for right before the switch
		return w.Deploy.Advance(ctx, c, lifecycle.Deploying, nil)
	case d.Image != nil: // a rollback, or the image of an earlier one
		return w.reuse(ctx, c)
	case d.Source.Image != nil:
		return w.pull(ctx, c)
	case d.Source.Upload != nil, d.Source.Git != nil:
		return w.detect(ctx, c)
	default:
		return fault.New(fault.SourceMissing, "There is nothing to deploy.")
	}
}

// reuse checks that the image is still there. One of a registry that was
// cleaned up meanwhile is pulled again by its digest.
func (w *Worker) reuse(ctx context.Context, c *deploy.Claim) error {
	if err := w.Deploy.BeginPhase(ctx, c, lifecycle.PhasePullImage, deploy.MaxAttempts); err != nil {
		return err
	}
	image, err := w.Runner.Image(ctx, c.Row.Image.ID)
	if isNotFound(err) && c.Row.Source.Image != nil {
		image, err = w.pullImage(ctx, c, pinned(c.Row.Image))
	}
	if isNotFound(err) {
		return fault.New(fault.ImageNotKept, "The image of this deployment is no longer kept.").
			WithHint("Deploy the source again instead.")
	}
	if err != nil {
		return fmt.Errorf("find image: %w", err)
	}
	return w.haveImage(ctx, c, *c.Row.Image, image, "kept")
}

// pull gets the image of a registry.
func (w *Worker) pull(ctx context.Context, c *deploy.Claim) error {
	if err := w.Deploy.BeginPhase(ctx, c, lifecycle.PhasePullImage, deploy.MaxAttempts); err != nil {
		return err
	}
	ref := c.Row.Source.Image.Image
	w.Recorder.Say(ctx, c.Row, lifecycle.Info, "Pulling "+ref)
	image, err := w.pullImage(ctx, c, ref)
	if err != nil {
		return err
	}
	if image.Local != "" {
		w.Recorder.Say(ctx, c.Row, lifecycle.Notice, image.Local)
	}
	return w.haveImage(ctx, c, spec.ImageRef{Reference: ref}, image, image.Digest)
}

func (w *Worker) pullImage(ctx context.Context, c *deploy.Claim, ref string) (runner.Image, error) {
	cred, err := w.Deploy.OpenCredential(ctx, c.Row.Edges.Project.WorkspaceID, c.Row.Source.Image)
	if err != nil {
		return runner.Image{}, err
	}
	ctx, cancel := within(ctx, w.Limits.Pull, fault.New(fault.RegistryAway, "The image did not arrive within %s.", w.Limits.Pull))
	defer cancel()
	var login *runner.Credential
	if cred != nil {
		login = &runner.Credential{Username: cred.Username, Password: cred.Password}
	}
	said := time.Now()
	image, err := w.Runner.Pull(ctx, ref, login, func(p runner.Progress) {
		if p.Total > 0 && time.Since(said) > 2*time.Second {
			said = time.Now()
			w.Recorder.Say(ctx, c.Row, lifecycle.Info, fmt.Sprintf("Pulling: %d of %d MB", p.Current>>20, p.Total>>20))
		}
	})
	if err != nil {
		return image, cause(ctx, imageFault(err, ref))
	}
	return image, nil
}

// pinned is a reference that names exactly the image.
func pinned(i *spec.ImageRef) string {
	if i.Digest == "" || i.Digest == i.ID {
		return i.Reference
	}
	return repository(i.Reference) + "@" + i.Digest
}

// haveImage notes the image, of which r says its name and what its source says,
// and goes on to start it.
func (w *Worker) haveImage(ctx context.Context, c *deploy.Claim, r spec.ImageRef, image runner.Image, detail string) error {
	r.ID, r.SizeBytes, r.Port = image.ID, image.Size, 0
	if r.Digest = image.Digest; r.Digest == "" {
		r.Digest = image.ID
	}
	if len(image.Ports) == 1 {
		r.Port = image.Ports[0]
	}
	phases := c.Row.Phases.EndAll(lifecycle.PhaseSucceeded, time.Now().UTC(), detail)
	err := w.Deploy.Advance(ctx, c, lifecycle.Deploying, func(u *ent.DeploymentUpdate) { u.SetImage(&r).SetPhases(phases) })
	if err != nil {
		return err
	}
	c.Row.Image = &r
	return nil
}
