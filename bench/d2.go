package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	buildkit "github.com/moby/buildkit/client"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	"github.com/moby/buildkit/frontend/dockerui"
	"github.com/tonistiigi/fsutil"
)

// deployChange is D2. The source is a Dockerfile and a script that it copies; in
// each round each subject gets a script of its own, so that what is before it
// comes from the cache and what it makes never does. Davit's clock begins when
// it is told the directory and ends with the first answer of the new version
// through its proxy, which takes over from the version before. What it is
// compared to has the same Dockerfile built by the same BuildKit with the
// frontend in the engine, sends only files that changed, and starts a container
// of the image.
func deployChange(ctx context.Context, b *bench) (err error) {
	e, err := openEngine(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.close(ctx)) }()
	app, err := e.testImage(ctx)
	if err != nil {
		return err
	}
	d, err := install(ctx, b.program)
	if err != nil {
		return err
	}
	labels := []string{"davit.installation=" + d.id, rawLabel()}
	defer func() {
		err = errors.Join(err, d.remove(ctx))
		for _, label := range labels {
			err = errors.Join(err, e.removeImages(ctx, label))
		}
	}()
	s, err := d.makeService(ctx, "app", "WEB", fromUpload(), nil)
	if err != nil {
		return err
	}
	sources := filepath.Join(filepath.Dir(d.config.Data), "sources")
	davit, raw := project{dir: filepath.Join(sources, "davit"), app: app}, project{dir: filepath.Join(sources, "raw"), app: app}
	changed := func(p *project, op func(context.Context) ([]time.Duration, error)) func(context.Context) ([]time.Duration, error) {
		return func(ctx context.Context) ([]time.Duration, error) {
			if err := p.change(); err != nil {
				return nil, err
			}
			return op(ctx)
		}
	}
	subjects := []subject{{
		name: "Davit", cpu: d.cpu,
		op: changed(&davit, func(ctx context.Context) ([]time.Duration, error) {
			began := time.Now()
			made, err := d.deployDir(ctx, s, davit.dir)
			if err != nil {
				return nil, err
			}
			var took time.Duration
			err = d.serves(ctx, made, davit.version, func() { took = time.Since(began) })
			return []time.Duration{took}, err
		}),
	}}
	peer := func(name string, run func(ctx context.Context, image string) (string, error)) {
		one := e.starting(name, func(ctx context.Context) (string, error) {
			image, err := e.build(ctx, raw)
			if err != nil {
				return "", err
			}
			return run(ctx, image)
		})
		one.op = changed(&raw, one.op)
		subjects = append(subjects, one)
	}
	peer("BuildKit + Engine API: build + create + start + 200", e.run)
	const cli = "BuildKit, docker run -d, curl until 200"
	if missing := lookPaths("docker", "curl"); missing == nil {
		addr, err := freePort(ctx)
		if err != nil {
			return err
		}
		peer(cli, func(ctx context.Context, image string) (string, error) { return dockerRun(ctx, image, addr) })
	} else {
		b.skip(cli, missing)
	}
	all, err := b.interleave(ctx, subjects...)
	if err != nil {
		return err
	}
	for _, bare := range all[1:] {
		over := extra(all[0], bare)
		r := rowOf(all[0]).beside(all[0], bare)
		b.add(r, rowOf(bare), row{Subject: "Davit's overhead", Unit: "ms", P50: millis(over), Peer: bare.name}.
			target("≤ 5 % or 50 ms", r.Ratio.Median <= 1.05 || over <= 50*time.Millisecond))
	}
	return nil
}

// project is a directory that is built to an image.
type project struct {
	dir, app string
	version  string // what the application answers
	changes  int
}

// change gives the application another version: one file changes.
func (p *project) change() error {
	if p.changes == 0 {
		text := fmt.Sprintf("FROM debian:bookworm-slim\nCOPY --from=%s /app /usr/local/bin/app\nCOPY start /usr/local/bin/start\nEXPOSE %d\nCMD [\"start\"]\n", p.app, appPort)
		err := errors.Join(os.MkdirAll(p.dir, 0o700), os.WriteFile(filepath.Join(p.dir, "Dockerfile"), []byte(text), 0o600))
		if err != nil {
			return err
		}
	}
	p.changes++
	p.version = fmt.Sprintf("%s-%d-%d", filepath.Base(p.dir), os.Getpid(), p.changes)
	script := "#!/bin/sh\nexec app -version " + p.version + "\n"
	return os.WriteFile(filepath.Join(p.dir, "start"), []byte(script), 0o755) //nolint:gosec // a program
}

// rawLabel is on the images of this process that Davit did not build.
func rawLabel() string { return fmt.Sprintf("davit.bench=%d", os.Getpid()) }

// build builds a directory as docker buildx does with the engine's own BuildKit,
// and returns the image's id.
func (e *engine) build(ctx context.Context, p project) (string, error) {
	dial := func(ctx context.Context, _ string) (net.Conn, error) {
		return e.api.DialHijack(ctx, "/grpc", "h2c", nil)
	}
	session := func(ctx context.Context, proto string, meta map[string][]string) (net.Conn, error) {
		return e.api.DialHijack(ctx, "/session", proto, meta)
	}
	c, err := buildkit.New(ctx, "", buildkit.WithContextDialer(dial), buildkit.WithSessionDialer(session))
	if err != nil {
		return "", err
	}
	defer c.Close()
	files, err := fsutil.NewFS(p.dir)
	if err != nil {
		return "", err
	}
	label, value, _ := strings.Cut(rawLabel(), "=")
	answer, err := c.Solve(ctx, nil, buildkit.SolveOpt{
		Frontend: "dockerfile.v0", FrontendAttrs: map[string]string{"label:" + label: value, "image-resolve-mode": "local"},
		LocalMounts: map[string]fsutil.FS{dockerui.DefaultLocalNameContext: files, dockerui.DefaultLocalNameDockerfile: files},
		SharedKey:   p.dir,
		Exports:     []buildkit.ExportEntry{{Type: "moby"}},
	}, nil)
	if err != nil {
		return "", fmt.Errorf("raw build: %w", err)
	}
	return answer.ExporterResponse[exptypes.ExporterImageDigestKey], nil
}
