package worker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/davitdev/davit/internal/build"
	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/source"
)

// minSpace is how many bytes must be free for a build to begin: less than that
// is gone before most of them end, and then everything on the disk stands.
const minSpace = 1 << 30

// takeSlot waits for the turn of a build: it fails with ErrNotNow until then,
// so that no handler is kept from other work. The source stays where it is, if there is room.
func (w *Worker) takeSlot(ctx context.Context, c *deploy.Claim) error {
	ahead, err := w.Deploy.TakeSlot(ctx, c, w.Builds.AtOnce, w.Limits.Deployment)
	if errors.Is(err, deploy.ErrNotNow) && w.Builds.waiting.wait(c.ID, w.Builds.sourceDir(c), ahead) {
		w.Recorder.Say(ctx, c.Row, lifecycle.Info, fmt.Sprintf("Waiting: %d builds run at a time, and %d wait before this one.", w.Builds.AtOnce, ahead))
	}
	return err
}

// adoptSource takes over the source of an earlier run that waited for a slot.
func (w *Worker) adoptSource(c *deploy.Claim) error {
	dir := w.Builds.waiting.take(c.ID)
	if dir == "" {
		return nil
	}
	if err := os.Rename(dir, w.Builds.sourceDir(c)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("adopt source: %w", err)
	}
	return nil
}

// built looks whether the source and the settings of a deployment made an image
// or a site before, and goes on with that one. It does nothing for one whose author wants
// every step run again.
func (w *Worker) built(ctx context.Context, c *deploy.Claim) (done bool, err error) {
	if c.Row.SkipBuildCache {
		return false, nil
	}
	key, err := w.Deploy.BuildKey(ctx, c.Row)
	if err != nil || key == "" {
		return false, err
	}
	same, err := w.Deploy.SameBuild(ctx, c, key)
	if err != nil || same == nil {
		return false, err
	}
	if same.Bundle != nil {
		return w.sameSite(ctx, c, same)
	}
	image, err := w.Runner.Image(ctx, same.Image.ID)
	if isNotFound(err) { // somebody removed it
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("find image: %w", err)
	}
	w.Recorder.Say(ctx, c.Row, lifecycle.Info,
		fmt.Sprintf("Source and settings are those of deployment #%d: its image is used again. Deploy without the build cache to build anew.", same.Number))
	return true, w.haveImage(ctx, c, *same.Image, image, fmt.Sprintf("the image of #%d", same.Number))
}

// makeSpace sees to it that a build has some: it removes what nobody needs, then
// what makes builds fast, or fails with DISK_FULL before anything is written.
func (w *Worker) makeSpace(ctx context.Context, c *deploy.Claim, need int64) error {
	free, err := w.Builds.Space(ctx)
	if err != nil || free >= need {
		return err
	}
	w.Recorder.Say(ctx, c.Row, lifecycle.Warning, fmt.Sprintf("Only %d MB are free: removing what is not needed first.", free>>20))
	if err := w.collect(ctx); err != nil { // what did not need the disk is done
		w.Log.WarnContext(ctx, "not everything was cleaned up", "err", err)
	}
	if free, err = w.Builds.Space(ctx); err != nil || free >= need {
		return err
	}
	if w.pruneCache(ctx, c, need-free+minSpace) { // and not the same for the next one
		if free, err = w.Builds.Space(ctx); err != nil || free >= need {
			return err
		}
	}
	return fault.New(fault.DiskFull, "Only %d MB are free for a build, which needs %d.", free>>20, need>>20).
		WithHint("Make space on the disk of the server and of its engine: docker system df says what images and build cache take, docker builder prune empties the cache.")
}

// pruneCache removes so many bytes of the build cache, if there are any, and
// reports whether it removed something.
func (w *Worker) pruneCache(ctx context.Context, c *deploy.Claim, bytes int64) bool {
	p, ok := w.Builds.Builder.(build.Pruner)
	if !ok {
		return false
	}
	removed, err := p.Prune(ctx, bytes)
	if err != nil { // then the disk is full, which is to be said
		w.Log.WarnContext(ctx, "the build cache was not emptied", "err", err)
	}
	if removed > 0 {
		w.Recorder.Say(ctx, c.Row, lifecycle.Warning, fmt.Sprintf("Removed %d MB of the build cache: the next builds take longer.", removed>>20))
	}
	return removed > 0
}

// maxWaiting is how many bytes the sources of builds that wait may take. Beyond,
// a source goes and is fetched again once it is its build's turn.
const maxWaiting = 4 << 30

// sources are those of deployments whose build waits for a slot.
type sources struct {
	mu   sync.Mutex
	byID map[string]*waitingSource
}

type waitingSource struct {
	dir   string // "" while a run has it, and if it is not kept
	size  int64
	waits bool // else a run is at it
	ahead int  // how many builds waited before it when that was said last
}

// of returns what there is about a build. mu is held.
func (s *sources) of(id string) *waitingSource {
	if s.byID == nil {
		s.byID = map[string]*waitingSource{}
	}
	if s.byID[id] == nil {
		s.byID[id] = &waitingSource{ahead: -1}
	}
	return s.byID[id]
}

// unpacked notes how much a source takes.
func (s *sources) unpacked(id string, tree *source.Tree) {
	const block = 4 << 10 // that each file takes besides
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of(id).size = tree.Bytes() + int64(tree.Files())*block
}

// wait keeps the source of a build that waits, if there is room, and reports
// whether its place differs from what was said before.
func (s *sources) wait(id, dir string, ahead int) (news bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.of(id)
	var kept int64
	for _, other := range s.byID {
		if other.dir != "" {
			kept += other.size
		}
	}
	news = one.ahead != ahead
	one.dir, one.waits, one.ahead = "", true, ahead
	if kept+one.size <= maxWaiting {
		one.dir = dir
	}
	return news
}

// take hands the source of a build that waited to a run, "" if there is none.
func (s *sources) take(id string) (dir string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one := s.byID[id]; one != nil {
		dir, one.dir, one.waits = one.dir, "", false
	}
	return dir
}

// kept reports whether the source of the run that is over is kept here, and
// forgets the build unless it waits.
func (s *sources) kept(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.byID[id]
	if one != nil && one.waits {
		return one.dir != ""
	}
	delete(s.byID, id)
	return false
}

// forget drops a build whose source is gone.
func (s *sources) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byID, id)
}
