package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/internal/build"
	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/git"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/logs"
	"github.com/davitdev/davit/internal/site"
	"github.com/davitdev/davit/internal/source"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/runner"
)

// Builds makes images and static sites of sources. All fields are required.
type Builds struct {
	Uploads *source.Store
	Sites   *site.Store
	Git     *git.Git
	Builder build.Builder
	Scratch string // directory for sources under way, emptied at start
	Limit   time.Duration
	AtOnce  int // builds of this process that run at a time
	// Space is how many bytes are free where builds write.
	Space func(ctx context.Context) (int64, error)

	waiting sources
	fetches turns
}

// detect gets the source and finds out how it is built.
func (w *Worker) detect(ctx context.Context, c *deploy.Claim) error {
	if err := w.Deploy.BeginPhase(ctx, c, lifecycle.PhaseFetchSource, deploy.MaxAttempts); err != nil {
		return err
	}
	if done, err := w.built(ctx, c); done || err != nil {
		return err
	}
	tree, err := w.fetch(ctx, c)
	if err != nil {
		return err
	}
	defer tree.Close()
	if c.Row.Source.Git != nil { // its commit was not known before
		if done, err := w.built(ctx, c); done || err != nil {
			return err
		}
	}
	detail := fmt.Sprintf("%d files", tree.Files())
	if tree.Files() == 1 {
		detail = "1 file"
	}
	if commit := c.Row.Commit; commit != nil {
		detail += ", commit " + commit.SHA[:10]
	}
	if err := w.Deploy.EndPhase(ctx, c, lifecycle.PhaseFetchSource, detail); err != nil {
		return err
	}
	if err := w.Deploy.BeginPhase(ctx, c, lifecycle.PhaseDetect, 1); err != nil {
		return err
	}
	in, err := w.buildInput(ctx, c.Row)
	if err != nil {
		return err
	}
	plan, err := detect(tree, in)
	if err != nil {
		return err
	}
	for _, line := range plan.Trace {
		w.Recorder.Say(ctx, c.Row, lifecycle.Info, line)
	}
	return w.Deploy.BeginBuild(ctx, c, plan.Builder, planned(plan))
}

// detect says how a source is built. It refuses a program where files are asked
// for, and files where something has to run.
func detect(tree *source.Tree, in buildInput) (build.Plan, error) {
	plan, err := build.Detect(tree.FS(), in.options)
	switch {
	case err != nil:
		return plan, err
	case plan.Builder != build.Static && in.options.Builder == build.Static:
		return build.Plan{}, fault.New(fault.NotBuildable, "The source is a program that has to run, and the service is a static site.").
			WithHint("Set the directory of the files that its build makes as output directory, or make a service of kind WEB of it.")
	case plan.Builder == build.Static && in.kind != spec.StaticSite && in.kind != spec.Web:
		return build.Plan{}, fault.New(fault.NotBuildable, "The source is files, and a service of kind %s has to run something.", in.kind).
			WithHint("Add what runs, with a start command, or make a static site of it.")
	}
	return plan, nil
}

// planned says in a few words how a source is built and started.
func planned(p build.Plan) string {
	const most = 200
	what := strings.Join(strings.Fields(p.Language+" "+p.Version+" "+p.Framework), " ")
	switch {
	case p.DockerfilePath != "":
		what = p.DockerfilePath
	case what == "" && p.Builder == build.Static:
		what = "files"
	}
	parts := []string{what, p.Build, p.Start}
	if p.Port != 0 {
		parts = append(parts, fmt.Sprintf("port %d", p.Port))
	}
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
	text := []rune(strings.Join(strings.Fields(strings.Join(parts, "; ")), " "))
	if len(text) > most {
		text = append(text[:most], '…')
	}
	return string(text)
}

// buildInput is what people said about the build of a deployment.
type buildInput struct {
	options build.Options
	secrets map[string][]byte // by name; only as mounts: an argument would stay in the image
	mask    []string          // values that no log may show
	kind    spec.Kind
}

func (w *Worker) buildInput(ctx context.Context, d *ent.Deployment) (buildInput, error) {
	env, err := w.Deploy.OpenVariables(ctx, d.Variables, func(v spec.VariableRef) bool { return v.Build })
	if err != nil {
		return buildInput{}, err
	}
	kind, err := w.Deploy.KindOf(ctx, d.ServiceID)
	if err != nil {
		return buildInput{}, err
	}
	in := buildInput{options: buildOptions(d), secrets: map[string][]byte{}, mask: env.Secrets, kind: kind}
	if kind == spec.StaticSite || d.Settings.Builder == spec.Static {
		in.options.Builder = build.Static
	}
	for _, v := range d.Variables {
		value, given := env.Values[v.Name]
		switch {
		case !given:
		case v.Secret:
			in.secrets[v.Name] = []byte(value)
			in.options.Secrets = append(in.options.Secrets, v.Name)
		default:
			if _, said := in.options.Args[v.Name]; !said {
				in.options.Args[v.Name] = value
			}
		}
	}
	return in, nil
}

