package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	digest "github.com/opencontainers/go-digest"

	"github.com/davitdev/davit/internal/fault"
)

// imageError is a base image that could not be had.
type imageError struct {
	ref string
	err error
}

func (e *imageError) Error() string { return e.ref + ": " + e.err.Error() }
func (e *imageError) Unwrap() error { return e.err }

// resolver finds the configurations of base images and looks at what they
// bring into the translation: variables and triggers.
type resolver struct {
	next llb.ImageMetaResolver
	file dockerfile
	args map[string]string
	anew bool // ask the registry, though the image is on the machine
	// may is Request.Readable.
	may func(ctx context.Context, image string) error

	mu       sync.Mutex
	asked    map[string]func() error // what may said, by image
	names    map[string]bool         // of what it was asked, without tag and digest
	env      []string
	triggers []instructions.Command
}

var _ llb.ImageMetaResolver = (*resolver)(nil)

// ResolveImageConfig implements llb.ImageMetaResolver. It is called from
// several goroutines.
func (r *resolver) ResolveImageConfig(ctx context.Context, ref string, opt sourceresolver.Opt) (_ string, _ digest.Digest, _ []byte, err error) {
	defer survive(&err)
	if err := r.readable(ctx, ref); err != nil {
		return "", "", nil, err
	}
	name, sum, config, err := r.resolve(ctx, ref, opt)
	if err != nil {
		return "", "", nil, &imageError{ref, err}
	}
	return name, sum, config, r.look(ref, config)
}

// readable fails for an image that must not be used, whether it is on the
// machine or not. It asks once about each.
func (r *resolver) readable(ctx context.Context, ref string) error {
	named, err := checkImage(ref)
	if err != nil || r.may == nil {
		return err
	}
	r.mu.Lock()
	ask, known := r.asked[ref]
	if !known {
		ask = sync.OnceValue(func() error { return r.may(ctx, ref) })
		if r.asked == nil {
			r.asked, r.names = map[string]func() error{}, map[string]bool{}
		}
		r.asked[ref], r.names[named.Name()] = ask, true
	}
	r.mu.Unlock()
	err = ask()
	if _, ours := errors.AsType[*fault.Error](err); err == nil || ours {
		return err
	}
	return &imageError{ref, err}
}

// resolved fails for an image of which nobody asked whether it may be used.
func (r *resolver) resolved(ref string) error {
	named, err := checkImage(ref)
	if err != nil || r.may == nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.names[named.Name()] {
		return &imageError{ref, fmt.Errorf("%w: nobody asked for it", errNoImage)}
	}
	return nil
}

// resolve finds an image. One that is to be found anew is the machine's still
// where no registry gives it: it may have been made here.
func (r *resolver) resolve(ctx context.Context, ref string, opt sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	if r.anew && opt.ImageOpt != nil {
		pull, image := opt, *opt.ImageOpt
		image.ResolveMode, pull.ImageOpt = llb.ResolveModeForcePull.String(), &image
		if name, sum, config, err := r.next.ResolveImageConfig(ctx, ref, pull); err == nil {
			return name, sum, config, nil
		}
	}
	return r.next.ResolveImageConfig(ctx, ref, opt)
}

func (r *resolver) look(ref string, config []byte) error {
	var image dockerspec.DockerOCIImage
	if err := json.Unmarshal(config, &image); err != nil {
		return fault.Wrap(err, fault.ImageUnsupported, "The configuration of the image %s cannot be read.", familiar(ref))
	}
	var triggers []instructions.Command
	for _, text := range image.Config.OnBuild {
		c, err := parseTrigger(text)
		if err != nil {
			return fault.Wrap(err, fault.ImageUnsupported, "The image %s has an ONBUILD instruction that cannot be read.", familiar(ref))
		}
		if problem := checkShape(c); problem != "" {
			return fault.New(fault.SourceForbidden, "The image %s has an ONBUILD instruction that is not allowed: %s.", familiar(ref), problem)
		}
		triggers = append(triggers, c)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.env, r.triggers = append(r.env, image.Config.Env...), append(r.triggers, triggers...)
	if overBudget(r.file, r.env, r.triggers, r.args) {
		return errTooLarge()
	}
	return nil
}

func errTooLarge() error {
	return fault.New(fault.DockerfileInvalid, "The Dockerfile becomes larger than %d MiB once its variables are filled in.", maxExpansion>>20)
}

// checkImage refuses images that belong to Davit: they are somebody's builds,
// and their names must give nobody their content.
func checkImage(ref string) (reference.Named, error) {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return nil, fault.Wrap(err, fault.DockerfileInvalid, "%q is not the name of an image.", ref)
	}
	if strings.HasPrefix(named.Name(), "docker.io/"+repository+"/") {
		return nil, &imageError{ref, fmt.Errorf("%w: it is reserved", errNoImage)}
	}
	return named, nil
}

// familiar is the short name of an image, as people write it.
func familiar(ref string) string {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return ref
	}
	return reference.FamiliarString(named)
}
