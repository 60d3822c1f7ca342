package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// traefik is Traefik with its file provider. It logs no request, which is its
// default.
type traefik struct {
	*program
	routes map[string]string // applications by host
}

// startTraefik starts Traefik before an application.
func startTraefik(ctx context.Context, b *bench, app string, flags ...string) (*traefik, error) {
	path, err := b.built(ctx, "traefik", "github.com/traefik/traefik/v3/cmd/traefik")
	if err != nil {
		return nil, err
	}
	t := &traefik{routes: map[string]string{}}
	t.program, err = startProgram(ctx, func(p *program) error {
		t.program = p
		if err := t.route(benchHost, app); err != nil {
			return err
		}
		return p.start(ctx, path, append([]string{
			"--entryPoints.web.address=" + p.addr, "--providers.file.filename=" + t.config(),
			"--global.checkNewVersion=false", "--global.sendAnonymousUsage=false", "--log.level=ERROR",
		}, flags...)...)
	})
	return t, err
}

func (t *traefik) config() string { return filepath.Join(t.dir, "routes.yml") }

// route has an application served for a host beside the others in routes.
// Traefik watches the file, whose content changes at once.
func (t *traefik) route(host, app string) error {
	t.routes[host] = app
	var routers, services strings.Builder
	for host, app := range t.routes {
		name, _, _ := strings.Cut(host, ".")
		fmt.Fprintf(&routers, "    %s: {rule: \"Host(`%s`)\", entryPoints: [web], service: %s}\n", name, host, name)
		fmt.Fprintf(&services, "    %s: {loadBalancer: {servers: [{url: \"http://%s\"}]}}\n", name, app)
	}
	temp, err := t.file("routes.new", "http:\n  routers:\n%s  services:\n%s", routers.String(), services.String())
	if err != nil {
		return err
	}
	return os.Rename(temp, t.config())
}
