package docker

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/distribution/reference"
	"github.com/moby/moby/api/types/image"
	"github.com/moby/moby/api/types/jsonstream"
	"github.com/moby/moby/client"

	"github.com/davitdev/davit/runner"
)

// progressEvery is how often a pull reports.
const progressEvery = 100 * time.Millisecond

// Pull fetches the image through the engine, with the engine's mirrors and
// proxies.
//
// What the machine already holds is no proof that the caller may have it:
// another tenant may have pulled it with a password. So a local image is taken
// without the registry's word only if somebody made it on this machine outside
// Davit and no registry knows better, which Image.Local says, or if it is asked
// for by digest, which nobody guesses, and the registry does not answer.
func (e *Engine) Pull(ctx context.Context, ref string, cred *runner.Credential, progress func(runner.Progress)) (runner.Image, error) {
	s, err := e.connect(ctx)
	if err != nil {
		return runner.Image{}, err
	}
	named, err := parseReference(ref)
	if err != nil {
		return runner.Image{}, err
	}
	if d, ok := named.(reference.Digested); ok {
		if img, err := e.byDigest(ctx, s, named, d); err == nil {
			if err := e.readable(ctx, s, named, cred); err != nil && !errors.Is(err, runner.ErrRegistry) {
				return runner.Image{}, err
			}
			img.Digest = d.Digest().String()
			return img, nil
		} else if !errors.Is(err, runner.ErrImageNotFound) {
			return runner.Image{}, err
		}
	}
	digest, err := e.pull(ctx, s, named, cred, progress)
	if err != nil {
		return e.local(ctx, s, named, err)
	}
	exact, err := exactly(named, digest)
	if err != nil {
		return runner.Image{}, err
	}
	img, err := e.checked(ctx, s, exact)
	if digest != "" {
		img.Digest = digest
	}
	return img, err
}

// byDigest returns the present image of a digest. An engine that keeps images
// in containerd knows one whose tag has moved on only by the digest alone, which
// is its ID there.
func (e *Engine) byDigest(ctx context.Context, s *session, named reference.Named, d reference.Digested) (runner.Image, error) {
	digest := d.Digest().String()
	found, err := e.inspectImage(ctx, s, named.String())
	if errors.Is(err, runner.ErrImageNotFound) {
		var gone error
		if found, gone = e.inspectImage(ctx, s, digest); gone != nil || !isOf(found, named, digest) {
			return runner.Image{}, err // nobody says that it is of that repository
		}
	} else if err != nil {
		return runner.Image{}, err
	}
	if builtByDavit(found) { // its digest may be known to whom it is not for
		return runner.Image{}, fmt.Errorf("%w: %s", runner.ErrImageNotFound, named)
	}
	return s.runnable(named, found)
}

// isOf reports whether an image came from the repository of a name. One whose tag
// has moved on has no name of it; an engine of today says then where it was pulled
// from, without the port.
func isOf(found client.ImageInspectResult, named reference.Named, digest string) bool {
	if slices.Contains(found.RepoDigests, named.Name()+"@"+digest) {
		return true
	}
	host := url.URL{Host: reference.Domain(named)}
	from := image.PullIdentity{Repository: host.Hostname() + "/" + reference.Path(named)}
	return found.Identity != nil && slices.Contains(found.Identity.Pull, from)
}

// exactly names what was pulled, even if the tag moved since.
func exactly(named reference.Named, digest string) (reference.Named, error) {
	if digest == "" {
		return named, nil
	}
	exact, err := reference.ParseNormalizedNamed(named.Name() + "@" + digest)
	if err != nil {
		return nil, fmt.Errorf("docker pull: the engine's digest: %w", err)
	}
	return exact, nil
}

// checked returns a present image if the engine can run it.
func (e *Engine) checked(ctx context.Context, s *session, named reference.Named) (runner.Image, error) {
	found, err := e.inspectImage(ctx, s, named.String())
	if err != nil {
		return runner.Image{}, err
	}
	return s.runnable(named, found)
}

