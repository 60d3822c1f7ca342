package worker

import (
	"context"
	"errors"

	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/runner"
)

// readable fails for an image that a build of a workspace may not be made of: the
// engine takes what it holds, whoever it was pulled for, so the registry is asked
// with what the workspace has for it. Where that does not answer, what the machine
// holds will do unless another workspace opens that registry: then it may be theirs.
func (w *Worker) readable(ctx context.Context, workspaceID, image string) error {
	cred, err := w.Deploy.OpenCredential(ctx, workspaceID, &spec.ImageSource{Image: image})
	if err != nil {
		return err
	}
	var login *runner.Credential
	if cred != nil {
		login = &runner.Credential{Username: cred.Username, Password: cred.Password}
	}
	err = w.Runner.Readable(ctx, image, login)
	if errors.Is(err, runner.ErrRegistry) {
		others, oerr := w.Deploy.OpenedByOthers(ctx, workspaceID, image)
		if oerr != nil {
			return oerr
		}
		if !others {
			return nil
		}
	}
	if err != nil {
		return classify(err)
	}
	return nil
}
