package docker

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/distribution/reference"
	"github.com/moby/moby/api/pkg/authconfig"
	"github.com/moby/moby/api/types/registry"
	"github.com/moby/moby/client"

	"github.com/davitdev/davit/runner"
)

// official begins the names of images that Docker gives to everybody.
const official = "docker.io/library/"

// Readable asks the registry through the engine, whatever the machine holds.
func (e *Engine) Readable(ctx context.Context, ref string, cred *runner.Credential) error {
	s, err := e.connect(ctx)
	if err != nil {
		return err
	}
	named, err := parseReference(ref)
	if err != nil {
		return err
	}
	return e.readable(ctx, s, named, cred)
}

// readable reports whether a registry lets cred read an image, or whether
// somebody made it on this machine and the registry knows no better.
func (e *Engine) readable(ctx context.Context, s *session, named reference.Named, cred *runner.Credential) error {
	if strings.HasPrefix(named.Name(), official) {
		return nil
	}
	auth, err := login(named, cred)
	if err != nil {
		return err
	}
	// A pull by digest, or one of BuildKit, may find the manifest on the machine
	// and ask nobody. This call looks nowhere else than in the registry.
	_, err = s.api.DistributionInspect(ctx, named.String(), client.DistributionInspectOptions{EncodedRegistryAuth: auth})
	if err == nil {
		return nil
	}
	refused := e.pullError(ctx, err, cred)
	if !errors.Is(refused, runner.ErrImageNotFound) && !errors.Is(refused, runner.ErrRegistry) && !errors.Is(refused, runner.ErrImageUnauthorized) {
		return refused
	}
	if found, err := e.inspectImage(ctx, s, named.String()); err == nil && s.madeHere(found) {
		return nil
	}
	return refused
}

// login is what opens the registry of an image, as the engine wants it; "" for
// nobody's.
func login(named reference.Named, cred *runner.Credential) (string, error) {
	if cred == nil {
		return "", nil
	}
	auth, err := authconfig.Encode(registry.AuthConfig{
		Username: cred.Username, Password: cred.Password, ServerAddress: reference.Domain(named),
	})
	if err != nil {
		return "", fmt.Errorf("docker pull: %w", err)
	}
	return auth, nil
}
