//go:build unix

package main

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The proxy serves on, but nobody deploys before a server has started.
func TestAnEngineThatHangsKeepsAStartForSeconds(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "hangs.sock")
	l, err := net.Listen("unix", socket) // and never accepts
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	t.Setenv("DOCKER_HOST", "unix://"+socket)
	h, began := &house{}, time.Now()
	b, err := h.useDocker(t.Context(), nil, "ins_test", true)
	if err != nil || b == nil || h.runner == nil || !strings.Contains(h.runnerNote, "does not answer") {
		t.Errorf("%v, %q, %v", b, h.runnerNote, err)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
}
