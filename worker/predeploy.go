package worker

import (
	"context"
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
	if len(d.Settings.PreDeployCommand) > 0 || d.Image == nil {
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
		secrets: secrets, limit: w.Limits.PreDeploy, grace: stopGrace(d),
		keep: func(ctx context.Context, id string) error {
			return w.Deploy.Advance(ctx, c, d.Status, func(u *ent.DeploymentUpdate) { u.SetPreDeployContainerID(id) })
		},
	}
	if d.PreDeployContainerID != nil {
		o.made = *d.PreDeployContainerID
	}
	return o
}

// dropPreDeploy removes the container of the pre-deploy command of a deployment
// that does not go live.
func (w *Worker) dropPreDeploy(ctx context.Context, c *deploy.Claim) error {
	if len(commandBefore(c.Row)) == 0 || c.Row.Status != lifecycle.Deploying {
		return nil
	}
	env, err := w.Deploy.OpenVariables(ctx, c.Row.Variables, func(v spec.VariableRef) bool { return v.Runtime && v.Secret })
	if err != nil {
		return fmt.Errorf("secrets of deployment: %w", err)
	}
	return w.drop(ctx, w.preDeployOf(c, env.Secrets))
}