// buildOptions are the settings of a deployment. What they leave out is for
// davit.toml and detection to say.
func buildOptions(d *ent.Deployment) build.Options {
	s := d.Settings
	o := build.Options{
		Language: s.Language, LanguageVersion: s.LanguageVersion, DockerfilePath: s.DockerfilePath, DockerTarget: s.DockerTarget,
		Args: map[string]string{}, InstallCommand: s.InstallCommand, BuildCommand: s.BuildCommand, StartCommand: s.StartCommand,
		OutputDirectory: s.OutputDirectory, Packages: slices.Clone(s.Packages), Port: s.Port,
	}
	if s.Builder == spec.Dockerfile {
		o.Builder = build.Dockerfile
	}
	if git := d.Source.Git; git != nil {
		o.RootDirectory = git.RootDirectory
	}
	for _, a := range s.BuildArgs {
		o.Args[a.Key] = a.Value
	}
	return o
}

// build makes an image or a static site of the source, once it is its turn.
func (w *Worker) build(ctx context.Context, c *deploy.Claim) error {
	if err := w.takeSlot(ctx, c); err != nil {
		return err
	}
	if err := w.Deploy.BeginPhase(ctx, c, lifecycle.PhaseBuild, deploy.MaxAttempts); err != nil {
		return err
	}
	if err := w.makeSpace(ctx, c, minSpace); err != nil {
		return err
	}
	tree, err := w.fetched(ctx, c)
	if err != nil {
		return err
	}
	defer tree.Close()
	req, secrets, err := w.buildRequest(ctx, c, tree)
	if err != nil {
		return err
	}
	if req.Plan.Builder == build.Static {
		return w.buildSite(ctx, c, req, secrets)
	}
	if err := w.dropEarlier(ctx, c); err != nil {
		return err
	}
	sink, err := w.newSink(ctx, c, secrets)
	if err != nil {
		return err
	}
	result, err := w.Builds.Builder.Build(ctx, req, sink)
	if serr := sink.close(ctx); err == nil {
		err = serr
	}
	if err != nil {
		return w.buildFault(err)
	}
	image, err := w.Runner.Image(ctx, result.Image)
	if err != nil {
		return fmt.Errorf("find built image: %w", err)
	}
	if err := w.Deploy.EndBuild(ctx, c, result.Platform); err != nil {
		return err
	}
	detail := ""
	if result.CacheHit {
		detail = "nothing changed: all from cache"
	}
	return w.haveImage(ctx, c, spec.ImageRef{Reference: result.Reference, PreDeploy: req.Plan.PreDeploy, Processes: besides(req.Plan)}, image, detail)
}

// besides are the processes of a plan that the image does not start by itself.
// Where none is called web, it starts the first.
func besides(p build.Plan) []spec.ImageProcess {
	main := slices.IndexFunc(p.Processes, func(one build.Process) bool { return one.Name == spec.MainProcess })
	if main < 0 {
		main = slices.IndexFunc(p.Processes, func(one build.Process) bool { return one.Command == p.Start })
	}
	var out []spec.ImageProcess
	for n, one := range p.Processes {
		if n != main && len(out) < spec.MaxProcesses {
			out = append(out, spec.ImageProcess{Name: one.Name, Argv: one.Argv})
		}
	}
	return out
}

// dropEarlier removes the image that an attempt made which was cut short: the
// next one takes its name away, and then nobody could tell whose it is.
func (w *Worker) dropEarlier(ctx context.Context, c *deploy.Claim) error {
	image, err := w.Runner.Image(ctx, build.Reference(c.Row.InstanceID, c.ID))
	if isNotFound(err) {
		return nil
	}
	if err == nil {
		err = w.Runner.RemoveImage(ctx, image.ID)
	}
	if err != nil && !errors.Is(err, runner.ErrInUse) { // somebody gave it a name: theirs to remove
		return fmt.Errorf("remove image of an earlier attempt: %w", err)
	}
	return nil
}

func (w *Worker) buildRequest(ctx context.Context, c *deploy.Claim, tree *source.Tree) (build.Request, []string, error) {
	d := c.Row
	in, err := w.buildInput(ctx, d)
	if err != nil {
		return build.Request{}, nil, err
	}
	plan, err := detect(tree, in)
	if err != nil {
		return build.Request{}, nil, err
	}
	req := build.Request{
		Tree: tree, Plan: plan, Instance: d.InstanceID, Deployment: d.ID, CacheScope: d.Edges.Project.WorkspaceID,
		Readable: func(ctx context.Context, image string) error {
			return w.readable(ctx, d.Edges.Project.WorkspaceID, image)
		},
		Target: plan.DockerTarget, Args: plan.Args, Secrets: in.secrets, NoCache: d.SkipBuildCache, Timeout: w.Builds.Limit,
	}
	return req, in.mask, nil
}

// buildFault adds to a failed build what explains it.
func (w *Worker) buildFault(err error) error {
	e, ok := errors.AsType[*build.Error](err)
	if !ok {
		return err
	}
	app := &lifecycle.AppError{Err: err}
	if e.ExitCode != 0 {
		app.ExitCode = &e.ExitCode
	}
	for _, l := range e.Last {
		app.Excerpt = append(app.Excerpt, lifecycle.ExcerptLine{Time: l.Time.UTC(), Stream: string(logs.Build), Message: l.Text})
	}
	return app
}
