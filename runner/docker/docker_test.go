package docker_test

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/moby/client"

	"github.com/davitdev/davit/runner"
	"github.com/davitdev/davit/runner/docker"
	"github.com/davitdev/davit/runner/runnertest"
)

func TestEngineConforms(t *testing.T) {
	t.Parallel()

	api := engine(t)
	runnertest.Conform(t, runnertest.Harness{
		New:   func(t *testing.T, installation string) runner.Runner { return newEngine(t, installation) },
		Image: func(t *testing.T) string { return appImage(t, api) },
		Build: func(t *testing.T, installation, instance, deployment string) string {
			return builtImage(t, api, installation, instance, deployment)
		},
		Program:     "/app",
		SharedNames: true,
		Cleanup:     func(t *testing.T, installations []string) { sweep(t, api, installations...) },
	})
}

// engine returns a client of the engine to test on. Without one the test is
// skipped, unless somebody promised that there is one.
func engine(t *testing.T) *client.Client {
	t.Helper()
	api, err := client.New(client.FromEnv)
	if err == nil {
		_, err = api.Ping(t.Context(), client.PingOptions{NegotiateAPIVersion: true})
	}
	if err != nil {
		if os.Getenv("CI") != "" || os.Getenv("DOCKER_HOST") != "" {
			t.Fatalf("no Docker engine: %v", err)
		}
		t.Skipf("no Docker engine: %v", err)
	}
	t.Cleanup(func() { api.Close() })
	return api
}

func newEngine(t *testing.T, installation string, change ...func(*docker.Options)) *docker.Engine {
	t.Helper()
	o := docker.Options{Installation: installation}
	for _, c := range change {
		c(&o)
	}
	e, err := docker.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// appImage makes an image of test/app, from nothing but the program.
func appImage(t *testing.T, api *client.Client) string {
	t.Helper()
	return importImage(t, api, "", map[string][]byte{"app": program(t, "../../test/app")}, `CMD ["/app"]`, "EXPOSE 8080")
}

// builtImage makes one with the name and the labels that a build gives.
func builtImage(t *testing.T, api *client.Client, installation, instance, deployment string) string {
	t.Helper()
	return importImage(t, api, "davit/"+instance+":"+deployment, map[string][]byte{"none": nil}, `CMD ["/none"]`,
		"LABEL davit.installation="+installation, "LABEL davit.instance="+instance, "LABEL davit.deployment="+deployment)
}

// importImage makes an image of files and settings, and removes it again.
func importImage(t *testing.T, api *client.Client, ref string, files map[string][]byte, settings ...string) string {
	t.Helper()
	return importLinked(t, api, ref, files, nil, settings...)
}

// importLinked does the same with links, of which it has the targets.
func importLinked(t *testing.T, api *client.Client, ref string, files map[string][]byte, links map[string]string, settings ...string) string {
	t.Helper()
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for name, target := range links {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target}); err != nil {
			t.Fatal(err)
		}
	}
	for name, data := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Size: int64(len(data)), Mode: 0o755}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	// An own label makes the image this test's own, not that of one beside it.
	settings = append(settings, "LABEL test="+t.Name())
	res, err := api.ImageImport(t.Context(), client.ImageImportSource{Source: &archive, SourceName: "-"}, ref, client.ImageImportOptions{Changes: settings})
	if err != nil {
		t.Fatalf("import: %v", err)
	}
	defer res.Close()
	said, err := io.ReadAll(res)
	if err != nil {
		t.Fatal(err)
	}
	_, id, ok := strings.Cut(string(said), `"status":"`)
	if id, _, _ = strings.Cut(id, `"`); !ok {
		t.Fatalf("import: %s", said)
	}
	t.Cleanup(func() {
		_, _ = api.ImageRemove(context.WithoutCancel(t.Context()), id, client.ImageRemoveOptions{Force: true, PruneChildren: true})
	})
	return id
}

// program builds a static program and returns it.
func program(t *testing.T, dir string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "program")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, ".")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, b)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sweep removes what a failed test may have left, and tells of it.
func sweep(t *testing.T, api *client.Client, installations ...string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	for _, id := range installations {
		ours := make(client.Filters).Add("label", "davit.installation="+id)
		containers, err := api.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: ours})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range containers.Items {
			t.Errorf("container %s was left", c.Names)
			_, _ = api.ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		}
		networks, err := api.NetworkList(ctx, client.NetworkListOptions{Filters: ours})
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range networks.Items {
			t.Errorf("network %s was left", n.Name)
			_, _ = api.NetworkRemove(ctx, n.ID, client.NetworkRemoveOptions{})
		}
	}
}
