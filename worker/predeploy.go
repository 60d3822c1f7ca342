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
	"github.com/davitdev/davit/runner"
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
		return w.preDeployFault(ctx, o, ended, err)
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
		by:      printer{id: d.ID, container: deploy.ContainerName(d.ID), source: sourceOf(d.InstanceID, d.ID)},
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

// preDeployFault says what became of a pre-deploy command that did not succeed.
func (w *Worker) preDeployFault(ctx context.Context, o *oneOff, ended runner.Container, err error) error {
	app := &lifecycle.AppError{}
	failed := func(message, hint string) error {
		app.Err = fault.New(fault.PreDeployFailed, "%s", message).WithHint("%s What served before serves on.", hint)
		app.Excerpt = w.lastLines(ctx, o)
		return app
	}
	if start, ok := errors.AsType[*runner.StartError](err); ok {
		app.ExitCode = &start.ExitCode
		return failed("The pre-deploy command cannot be started: "+start.Message, "Check the command and that the image has it.")
	}
	if late, ok := errors.AsType[*overtimeError](err); ok {
		return failed(fmt.Sprintf("The pre-deploy command did not end within %s.", late.limit), "Its last lines say what it did until then.")
	}
	switch {
	case errors.Is(err, errVanished):
		return failed("The container of the pre-deploy command was removed while it ran.", "Whether it did its work is not known: look, then deploy again.")
	case err != nil:
		return err
	}
	app.ExitCode, app.OOMKilled = &ended.ExitCode, ended.OOMKilled
	switch {
	case ended.OOMKilled:
		return failed("The pre-deploy command ran out of memory and was killed.", "Raise the memory limit of the service.")
	case ended.ExitCode == 127:
		return failed("The pre-deploy command was not found in the image.", "Check the command and that the image has it.")
	case ended.ExitCode == 126:
		return failed("The pre-deploy command cannot be executed.", "Check the command and that the image has it.")
	default:
		return failed(fmt.Sprintf("The pre-deploy command ended with exit code %d.", ended.ExitCode), "Its last lines say why. It must end with exit code 0.")
	}
}
