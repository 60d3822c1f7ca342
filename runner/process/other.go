//go:build !linux

package process

import (
	"context"

	"github.com/davitdev/davit/runner"
)

// Runner does not exist on this system.
type Runner struct{ runner.Runner }

// New fails with runner.ErrUnsupported.
func New(context.Context, Options) (*Runner, error) { return nil, runner.ErrUnsupported }

// Look fails with runner.ErrUnsupported.
func Look(Options) (*Runner, error) { return nil, runner.ErrUnsupported }

// Install fails with runner.ErrUnsupported.
func (*Runner) Install(context.Context, string, ImageConfig) (runner.Image, error) {
	return runner.Image{}, runner.ErrUnsupported
}

// Shim does nothing.
func Shim() {}
