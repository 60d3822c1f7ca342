package build_test

import (
	"archive/tar"
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/moby/moby/client"

	"github.com/davitdev/davit/internal/build"
)

// base makes an image with a file that says text.
func base(t *testing.T, api *client.Client, ref, text string) {
	t.Helper()
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	err := w.WriteHeader(&tar.Header{Name: "base", Size: int64(len(text)), Mode: 0o644})
	_, werr := w.Write([]byte(text))
	if err := errors.Join(err, werr, w.Close()); err != nil {
		t.Fatal(err)
	}
	res, err := api.ImageImport(t.Context(), client.ImageImportSource{Source: &archive, SourceName: "-"}, ref, client.ImageImportOptions{})
	finish(t, res, err)
	t.Cleanup(func() {
		ctx, cancel := cleaningUp(t)
		defer cancel()
		_, _ = api.ImageRemove(ctx, ref, client.ImageRemoveOptions{Force: true, PruneChildren: true}) // or another base has the name
	})
}

// finish reads the answer of an engine to its end.
func finish(t *testing.T, answer io.ReadCloser, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Close()
	text, err := io.ReadAll(answer)
	if err != nil || bytes.Contains(text, []byte("error")) {
		t.Fatalf("the engine says %s, %v", text, err)
	}
}

func TestABuildWithoutTheCacheAsksForTheBaseImageAnew(t *testing.T) {
	t.Parallel()
	api := engine(t)
	registry := os.Getenv("TEST_REGISTRY")
	switch {
	case registry == "" && os.Getenv("CI") != "":
		t.Fatal("TEST_REGISTRY is not set; use test/services run")
	case registry == "":
		t.Skip("TEST_REGISTRY is not set")
	}
	repository := "/davit-test/" + strings.ToLower(rand.Text())
	pushed, own := registry+repository+":v1", "davit-test.invalid"+repository+":v1"
	base(t, api, pushed, "newer")
	answer, err := api.ImagePush(t.Context(), pushed, client.ImagePushOptions{RegistryAuth: "e30="})
	finish(t, answer, err)
	base(t, api, pushed, "older") // what the machine has
	base(t, api, own, "own")      // what no registry has
	for _, tt := range []struct {
		from    string
		noCache bool
		want    string
	}{{pushed, false, "older"}, {pushed, true, "newer"}, {own, false, "own"}, {own, true, "own"}} {
		req := request(t, map[string]string{"Dockerfile": "FROM " + tt.from + "\nCOPY f /f\n", "f": rand.Text()}, build.Options{})
		req.NoCache = tt.noCache
		result, _ := built(t, api, req)
		if got := filesOf(t, api, result.Image)["base"]; got != tt.want {
			t.Errorf("from %s, without the cache %t: it is the %s one, want %s", tt.from, tt.noCache, got, tt.want)
		}
	}
}
