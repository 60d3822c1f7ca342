package worker

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/spec"
)

// commandBefore is what runs before a deployment goes live, nil for nothing: as
// its settings say, else as the source of its image does.
func commandBefore(d *ent.Deployment) []string {
	if d.Settings.PreDeployCommand != nil || d.Image == nil {
		return d.Settings.PreDeployCommand
	}
	return d.Image.PreDeploy
}

// preDeploy runs the pre-deploy command of a deployment, if it has one and it
// did not run yet.
func (w *Worker) preDeploy(ctx context.Context, c *deploy.Claim, set *replicaSet) error {
	command := commandBefore(c.Row)
	if len(command) == 0 {
		return nil
	}
	o := w.preDeployOf(c, set.secrets)
	o.spec = set.spec
	o.spec.Name, o.spec.ReplicaID, o.spec.Epoch = o.by.container, o.by.id, c.Epoch
	o.spec.Command, o.spec.Port = command, 0
	if c.Row.Phases.Succeeded(lifecycle.PhasePreDeploy) {
		return w.drop(ctx, o) // who ran it may not have come to this
	}
	if err := w.Deploy.BeginPhase(ctx, c, lifecycle.PhasePreDeploy, deploy.MaxAttempts); err != nil {
		return err
	}
	if o.made == "" {
		w.Recorder.Say(ctx, c.Row, lifecycle.Info, "Running the pre-deploy command: "+strings.Join(command, " "))
	}
	ended, err := w.runOnce(ctx, o)
	if errors.Is(err, errVanished) { // the next attempt runs it again
		if err := w.forget(ctx, o); err != nil {
			return err
		}
		w.Recorder.Say(ctx, c.Row, lifecycle.Warning, "The pre-deploy command was lost: its engine ended or removed its container.")
	}
	if err != nil || ended.ExitCode != 0 {
		return w.commandFault(ctx, o, ended, err)
	}
	if err := w.Deploy.EndPhase(ctx, c, lifecycle.PhasePreDeploy, "exit code 0"); err != nil {
		return err
	}
	return w.drop(ctx, o)
}

// preDeployOf is the pre-deploy command of a deployment without what its
// container is made of: enough to end it.
func (w *Worker) preDeployOf(c *deploy.Claim, secrets []string) *oneOff {
	d := c.Row
	o := &oneOff{
		by:   printer{id: d.ID, container: deploy.ContainerName(d.ID), source: sourceOf(d.InstanceID, d.ID)},
		what: "pre-deploy command", code: fault.PreDeployFailed, after: "What served before serves on.",
		lost:    "Whether it did its work is not known. See why the engine ends, then deploy again: the command runs again.",
		secrets: secrets, limit: w.Limits.PreDeploy, grace: stopGrace(d),
		keep: func(ctx context.Context, id string) error {
			return w.Deploy.Advance(ctx, c, d.Status, func(u *ent.DeploymentUpdate) {
				if id == "" {
					u.ClearPreDeployContainerID()
				} else {
					u.SetPreDeployContainerID(id)
				}
			})
		},
	}
	if d.PreDeployContainerID != nil {
		o.made = *d.PreDeployContainerID
	}
	return o
}

// mayRunBefore reports whether a deployment that does not go live may have a
// container of its pre-deploy command.
func mayRunBefore(d *ent.Deployment) bool {
	return len(commandBefore(d)) > 0 && d.Status == lifecycle.Deploying
}

// endPreDeploy does something to the pre-deploy command of a deployment that
// does not go live: quit or drop it.
func (w *Worker) endPreDeploy(ctx context.Context, c *deploy.Claim, do func(context.Context, *oneOff) error) error {
	if !mayRunBefore(c.Row) {
		return nil
	}
	env, err := w.Deploy.OpenVariables(ctx, c.Row.Variables, func(v spec.VariableRef) bool { return v.Runtime && v.Secret })
	if err != nil {
		return fmt.Errorf("secrets of deployment: %w", err)
	}
	return do(ctx, w.preDeployOf(c, env.Secrets))
}
