package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestTheClientBuildsForOtherSystems(t *testing.T) {
	t.Parallel()

	for _, system := range []string{"darwin", "windows"} {
		cmd := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(t.TempDir(), "davit"), ".")
		cmd.Env = append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", system, err, out)
		}
	}
}
