package build

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerui"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/spec"
)

// translation turns the Dockerfile of a request into BuildKit's own terms, in
// this process: an old engine needs to know none of the syntax, no frontend is
// fetched for "# syntax=", and everything a build wants to reach can be looked
// at before it starts.
type translation struct {
	req    Request
	source string // what the build context is called in the engine
	labels map[string]string
	allow  func(ctx context.Context, host string) error
	digest func(text string) string // keyed
	git    bool                     // ADD may fetch repositories
	remote *remote
	out    *report

	// Set by run.
	graph    *graph
	platform string
	err      error // why it was given up; the engine only passes on its text
}

// run is a gateway.BuildFunc: the engine waits for what it returns.
func (t *translation) run(ctx context.Context, c gateway.Client) (_ *gateway.Result, err error) {
	defer func() { t.err = err }() // last
	defer survive(&err)
	def, config, err := t.translate(ctx, c)
	if err != nil {
		return nil, err
	}
	result, err := c.Solve(ctx, gateway.SolveRequest{Definition: def})
	if err != nil {
		return nil, err
	}
	result.AddMeta(exptypes.ExporterImageConfigKey, config)
	return result, nil
}

// survive makes a panic an error: a parser of what anybody wrote is no reason for
// everything else to end. It is deferred, in each goroutine.
func survive(err *error) {
	if p := recover(); p != nil {
		*err = &panicError{p, debug.Stack()}
	}
}

type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v\n%s", e.value, e.stack) }

func (t *translation) translate(ctx context.Context, c gateway.Client) (*pb.Definition, []byte, error) {
	text := t.req.Plan.Dockerfile
	file, err := parseDockerfile(text)
	if err != nil {
		return nil, nil, err
	}
	if err := checkFile(text, file, t.req.Args); err != nil {
		return nil, nil, err
	}
	opts := c.BuildOpts()
	if len(opts.Workers) == 0 || len(opts.Workers[0].Platforms) == 0 {
		return nil, nil, fault.New(fault.RunnerAway, "The Docker engine has no BuildKit.")
	}
	platform := opts.Workers[0].Platforms[0]
	images := &resolver{next: c, file: file, args: t.req.Args, anew: t.req.NoCache, may: t.req.Readable}
	state, image, _, _, err := dockerfile2llb.Dockerfile2LLB(ctx, text, dockerfile2llb.ConvertOpt{
		Config: dockerui.Config{
			BuildArgs:        t.req.Args,
			CacheIDNamespace: t.cacheScope(),
			ImageResolveMode: llb.ResolveModePreferLocal,
			Labels:           t.labels,
			Target:           t.req.Target,
		},
		TargetPlatform: &platform,
		MetaResolver:   images,
		SourceMap:      llb.NewSourceMap(nil, "Dockerfile", "Dockerfile", text),
		LLBCaps:        &opts.LLBCaps,
	})
	if err != nil {
		return nil, nil, t.explain(ctx, err)
	}
	def, err := state.Marshal(ctx)
	if err != nil {
		return nil, nil, t.explain(ctx, err)
	}
	if err := rewrite(def, t.own); err != nil {
		return nil, nil, err
	}
	if t.graph, err = readGraph(def); err != nil {
		return nil, nil, err
	}
	if err := t.graph.check(ctx, text, sources{context: t.source, image: images.resolved, allow: t.allow, git: t.git}); err != nil {
		return nil, nil, err
	}
	if err := t.fetch(ctx, def); err != nil {
		return nil, nil, err
	}
	t.starts(&image.Config)
	config, err := json.Marshal(image)
	if err != nil {
		return nil, nil, fmt.Errorf("image configuration: %w", err)
	}
	t.platform = platform.OS + "/" + platform.Architecture
	out := def.ToPB()
	if t.req.NoCache {
		for id, meta := range out.Metadata {
			meta.IgnoreCache = t.graph.runs(id)
		}
	}
	return out, config, nil
}

// own gives a step what tells it from those of others: the source its name, and a
// step with secrets who may share what it makes and with which values, because
// the engine looks at no secret before it takes a step from the cache.
func (t *translation) own(_ string, op *pb.Op) (changed bool) {
	const scheme = "local://"
	if s := op.GetSource(); s.GetIdentifier() == scheme+dockerui.DefaultLocalNameContext {
		s.Identifier, changed = scheme+t.source, true
	}
	if ids := secretsOf(op.GetExec()); len(ids) > 0 {
		text := fmt.Appendf(nil, "%q", t.cacheScope())
		for _, id := range ids {
			text = fmt.Appendf(text, "%q%q", id, t.req.Secrets[id])
		}
		e := op.GetExec() // of which 20.10 looks at no mount either
		e.Meta.Env, changed = append(e.Meta.Env, "DAVIT_CACHE_SCOPE="+t.digest(string(text))), true
	}
	return changed
}

func (t *translation) cacheScope() string { return cmp.Or(t.req.CacheScope, t.req.Instance) }

// secretsOf are the ids of the secrets that a command sees.
func secretsOf(e *pb.ExecOp) (ids []string) {
	for _, m := range e.GetMounts() {
		if m.MountType == pb.MountType_SECRET {
			ids = append(ids, m.GetSecretOpt().GetID())
		}
	}
	for _, env := range e.GetSecretenv() {
		ids = append(ids, env.ID)
	}
	return ids
}

// starts makes the image of somebody's Dockerfile start as the settings and
// davit.toml say. One that was made here says so itself.
func (t *translation) starts(c *dockerspec.DockerOCIImageConfig) {
	p := t.req.Plan
	if p.Builder != Dockerfile {
		return
	}
	for _, process := range p.Processes {
		if process.Name == spec.MainProcess {
			c.Entrypoint, c.Cmd = process.Argv, nil
		}
	}
	if p.Port != 0 {
		c.ExposedPorts = map[string]struct{}{strconv.Itoa(p.Port) + "/tcp": {}}
	}
}

// explain blames the Dockerfile for what the translation says, unless it is
// about an image, has been explained already or comes from outside.
func (t *translation) explain(ctx context.Context, err error) error {
	_, known := errors.AsType[*fault.Error](err)
	_, ours := errors.AsType[*panicError](err)
	image, ok := errors.AsType[*imageError](err)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case ok:
		return explainImage(image)
	case known, ours:
		return err
	}
	return invalidDockerfile(t.req.Plan.Dockerfile, err)
}

// checkFile looks at a Dockerfile before it is translated.
func checkFile(text []byte, file dockerfile, args map[string]string) error {
	for _, s := range file.stages {
		for _, c := range s.Commands {
			if problem := checkShape(c); problem != "" {
				return atLine(text, c.Location()[0].Start.Line, fault.SourceForbidden, "%s.", problem)
			}
		}
	}
	if overBudget(file, nil, nil, args) {
		return errTooLarge()
	}
	return nil
}
