package worker

import (
	"context"
	"errors"
	"strings"

	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/runner"
)

func isNotFound(err error) bool {
	return errors.Is(err, runner.ErrImageNotFound) || errors.Is(err, runner.ErrNotFound)
}

// imageFault says what an error about an image means to its user.
func imageFault(err error, ref string) error {
	switch {
	case errors.Is(err, runner.ErrImageNotFound):
		return fault.New(fault.ImageNotFound, "There is no image %s.", ref).
			WithHint("Check its name and tag. A private image also needs a registry credential.").Because(err)
	case errors.Is(err, runner.ErrImageUnauthorized):
		return fault.New(fault.ImageUnauthorized, "The registry refuses access to %s.", ref).
			WithHint("Store a credential for its registry with putRegistryCredential.").Because(err)
	case errors.Is(err, runner.ErrImageUnsupported):
		return fault.New(fault.ImageUnsupported, "The image %s does not run on this machine.", ref).
			WithHint("Push one for this platform, and with something to start. A server without Docker runs no images.").Because(err)
	case errors.Is(err, runner.ErrRegistry):
		return fault.New(fault.RegistryAway, "The registry of %s does not answer.", ref).Because(err)
	default:
		return err
	}
}

// classify gives the errors of a runner their code.
func classify(err error) error {
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	start, isStart := errors.AsType[*runner.StartError](err)
	file, isFile := errors.AsType[*runner.FileError](err)
	switch {
	case isFile:
		return fault.New(fault.AppCannotStart, "The config file %s cannot be put into the image: %s.", file.Path, file.Message).
			WithHint("Give it another path, or change what the image has there.").Because(err)
	case isStart:
		return fault.New(fault.AppCannotStart, "The application cannot be started: %s", start.Message).
			WithHint("Check the start command and that the image has it.").Because(err)
	case errors.Is(err, runner.ErrUnavailable):
		return fault.New(fault.RunnerAway, "The engine that runs containers does not answer.").Because(err)
	case errors.Is(err, runner.ErrDiskFull):
		return fault.New(fault.DiskFull, "The engine's disk is full.").
			WithHint("Make room there, for example with docker system df and docker image prune. It is tried again.").Because(err)
	case errors.Is(err, runner.ErrNetworkRange):
		return fault.New(fault.Unavailable, "No free network is left in the configured range.").Because(err)
	case errors.Is(err, context.DeadlineExceeded):
		return fault.New(fault.DeadlineExceeded, "The deployment ran out of time.").Because(err)
	case errors.Is(err, deploy.ErrNotNow):
		return fault.New(fault.Unavailable, "Another process is at work.").Because(err)
	default:
		return err
	}
}

// repository is a reference without tag and digest.
func repository(ref string) string {
	ref, _, _ = strings.Cut(ref, "@")
	if i := strings.LastIndexByte(ref, ':'); i > strings.LastIndexByte(ref, '/') {
		ref = ref[:i]
	}
	return ref
}
