package e2e

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
)

// A disk that is full under the engine fails what needs some of it, and says
// so; what serves goes on, and once there is room again all of it succeeds.
func TestAFullDiskUnderTheEngine(t *testing.T) {
	var data string
	d := aside(t, func(dir string) {
		data = dir
		mountDisk(t, dir, 3<<30)
	})
	if d == nil {
		return
	}
	h := newHouse(t, "--keep-deployments", "1")
	s := h.web("full")
	s.succeeded(s.request(nil).ID)
	app := buildApp(t)
	built := h.service("built", upload(), nil)
	for _, version := range []string{"one", "two"} {
		built.succeeded(built.request(input{"artifactId": built.send(appSource(t, app, version))}).ID)
	}
	hammer := s.hammer(2, 20*time.Millisecond, "v1")
	ballast := fallocate(t, filepath.Join(data, "ballast"))

	local, pulled := h.web("local"), h.web("pulled")
	ref := serveImage(t, app) + "/big:v3"
	three := built.send(appSource(t, app, "three"))
	attempts := []struct {
		*service
		of    input
		phase lifecycle.PhaseName
		says  string
		want  string // what it serves at last
	}{
		{local, input{"image": h.app("v2")}, lifecycle.PhaseCreateContainer, "The engine's disk is full", "v2"},
		{pulled, input{"image": ref}, lifecycle.PhasePullImage, "The engine's disk is full", "v3"},
		{built, input{"artifactId": three}, lifecycle.PhaseFetchSource, "MB are free for a build", "three"},
	}
	ids := make([]string, len(attempts))
	for n, a := range attempts {
		ids[n] = a.request(a.of).ID
	}
	for n, a := range attempts { // each is tried again for about a minute
		f := a.endsWithin(ids[n], patience).Failure
		if f == nil || f.Code != fault.DiskFull || f.Domain != fault.Platform || !strings.Contains(f.Message, a.says) || f.Hint == nil || !strings.Contains(*f.Hint, "docker system df") {
			t.Errorf("of %v: %+v", a.of, f)
		} else if *f.Phase != a.phase {
			t.Errorf("it failed in %s, want %s", *f.Phase, a.phase)
		}
	}
	s.serves("v1")
	built.serves("two")
	if images := h.engine.images(h.ctx); len(images) != 1 {
		t.Errorf("%d images are left, want the one that serves", len(images))
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	for _, a := range attempts {
		a.succeeded(a.request(a.of).ID)
		a.serves(a.want)
	}
	s.serves("v1")
	if n := hammer.stop(); n < 100 {
		t.Errorf("only %d requests were sent", n)
	}
}

// mountDisk mounts a file system of its own on a directory that is not there
// yet. It is gone with the namespace of the process.
func mountDisk(t *testing.T, dir string, size int64) {
	t.Helper()
	must(t, os.Mkdir(dir, 0o711))
	file := dir + ".img"
	must(t, os.WriteFile(file, nil, 0o600))
	must(t, os.Truncate(file, size))
	for _, argv := range [][]string{{"mkfs.ext4", "-q", "-F", "-m", "0", file}, {"mount", "-o", "loop", file, dir}} {
		if out, err := exec.CommandContext(t.Context(), argv[0], argv[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", argv, err, out)
		}
	}
	t.Cleanup(func() { must(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
}

// fallocate makes a file that takes all that is left of its disk.
func fallocate(t *testing.T, path string) string {
	t.Helper()
	var fs syscall.Statfs_t
	must(t, syscall.Statfs(filepath.Dir(path), &fs))
	f, err := os.Create(path)
	must(t, err)
	defer f.Close()
	for size, at := int64(fs.Bavail)*fs.Bsize, int64(0); size > 0; { //nolint:gosec // far less
		switch err := syscall.Fallocate(int(f.Fd()), 0, at, size); err {
		case nil:
			at += size
		case syscall.ENOSPC:
			size /= 2
		default:
			t.Fatal(err)
		}
	}
	return path
}

// buildApp builds the test application.
func buildApp(t *testing.T) (program string) {
	t.Helper()
	program = filepath.Join(t.TempDir(), "app")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../app")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// appSource is a source whose build needs nothing but itself.
func appSource(t *testing.T, program, version string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	must(t, os.Link(program, filepath.Join(dir, "app")))
	text := "FROM scratch\nCOPY app /app\nENV APP_VERSION=" + version + "\nCMD [\"/app\"]\n"
	must(t, os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(text), 0o600))
	return dir
}

// serveImage serves an image of the test application that says v3, under any
// name, and returns the host of its registry.
func serveImage(t *testing.T, program string) string {
	t.Helper()
	text, err := os.ReadFile(program)
	must(t, err)
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	must(t, w.WriteHeader(&tar.Header{Name: "app", Mode: 0o755, Size: int64(len(text))}))
	_, err = w.Write(text)
	must(t, err)
	must(t, w.Close())
	blobs := map[string][]byte{}
	describe := func(kind string, blob []byte) map[string]any {
		digest := fmt.Sprintf("sha256:%x", sha256.Sum256(blob))
		blobs[digest] = blob
		return map[string]any{"mediaType": kind, "digest": digest, "size": len(blob)}
	}
	marshal := func(v any) []byte {
		b, err := json.Marshal(v)
		must(t, err)
		return b
	}
	rootFS := describe("application/vnd.oci.image.layer.v1.tar", layer.Bytes())
	config := marshal(map[string]any{
		"architecture": runtime.GOARCH, "os": "linux", "config": map[string]any{"Cmd": []string{"/app"}, "Env": []string{"APP_VERSION=v3"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []any{rootFS["digest"]}},
	})
	const kind = "application/vnd.oci.image.manifest.v1+json"
	manifest := marshal(map[string]any{
		"schemaVersion": 2, "mediaType": kind, "config": describe("application/vnd.oci.image.config.v1+json", config), "layers": []any{rootFS},
	})
	digest, _ := describe(kind, manifest)["digest"].(string)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		blob, ok := blobs[path.Base(r.URL.Path)]
		switch {
		case r.URL.Path == "/v2/":
			return
		case strings.Contains(r.URL.Path, "/manifests/"):
			w.Header().Set("Content-Type", kind)
			w.Header().Set("Docker-Content-Digest", digest)
			blob = manifest
		case !ok:
			http.NotFound(w, r)
			return
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(blob))
	}))
	t.Cleanup(srv.Close)
	return strings.TrimPrefix(srv.URL, "http://")
}
