package build

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	"github.com/moby/buildkit/identity"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/secrets/secretsprovider"
	"github.com/tonistiigi/fsutil"

	"github.com/davitdev/davit/internal/fault"
)

// repository is the first part of the name of every image built here.
const repository = "davit"

// BuildKit builds images with the BuildKit inside a Docker engine, from 20.10
// on, into the engine's own image store. All fields are required. It is safe
// for concurrent use.
//
// The engine limits neither the memory nor the CPU of its builds, and their
// commands reach whatever its containers reach.
type BuildKit struct { //nolint:revive // the name of what it uses
	// Dial and DialSession connect to the engine's /grpc and /session, as
	// docker.Engine does.
	Dial        func(ctx context.Context) (net.Conn, error)
	DialSession func(ctx context.Context, proto string, meta map[string][]string) (net.Conn, error)

	// AllowHost refuses, with SOURCE_FORBIDDEN, a host that a build must not
	// fetch from by ADD; outbound.Policy.Allow is one. It is asked before the build.
	AllowHost func(ctx context.Context, host string) error

	// Client fetches what ADD wants by http, outbound.Policy.Client is one, and
	// Scratch is the directory for what it fetches.
	Client  *http.Client
	Scratch string

	// AllowGit lets ADD fetch repositories, which the engine does: it looks the
	// host up again, follows redirects and fetches submodules. Only where a build
	// may reach whatever the engine reaches.
	AllowGit bool

	// Installation is the id on the label davit.installation of every image.
	Installation string

	// Digest is a keyed hash: a step with secrets sees that of their values, and
	// may print it to who must not guess them.
	Digest func(text string) string
}

var (
	_ Builder = (*BuildKit)(nil)
	_ Pruner  = (*BuildKit)(nil)
)

// Build implements Builder. An image has the labels davit.installation,
// davit.instance and davit.deployment.
func (b *BuildKit) Build(ctx context.Context, req Request, sink Sink) (Result, error) {
	ctx, cancel := withTimeout(ctx, req.Timeout)
	defer cancel()
	files, err := buildContext(req.Tree.FS(), req.Plan)
	if err != nil {
		return Result{}, err
	}
	c, err := b.connect(ctx)
	if err != nil {
		return Result{}, err
	}
	defer c.Close()
	scratch, err := os.MkdirTemp(b.Scratch, "remote-")
	if err != nil {
		return Result{}, fmt.Errorf("build: %w", err)
	}
	defer os.RemoveAll(scratch) //nolint:errcheck // what is left goes with the next start
	out := newReport(sink, req.Secrets)
	name := b.sourceName()
	fetched := &remote{client: b.Client, source: name + "-remote", dir: scratch, left: maxRemote}
	t := &translation{req: req, source: name, allow: b.AllowHost, git: b.AllowGit, remote: fetched, out: out, digest: b.Digest, labels: map[string]string{
		"davit.installation": b.Installation, "davit.instance": req.Instance, "davit.deployment": req.Deployment,
	}}
	defer b.dropSources(ctx, c, t.source)
	reference := Reference(req.Instance, req.Deployment)
	entry := client.ExportEntry{Type: "moby", Attrs: map[string]string{string(exptypes.OptKeyName): reference}}
	var exported *export
	if req.Export != nil {
		exported = newExport(req.Export)
		entry = client.ExportEntry{Type: client.ExporterTar, Output: exported.open}
	}
	answer, err := solve(ctx, c, t, out, client.SolveOpt{
		Exports:     []client.ExportEntry{entry},
		LocalMounts: map[string]fsutil.FS{t.source: files, fetched.source: lateFiles{fetched}},
		// With a key used before, the engine would transfer only files whose
		// size or time differs, and an unpacked archive shows neither.
		SharedKey: identity.NewID(),
		Session:   []session.Attachable{secretsprovider.FromMap(req.Secrets)},
	})
	if exported != nil {
		if failed := exported.wait(err); failed != nil && ctx.Err() == nil {
			return Result{}, failed
		}
	}
	if err != nil {
		return Result{}, t.failure(ctx, err, out)
	}
	if exported != nil {
		return Result{Platform: t.platform, CacheHit: out.cached()}, nil
	}
	// The ID: the digest of the configuration, or of the manifest in an engine
	// that keeps images in containerd.
	image := answer.ExporterResponse[exptypes.ExporterImageDigestKey]
	if image == "" {
		return Result{}, errors.New("build: the engine does not say which image it made")
	}
	return Result{Image: image, Reference: reference, Platform: t.platform, CacheHit: out.cached()}, nil
}

func (b *BuildKit) connect(ctx context.Context) (*client.Client, error) {
	c, err := client.New(ctx, "", client.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return b.Dial(ctx) }),
		client.WithSessionDialer(b.DialSession))
	if err != nil {
		return nil, fmt.Errorf("build: %w", err)
	}
	return c, nil
}

func withTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if d == 0 {
		d = defaultTimeout
	}
	return context.WithTimeoutCause(ctx, d, fault.New(fault.BuildTimeout, "The build took longer than %s.", d).
		WithHint("Its last lines say what it was at. Make it end sooner, or build the image elsewhere and deploy that."))
}

// solve runs a translation and returns once everything about it is told.
func solve(ctx context.Context, c *client.Client, t *translation, out *report, opt client.SolveOpt) (*client.SolveResponse, error) {
	statuses := make(chan *client.SolveStatus)
	told := make(chan struct{})
	go func() {
		defer close(told)
		out.follow(statuses)
	}()
	answer, err := c.Build(ctx, opt, "davit", t.run, statuses)
	<-told
	out.finish()
	return answer, err
}
