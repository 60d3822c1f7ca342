package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Servers run elsewhere: there the client is built without them, and soon.
func TestTheClientBuildsForWindows(t *testing.T) {
	t.Parallel()

	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(t.TempDir(), "davit"), ".")
	cmd.Env = append(os.Environ(), "GOOS=windows", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
