package graph

import (
	"context"
	"errors"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/internal/access"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/logs"
	"github.com/davitdev/davit/internal/principal"
)

// commandOf is the command an operation runs, as its log would show it. Words may
// be secrets: only who may run commands there and read what they print sees
// them, and nobody where it is not known any more what must be hidden.
func (r *Resolver) commandOf(ctx context.Context, op *ent.Operation) ([]string, error) {
	if op.Command == nil || op.DeploymentID == nil {
		return nil, nil
	}
	p, err := principal.From(ctx)
	if err != nil {
		return nil, err
	}
	role, err := viewerRole(ctx, op.WorkspaceID)
	if err != nil {
		return nil, err
	}
	if access.Allowed(p, access.Exec, role) != nil || access.Allowed(p, access.ReadLogs, role) != nil {
		return nil, nil //nolint:nilerr // who may not sees none
	}
	mask, err := r.maskOf(ctx, *op.DeploymentID)
	if fault.Is(err, fault.NotFound) || errors.Is(err, errTooLarge) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	shown := make([]string, len(op.Command))
	for i, word := range op.Command {
		shown[i] = mask.Hide(word)
	}
	return shown, nil
}

// maskOf hides what a deployment keeps secret.
func (r *Resolver) maskOf(ctx context.Context, deploymentID string) (*logs.Mask, error) {
	d, err := load(ctx).deployment.Load(ctx, deploymentID)
	if err != nil {
		return nil, err
	}
	var wait []func() (*ent.VariableVersion, error)
	for _, v := range d.Variables {
		if v.Secret {
			wait = append(wait, load(ctx).version.LoadThunk(ctx, v.VersionID))
		}
	}
	versions := make([]*ent.VariableVersion, len(wait))
	for i := range wait {
		if versions[i], err = wait[i](); err != nil {
			return nil, err
		}
	}
	secrets, err := r.Deployments.OpenVersions(versions)
	if err != nil {
		return nil, err
	}
	return logs.NewMask(secrets...), nil
}
