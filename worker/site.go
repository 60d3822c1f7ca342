package worker

import (
	"context"
	"fmt"
	"io"
	"path"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/internal/build"
	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/site"
	"github.com/davitdev/davit/internal/spec"
)

// buildSite makes a bundle: of files in the source, for which nothing is needed
// but a disk, or of what a build leaves.
func (w *Worker) buildSite(ctx context.Context, c *deploy.Claim, req build.Request, secrets []string) error {
	options := site.Options{SPA: req.Plan.SPA}
	if req.Plan.Language != "" {
		return w.exportSite(ctx, c, req, secrets, options)
	}
	dir := path.Join(".", req.Plan.Context, req.Plan.OutputDirectory)
	if dir == path.Join(".", req.Plan.Context) { // the whole source, not what is not for readers
		var err error
		if options.Skip, err = build.Ignored(req.Tree.FS(), req.Plan); err != nil {
			return err
		}
	}
	ctx, cancel := within(ctx, w.Builds.Limit, fault.New(fault.BuildTimeout, "The files of the site were not packed within %s.", w.Builds.Limit))
	defer cancel()
	bundle, err := w.bundle(ctx, c, options, func(to *site.Writer) error {
		return site.AddTree(ctx, to, req.Tree.FS(), dir)
	})
	if err != nil {
		return cause(ctx, err)
	}
	return w.haveBundle(ctx, c, bundle, "", "")
}

// exportSite runs a build and makes a bundle of its files as they come.
func (w *Worker) exportSite(ctx context.Context, c *deploy.Claim, req build.Request, secrets []string, o site.Options) error {
	sink, err := w.newSink(ctx, c, secrets)
	if err != nil {
		return err
	}
	var result build.Result
	bundle, err := w.bundle(ctx, c, o, func(to *site.Writer) error {
		req.Export = func(files io.Reader) error { return site.AddTar(to, files) }
		result, err = w.Builds.Builder.Build(ctx, req, sink)
		return err
	})
	if serr := sink.close(ctx); err == nil {
		err = serr
	}
	if err != nil {
		return w.buildFault(err)
	}
	detail := ""
	if result.CacheHit {
		detail = "nothing changed: all from cache, "
	}
	return w.haveBundle(ctx, c, bundle, result.Platform, detail)
}

// bundle writes the bundle whose files add brings, and says in the log what is
// to be said about it. What the bundle that serves has compressed is taken over.
func (w *Worker) bundle(ctx context.Context, c *deploy.Claim, o site.Options, add func(*site.Writer) error) (site.Bundle, error) {
	serves, err := w.Deploy.ServedBundle(ctx, c.Row.InstanceID)
	if err != nil {
		return site.Bundle{}, err
	}
	if serves != "" {
		o.Like = []string{serves}
	}
	to := w.Builds.Sites.Write(ctx, o)
	defer to.Close()
	if err := add(to); err != nil {
		return site.Bundle{}, err
	}
	b, err := to.Commit()
	if err != nil {
		return b, err
	}
	b.Had = b.ID == serves // whoever else has an equal site is nobody's business
	for _, note := range b.Notes {
		w.Recorder.Say(ctx, c.Row, lifecycle.Warning, note)
	}
	return b, nil
}

// haveBundle notes the bundle and goes on to serve it. built is what to say
// before its size.
func (w *Worker) haveBundle(ctx context.Context, c *deploy.Claim, b site.Bundle, platform, built string) error {
	detail := fmt.Sprintf("%d files, %d KB", b.Files, (b.Bytes+999)/1000)
	if b.Files == 1 {
		detail = fmt.Sprintf("1 file, %d KB", (b.Bytes+999)/1000)
	}
	if b.Had {
		detail += ", the same as before"
	}
	w.Recorder.Say(ctx, c.Row, lifecycle.Info, fmt.Sprintf("The site has %s (%s).", detail, b.ID[:12]))
	if err := w.Deploy.EndBuild(ctx, c, platform); err != nil {
		return err
	}
	ref := &spec.BundleRef{Digest: b.ID, Files: b.Files, SizeBytes: b.Bytes}
	phases := c.Row.Phases.EndAll(lifecycle.PhaseSucceeded, time.Now().UTC(), built+detail)
	return w.Deploy.Advance(ctx, c, lifecycle.Deploying, func(u *ent.DeploymentUpdate) { u.SetBundle(ref).SetPhases(phases) })
}

// sameSite serves the files of another deployment, which was made of the same,
// unless they are gone.
func (w *Worker) sameSite(ctx context.Context, c *deploy.Claim, same *ent.Deployment) (done bool, err error) {
	err = w.Builds.Sites.Verify(same.Bundle.Digest)
	if fault.Is(err, fault.ImageNotKept) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	w.Recorder.Say(ctx, c.Row, lifecycle.Info,
		fmt.Sprintf("Source and settings are those of deployment #%d: its files are used again. Deploy without the build cache to build anew.", same.Number))
	phases := c.Row.Phases.EndAll(lifecycle.PhaseSucceeded, time.Now().UTC(), fmt.Sprintf("the files of #%d", same.Number))
	return true, w.Deploy.Advance(ctx, c, lifecycle.Deploying, func(u *ent.DeploymentUpdate) { u.SetBundle(same.Bundle).SetPhases(phases) })
}

// serveSite switches requests to a bundle, once it is certain that all of it is
// there. Nothing has to start.
func (w *Worker) serveSite(ctx context.Context, c *deploy.Claim) error {
	if len(c.Row.Settings.PreDeployCommand) > 0 {
		w.Recorder.Say(ctx, c.Row, lifecycle.Warning, "The pre-deploy command does not run: a static site has no container to run it in.")
	}
	if err := w.Deploy.BeginPhase(ctx, c, lifecycle.PhaseSwitchTraffic, deploy.MaxAttempts); err != nil {
		return err
	}
	if err := w.Builds.Sites.Verify(c.Row.Bundle.Digest); err != nil {
		return err
	}
	return w.Deploy.Switch(ctx, c)
}

// collectSites removes the bundles that neither a kept deployment nor a route of
// the proxy needs, and the files that are in none.
func (w *Worker) collectSites(ctx context.Context) error {
	swept, err := w.Builds.Sites.Sweep(time.Now().Add(-deploy.SiteGrace), func([]string) (map[string]bool, error) {
		needed, err := w.Deploy.Needed(ctx)
		if err != nil {
			return nil, err
		}
		routed, err := w.Router.Bundles(ctx) // it may be behind the rows
		for _, id := range routed {
			needed.Bundles[id] = true
		}
		return needed.Bundles, err
	})
	if len(swept.Bundles) > 0 || swept.Blobs > 0 {
		w.Log.InfoContext(ctx, "removed static sites", "bundles", len(swept.Bundles), "files", swept.Blobs, "bytes", swept.Bytes)
	}
	return err
}
