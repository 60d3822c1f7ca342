package worker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/ident"
	"github.com/davitdev/davit/runner"
)

const (
	collectFirst = time.Minute      // after the start, which has better things to do
	collectEvery = 10 * time.Minute // between two clean-ups

	// partAge is when an upload that nobody wrote to is broken off: its URL no
	// longer works.
	partAge = 2 * deploy.UploadGrace
)

// collectLoop removes, now and then, what is kept outside of the rows and what
// no row needs.
func (w *Worker) collectLoop(ctx context.Context) error {
	timer := time.NewTimer(collectFirst)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		if err := unlessPanic(ctx, w.collect); err != nil && ctx.Err() == nil {
			w.Log.WarnContext(ctx, "not everything was cleaned up", "err", err)
		}
		timer.Reset(collectEvery)
	}
}

// collect looks at everything once. Each part looks at what is there first and
// at the rows then: whatever is made has a row before.
func (w *Worker) collect(ctx context.Context) error {
	err := errors.Join(w.Deploy.ForgetUploads(ctx), w.Deploy.Forget(ctx), w.Deploy.ForgetRuns(ctx), w.Deploy.ForgetFiles(ctx), w.Auth.Forget(ctx))
	return errors.Join(err, w.collectUploads(ctx), w.collectImages(ctx), w.collectSites(ctx), w.collectScratch(ctx), w.collectLogs(ctx), w.closeLogs(ctx))
}

// collectUploads removes the archives that are no artifact's.
func (w *Worker) collectUploads(ctx context.Context) error {
	if _, err := w.Builds.Uploads.Sweep(partAge); err != nil {
		return err
	}
	archives, err := w.Builds.Uploads.List()
	if err != nil {
		return err
	}
	for _, a := range archives {
		needed, err := w.Deploy.UploadNeeded(ctx, a.SHA256)
		if err != nil {
			return fmt.Errorf("find artifact: %w", err)
		}
		if needed {
			continue
		}
		if err := w.Builds.Uploads.Remove(a.SHA256); err != nil {
			return err
		}
		w.Log.InfoContext(ctx, "removed an upload", "sha256", a.SHA256, "bytes", a.Size)
	}
	return nil
}

// collectImages removes the images that were built here and that no kept
// deployment runs. Images of registries are not ours to remove.
func (w *Worker) collectImages(ctx context.Context) error {
	images, err := w.Runner.Images(ctx)
	if err != nil {
		return fmt.Errorf("list images: %w", err)
	}
	needed, err := w.Deploy.Needed(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, i := range images {
		mayCome := needed.UnderWay[i.Deployment] || i.Deployment == "" && needed.Building
		if needed.Images[i.ID] || mayCome {
			continue
		}
		err := w.Runner.RemoveImage(ctx, i.ID)
		if errors.Is(err, runner.ErrInUse) { // by a container that drains, or that is somebody else's
			continue
		}
		if err == nil {
			w.Log.InfoContext(ctx, "removed an image", "image", i.ID, "deployment", i.Deployment)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// collectScratch removes the sources that deployments left unpacked. What else
// lies there is of this process, and in use.
func (w *Worker) collectScratch(ctx context.Context) error {
	entries, err := os.ReadDir(w.Builds.Scratch)
	if err != nil {
		return fmt.Errorf("list scratch: %w", err)
	}
	if len(entries) == 0 {
		return nil
	}
	needed, err := w.Deploy.Needed(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		id, _, _ := strings.Cut(e.Name(), "-")
		if !ident.Is(id, ident.Deployment) || needed.UnderWay[id] {
			continue
		}
		errs = append(errs, os.RemoveAll(filepath.Join(w.Builds.Scratch, e.Name())))
		w.Builds.waiting.forget(id)
	}
	return errors.Join(errs...)
}

// collectLogs removes the logs of instances and commands that are gone.
func (w *Worker) collectLogs(ctx context.Context) error {
	groups, err := w.Recorder.Logs.Groups()
	if err != nil {
		return err
	}
	var errs []error
	for _, id := range groups {
		find := w.Deploy.InstanceExists
		switch kind, _ := ident.KindOf(id); kind {
		case ident.Instance:
		case ident.Operation:
			find = w.Deploy.OperationExists
		default:
			continue
		}
		exists, err := find(ctx, id)
		if err != nil {
			return fmt.Errorf("find %s: %w", id, err)
		}
		if !exists {
			errs = append(errs, w.Recorder.Forget(ctx, id))
		}
	}
	return errors.Join(errs...)
}
