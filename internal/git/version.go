package git

import (
	"context"
	"errors"
	"fmt"
	"os/exec"

	"github.com/davitdev/davit/internal/fault"
)

// recent fails unless the machine's git knows http.curloptResolve: an older one
// would ignore it, look hosts up again and reach what it must not.
func recent(ctx context.Context) error {
	text, err := exec.CommandContext(ctx, "git", "version").Output()
	if errors.Is(err, exec.ErrNotFound) {
		return fault.New(fault.Unavailable, "There is no git on the machine of this server.").WithHint("Whoever runs this installation installs git 2.37 or newer.").Because(err)
	}
	if err != nil {
		return fmt.Errorf("git version: %w", err)
	}
	if !pins(string(text)) {
		return fault.New(fault.Unavailable, "The git on the machine of this server is too old.").WithHint("Whoever runs this installation installs git 2.37 or newer.")
	}
	return nil
}

// pins reports whether the git that says version knows http.curloptResolve.
func pins(version string) bool {
	var major, minor int
	if _, err := fmt.Sscanf(version, "git version %d.%d", &major, &minor); err != nil {
		return false
	}
	return major > 2 || major == 2 && minor >= 37
}
