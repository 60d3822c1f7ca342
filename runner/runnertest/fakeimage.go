package runnertest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/davitdev/davit/runner"
)

// FakeProgram is the command of a Fake's images unless they say otherwise.
const FakeProgram = "/app"

// FakeImage is an image on a Fake. The zero value is a well-behaved
// application.
type FakeImage struct {
	Env   map[string]string // APP_… variables steer; a spec's own win
	Cmd   []string          // nil is FakeProgram
	Ports []int
	User  string

	PullErr  error         // what Pull fails with
	PullTime time.Duration // how long it takes
	PullHeld chan struct{} // if not nil, it ends once this is closed

	// ListenAfter is how long the application takes to listen.
	ListenAfter time.Duration

	// Size makes images with the same name differ, as after a push.
	Size int64

	pulled  bool
	builtBy string // installation; "" for what was pulled
	id      string
}

// SetImage says what the reference names from now on. Containers keep the
// image they have.
func (f *Fake) SetImage(ref string, img FakeImage) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.images[ref] = img.complete(ref)
}

func (i FakeImage) complete(ref string) FakeImage {
	if i.Cmd == nil {
		i.Cmd = []string{FakeProgram}
	}
	if i.Size == 0 {
		i.Size = 1 << 20
	}
	i.Env = maps.Clone(i.Env)
	i.id = fmt.Sprintf("sha256:%x", sha256.Sum256(fmt.Appendf(nil, "%s %d %v %v", ref, i.Size, i.Env, i.Cmd)))
	return i
}

func (i FakeImage) describe() runner.Image {
	return runner.Image{ID: i.id, Digest: i.id, Size: i.Size, Ports: i.Ports, User: i.User, Cmd: i.Cmd}
}

// Build makes an image of our installation, as a builder on the engine does.
// ref is davit/<instance>:<deployment>.
func (f *Fake) Build(ctx context.Context, ref string, img FakeImage) (runner.Image, error) {
	if err := f.ready(ctx); err != nil {
		return runner.Image{}, err
	}
	defer f.mu.Unlock()
	img = img.complete(ref)
	img.pulled, img.builtBy = true, f.installation
	f.images[ref] = img
	return img.describe(), nil
}

// byID returns a pulled image; the lock is held.
func (e *fakeEngine) byID(id string) (FakeImage, bool) {
	for ref, img := range e.images {
		if img.pulled && (img.id == id || ref == id) {
			return img, true
		}
	}
	return FakeImage{}, false
}

// Pull finds the image, or makes one that behaves well.
func (f *Fake) Pull(ctx context.Context, ref string, _ *runner.Credential, progress func(runner.Progress)) (runner.Image, error) {
	if err := f.ready(ctx); err != nil {
		return runner.Image{}, err
	}
	img, ok := f.images[ref]
	if !ok {
		img = FakeImage{}.complete(ref)
	}
	f.mu.Unlock()
	if img.PullTime > 0 {
		select {
		case <-time.After(img.PullTime):
		case <-ctx.Done():
			return runner.Image{}, ctx.Err()
		}
	}
	if img.PullHeld != nil {
		select {
		case <-img.PullHeld:
		case <-ctx.Done():
			return runner.Image{}, ctx.Err()
		}
	}
	if img.PullErr != nil {
		return runner.Image{}, img.PullErr
	}
	if progress != nil {
		progress(runner.Progress{Current: img.Size, Total: img.Size})
	}
	img.pulled = true
	f.mu.Lock()
	defer f.mu.Unlock()
	f.images[ref] = img
	return img.describe(), nil
}

// Readable fails for what cannot be pulled.
func (f *Fake) Readable(ctx context.Context, ref string, _ *runner.Credential) error {
	if err := f.ready(ctx); err != nil {
		return err
	}
	defer f.mu.Unlock()
	return f.images[ref].PullErr
}

// Image returns a pulled image.
func (f *Fake) Image(ctx context.Context, id string) (runner.Image, error) {
	if err := f.ready(ctx); err != nil {
		return runner.Image{}, err
	}
	defer f.mu.Unlock()
	if img, ok := f.byID(id); ok {
		return img.describe(), nil
	}
	return runner.Image{}, runner.ErrImageNotFound
}

// Images lists what Build made.
func (f *Fake) Images(ctx context.Context) ([]runner.BuiltImage, error) {
	if err := f.ready(ctx); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	var list []runner.BuiltImage
	for ref, img := range f.images {
		if img.pulled && img.builtBy == f.installation {
			_, deployment, _ := strings.Cut(ref, ":")
			list = append(list, runner.BuiltImage{ID: img.id, Deployment: deployment})
		}
	}
	return list, nil
}

// RemoveImage forgets that it was pulled.
func (f *Fake) RemoveImage(ctx context.Context, id string) error {
	if err := f.ready(ctx); err != nil {
		return err
	}
	defer f.mu.Unlock()
	for _, b := range f.containers {
		if b.image.id == id {
			return runner.ErrInUse
		}
	}
	for ref, img := range f.images {
		if img.id == id {
			img.pulled = false
			f.images[ref] = img
		}
	}
	return nil
}
