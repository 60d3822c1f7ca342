package build

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/util/grpcerrors"
	"google.golang.org/grpc/codes"

	"github.com/davitdev/davit/internal/fault"
)

// errNoImage is an image that no registry has, as far as we are told.
var errNoImage = errors.New("not found")

// exitCode is how every version of BuildKit ends the text about a command that
// failed; a typed error came only with later ones.
var exitCode = regexp.MustCompile(`exit code: (\d+)$`)

// The ends of texts of the engine about what is nobody's build's fault.
const (
	noSpace     = "no space left on device"
	interrupted = "context canceled"
)

// unknownFeature is what an engine says about a step that it is too old for.
var unknownFeature = regexp.MustCompile(`requested experimental feature (\S+)\s+is not supported by build server`)

// failure explains why a build ended with err: by its end from outside, by its
// translation, by the step that failed, or by the engine.
func (t *translation) failure(ctx context.Context, err error, out *report) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if t.err != nil {
		err = t.err
	}
	if _, known := errors.AsType[*fault.Error](err); known {
		return err
	}
	if s, ok := out.failed(); ok {
		return t.explainStep(s, out.said(s.ID))
	}
	return explainEngine(err)
}

// explainEngine explains what an engine said about no step in particular.
func explainEngine(err error) error {
	text := err.Error()
	feature := unknownFeature.FindStringSubmatch(text)
	switch code := grpcerrors.Code(err); {
	case code == codes.Unavailable:
		return engineAway(err)
	case code == codes.ResourceExhausted: // a message over the limit of gRPC
		return fault.Wrap(err, fault.DockerfileInvalid, "The Dockerfile is too large for the engine.")
	case feature != nil:
		return fault.Wrap(err, fault.DockerfileInvalid, "The Dockerfile needs %s, which this Docker engine is too old for.", feature[1])
	case strings.HasSuffix(text, noSpace):
		return diskFull("There is no space left where images are built.").Because(err)
	}
	return fmt.Errorf("build: %w", err)
}

// explainStep makes the error of a build out of the step that failed.
func (t *translation) explainStep(s Step, last []Line) error {
	e := &Error{Last: last}
	what := t.where(s.ID, e)
	switch code := exitCode.FindStringSubmatch(s.Error); {
	case code != nil && slices.ContainsFunc(last, func(l Line) bool { return strings.HasSuffix(strings.ToLower(strings.TrimSpace(l.Text)), noSpace) }):
		e.ExitCode, _ = strconv.Atoi(code[1])
		e.Err = diskFull("%s found no space left where images are built.", what).Because(errors.New(s.Error))
	case code != nil:
		e.ExitCode, _ = strconv.Atoi(code[1])
		e.Err = fault.New(fault.BuildFailed, "%s ended with exit code %d.", what, e.ExitCode).
			WithHint("Its last lines say why. Run the same build on your machine to look into it.")
	case strings.HasSuffix(s.Error, noSpace):
		e.Err = diskFull("There is no space left where images are built.").Because(errors.New(s.Error))
	case t.image(s.ID) != "":
		e.Err = explainImage(&imageError{t.image(s.ID), errors.New(s.Error)})
	default:
		e.Err = fault.New(fault.BuildFailed, "%s failed: %s.", what, s.Error).
			WithHint("Check what this step needs: files it copies must be in the directory that was sent, and not be ignored.")
	}
	return e
}

// where names the instruction behind a step, and notes it in e. A Dockerfile
// that was made for the source has no lines anybody knows, and its commands
// are the last lines of its instructions.
func (t *translation) where(id string, e *Error) string {
	var at span
	if t.graph != nil {
		at = t.graph.lines[id]
	}
	text := t.req.Plan.Dockerfile
	switch {
	case at == span{}:
		return "A step of the build"
	case t.req.Plan.DockerfilePath == "":
		e.Instruction = sourceLine(text, at.last)
		return e.Instruction
	}
	e.Line, e.Instruction = at.first, sourceLine(text, at.first)
	return fmt.Sprintf("Line %d of the Dockerfile, %s,", e.Line, strconv.Quote(e.Instruction))
}

func (t *translation) image(id string) string {
	if t.graph == nil {
		return ""
	}
	return t.graph.image(id)
}

// explainImage says why a base image could not be had. What a registry said
// reaches us only as text.
func explainImage(e *imageError) error {
	text, name := e.err.Error(), familiar(e.ref)
	has := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(text, p) {
				return true
			}
		}
		return false
	}
	switch {
	case grpcerrors.Code(e.err) == codes.Unavailable:
		return engineAway(e)
	case has("no match for platform", "does not match the specified platform", "does not fit this runner"):
		return fault.New(fault.ImageUnsupported, "The base image %s is not made for this machine.", name).
			WithHint("Use one for this platform.").Because(e)
	case errors.Is(e.err, errNoImage), has("not found", "does not exist", "MANIFEST_UNKNOWN", "NAME_UNKNOWN", "access denied", "authorization failed", "no such image"):
		return fault.New(fault.ImageNotFound, "The base image %s does not exist, or may not be read without a login.", name).
			WithHint("Check its name and tag in the Dockerfile.").Because(e)
	case strings.HasSuffix(text, noSpace):
		return diskFull("There is no space left for the base image %s.", name).Because(e)
	case has("unauthorized", "refuses access to the image", " 401", " 403", "no basic auth credentials"): // not in a port or a digest
		return fault.New(fault.ImageUnauthorized, "The registry does not let the base image %s be read.", name).
			WithHint("Use a public base image.").Because(e)
	}
	return fault.New(fault.RegistryAway, "The registry of the base image %s could not be reached.", name).
		WithHint("Check the host in its name, and try again when it answers.").Because(e)
}

func diskFull(format string, args ...any) *fault.Error {
	return fault.New(fault.DiskFull, format, args...).
		WithHint("Make room on the engine's disk: docker system df says what images and build cache take, docker builder prune empties the cache. It is tried again.")
}

func engineAway(err error) error {
	return fault.Wrap(err, fault.RunnerAway, "The Docker engine went away during the build.")
}
