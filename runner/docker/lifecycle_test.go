package docker_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/davitdev/davit/runner"
)

// An engine that was killed while it started a container (20.10 and newer) says
// so at every start from then on: that container never runs.
func TestAContainerWhoseStartTheEngineDidNotOutliveIsRemoved(t *testing.T) {
	for name, message := range map[string]string{
		"its task is there":      "task ID: already exists",
		"its directory is there": "failed to start shim: mkdir /run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby/ID: file exists: unknown",
		"containerd keeps it":    "id already in use",
	} {
		t.Run(name, func(t *testing.T) { halfStarted(t, message) })
	}
}

func halfStarted(t *testing.T, message string) {
	t.Helper()
	stuck := ""
	p := newPlace(t, changedEngine(t, func(_ *httptest.Server, r *http.Response) error {
		if id, ok := strings.CutSuffix(r.Request.URL.Path, "/start"); ok {
			if id = id[strings.LastIndex(id, "/")+1:]; stuck == "" {
				stuck = id
			}
			if id == stuck {
				r.StatusCode = http.StatusInternalServerError
				says(r, fmt.Appendf(nil, `{"message":%q}`, strings.ReplaceAll(message, "ID", id)))
			}
		}
		return nil
	}))
	spec := runner.Spec{Name: p.network, Network: p.network, Image: p.fileImage(nil, "none")}
	defer func() {
		if err := p.Remove(context.WithoutCancel(t.Context()), p.network); err != nil {
			t.Error(err)
		}
	}()
	first, err := p.Create(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(t.Context(), p.network); !errors.Is(err, runner.ErrUnavailable) {
		t.Errorf("Start: %v, want ErrUnavailable", err)
	}
	if _, err := p.Inspect(t.Context(), p.network); !errors.Is(err, runner.ErrNotFound) {
		t.Errorf("it is still there: %v", err)
	}
	second, err := p.Create(t.Context(), spec)
	if err != nil || second.ID == first.ID {
		t.Fatalf("Create: %v, again %s", err, second.ID)
	}
	if err := p.Start(t.Context(), p.network); err != nil {
		t.Errorf("Start of its successor: %v", err)
	}
}