// runnable describes an image unless it is for another platform.
func (s *session) runnable(named reference.Named, found client.ImageInspectResult) (runner.Image, error) {
	if platform := found.Os + "/" + found.Architecture; platform != s.platform {
		return runner.Image{}, fmt.Errorf("%w: %s is for %s, the engine runs %s", runner.ErrImageUnsupported, named, platform, s.platform)
	}
	return describeImage(found), nil
}

// local returns the image made on this machine under the name that a registry
// failed to deliver, or that failure.
func (e *Engine) local(ctx context.Context, s *session, named reference.Named, failure error) (runner.Image, error) {
	if !errors.Is(failure, runner.ErrImageNotFound) && !errors.Is(failure, runner.ErrRegistry) {
		return runner.Image{}, failure
	}
	found, err := e.inspectImage(ctx, s, named.String())
	if err != nil || !s.madeHere(found) {
		return runner.Image{}, failure
	}
	img, err := e.checked(ctx, s, named)
	if err != nil {
		return runner.Image{}, err
	}
	img.Digest = "" // no registry's
	img.Local = "The image of that name on this machine is used, because the registry does not have it."
	if errors.Is(failure, runner.ErrRegistry) {
		img.Local = "The image of that name on this machine is used, because the registry does not answer."
	}
	return img, nil
}

// madeHere reports whether an image came from no registry, and from no build of
// Davit's: those belong to somebody, and are run by ID.
func (s *session) madeHere(found client.ImageInspectResult) bool {
	if builtByDavit(found) {
		return false
	}
	if s.origin {
		return found.Identity == nil || len(found.Identity.Pull) == 0
	}
	return len(found.RepoDigests) == 0
}

// builtByDavit reports whether some installation of Davit built an image.
func builtByDavit(found client.ImageInspectResult) bool {
	return found.Config != nil && found.Config.Labels[labelInstallation] != ""
}

// pull makes the engine fetch the image and returns the manifest's digest, ""
// if the engine does not say.
func (e *Engine) pull(ctx context.Context, s *session, named reference.Named, cred *runner.Credential, progress func(runner.Progress)) (digest string, _ error) {
	auth, err := login(named, cred)
	if err != nil {
		return "", err
	}
	res, err := s.api.ImagePull(ctx, named.String(), client.ImagePullOptions{RegistryAuth: auth})
	if err != nil {
		return "", e.pullError(ctx, err, cred)
	}
	defer res.Close()
	var sum layers
	var told time.Time
	for m, err := range res.JSONMessages(ctx) {
		switch {
		case err != nil:
			return "", e.pullError(ctx, err, cred)
		case m.Error != nil:
			return "", e.pullError(ctx, m.Error, cred)
		}
		if d, ok := strings.CutPrefix(m.Status, "Digest: "); ok {
			digest = d
		}
		if sum.add(m) && progress != nil && time.Since(told) >= progressEvery {
			told = time.Now()
			progress(sum.total())
		}
	}
	return digest, nil
}

// layers adds up what is downloaded, layer by layer.
type layers map[string]runner.Progress

// add reports whether m changed the sum.
func (l *layers) add(m jsonstream.Message) bool {
	if *l == nil {
		*l = make(layers)
	}
	p := (*l)[m.ID]
	switch {
	case m.Status == "Downloading" && m.Progress != nil:
		p.Current, p.Total = m.Progress.Current, max(m.Progress.Total, p.Total)
	case m.Status == "Download complete" && p.Total > 0:
		p.Current = p.Total
	default: // extracting counts the same bytes again
		return false
	}
	(*l)[m.ID] = p
	return true
}

// total is unknown as long as one layer's is.
func (l layers) total() runner.Progress {
	var sum runner.Progress
	unknown := false
	for _, p := range l {
		sum.Current += p.Current
		sum.Total += p.Total
		unknown = unknown || p.Total <= 0
	}
	if unknown {
		sum.Total = 0
	}
	return sum
}
