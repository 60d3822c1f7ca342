package docker

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/moby/moby/client"

	"github.com/davitdev/davit/runner"
)

// imageID is what an Image.ID looks like.
var imageID = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// Image returns a present image.
func (e *Engine) Image(ctx context.Context, id string) (runner.Image, error) {
	s, err := e.connect(ctx)
	if err != nil {
		return runner.Image{}, err
	}
	return e.image(ctx, s, id)
}

func (e *Engine) image(ctx context.Context, s *session, id string) (runner.Image, error) {
	found, err := e.inspectImage(ctx, s, id)
	if err != nil {
		return runner.Image{}, err
	}
	return describeImage(found), nil
}

// inspectImage looks an image up. The name becomes a part of a URL: one that
// the engine could not mean as an image is not sent.
func (e *Engine) inspectImage(ctx context.Context, s *session, id string) (client.ImageInspectResult, error) {
	ctx, cancel := e.answered(ctx, 0)
	defer cancel()
	if !imageID.MatchString(id) {
		ref, err := parseReference(id)
		if err != nil {
			return client.ImageInspectResult{}, err
		}
		id = reference.FamiliarString(ref)
	}
	found, err := s.api.ImageInspect(ctx, id)
	switch {
	case gone(err):
		return client.ImageInspectResult{}, fmt.Errorf("%w: %s", runner.ErrImageNotFound, id)
	case err != nil:
		return client.ImageInspectResult{}, e.fail(ctx, "image", err)
	}
	return found, nil
}

func describeImage(found client.ImageInspectResult) runner.Image {
	img := runner.Image{ID: found.ID, Size: found.Size}
	for _, d := range found.RepoDigests {
		if _, digest, ok := strings.Cut(d, "@"); ok {
			img.Digest = digest
			break
		}
	}
	if c := found.Config; c != nil {
		img.User = c.User
		img.Cmd = slices.Concat(c.Entrypoint, c.Cmd)
		img.Ports = tcpPorts(maps.Keys(c.ExposedPorts))
	}
	return img
}

// Images lists what was built for this installation. The labels alone do not
// tell: whatever somebody builds FROM one of ours inherits them. So its only
// name must be the one that a build gives, made of the same labels.
func (e *Engine) Images(ctx context.Context) ([]runner.BuiltImage, error) {
	ctx, cancel := e.answered(ctx, 0)
	defer cancel()
	s, err := e.connect(ctx)
	if err != nil {
		return nil, err
	}
	res, err := s.api.ImageList(ctx, client.ImageListOptions{
		Filters: make(client.Filters).Add("label", labelInstallation+"="+e.opts.Installation, labelInstance, labelDeployment),
	})
	if err != nil {
		return nil, e.fail(ctx, "images", err)
	}
	var list []runner.BuiltImage
	for _, i := range res.Items {
		deployment := i.Labels[labelDeployment]
		if len(i.RepoTags) == 1 && i.RepoTags[0] == "davit/"+i.Labels[labelInstance]+":"+deployment {
			list = append(list, runner.BuiltImage{ID: i.ID, Deployment: deployment})
		}
	}
	return list, nil
}

// RemoveImage deletes an image by ID, with its name and the parents that only
// it needs. An image with several names is in use by them.
func (e *Engine) RemoveImage(ctx context.Context, id string) error {
	ctx, cancel := e.answered(ctx, 0)
	defer cancel()
	s, err := e.connect(ctx)
	if err != nil {
		return err
	}
	if !imageID.MatchString(id) {
		return nil // no ID: nothing can be there under it
	}
	remove := func() error {
		_, err := s.api.ImageRemove(ctx, id, client.ImageRemoveOptions{PruneChildren: true})
		return err
	}
	if err = remove(); err != nil && strings.Contains(err.Error(), noSpace) {
		// Its name is gone, though that could not be written down. Without one it
		// is no more in the list of what was built here, but nothing has to be
		// written to remove it.
		err = remove()
	}
	switch {
	case err == nil, gone(err):
		return nil
	case errdefs.IsConflict(err):
		return fmt.Errorf("%w: image %s: %w", runner.ErrInUse, id, err)
	}
	return e.fail(ctx, "remove image", err)
}
