package docker_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
)

// registryServer is the reading half of an image registry (OCI distribution
// specification), which the engine pulls from over loopback.
type registryServer struct {
	*httptest.Server
	host  string
	login bool              // everything wants the login
	blobs map[string][]byte // by digest
	tags  map[string]string // "name:tag" to a manifest's digest
}

const (
	manifestType = "application/vnd.docker.distribution.manifest.v2+json"
	user, secret = "davit", "hunter2"
)

func newRegistry(t *testing.T) *registryServer {
	t.Helper()
	r := &registryServer{blobs: map[string][]byte{}, tags: map[string]string{}}
	r.Server = httptest.NewServer(r)
	r.host = r.Listener.Addr().String()
	t.Cleanup(r.Close)
	return r
}

// push makes an image of one file for the architecture and returns its
// manifest's digest.
func (r *registryServer) push(name, arch string, program []byte) string {
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	_ = w.WriteHeader(&tar.Header{Name: "tool", Mode: 0o755, Size: int64(len(program))})
	_, _ = w.Write(program)
	_ = w.Close()
	config := r.put(encode(map[string]any{
		"architecture": arch, "os": "linux",
		"config": map[string]any{"Cmd": []string{"/tool", "sleep"}, "User": "1000", "ExposedPorts": map[string]any{"9000/tcp": map[string]any{}, "53/udp": map[string]any{}}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{digest(layer.Bytes())}},
	}))
	blob := r.put(layer.Bytes())
	manifest := r.put(encode(map[string]any{
		"schemaVersion": 2, "mediaType": manifestType,
		"config": descriptor("application/vnd.docker.container.image.v1+json", config, len(r.blobs[config])),
		"layers": []any{descriptor("application/vnd.docker.image.rootfs.diff.tar", blob, layer.Len())},
	}))
	r.tags[name] = manifest
	return manifest
}

func (r *registryServer) put(b []byte) string {
	d := digest(b)
	r.blobs[d] = b
	return d
}

func digest(b []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(b)) }

func encode(v any) []byte {
	b, _ := json.Marshal(v)
	return b
}

func descriptor(mediaType, digest string, size int) map[string]any {
	return map[string]any{"mediaType": mediaType, "digest": digest, "size": size}
}

// ServeHTTP answers /v2/ and the two kinds of objects. Repositories whose name
// begins with broken/ fail.
func (r *registryServer) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	path := strings.TrimPrefix(req.URL.Path, "/v2/")
	u, p, _ := req.BasicAuth()
	switch {
	case r.login && (u != user || p != secret):
		w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
		refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
		return
	case path == "":
		return
	case strings.HasPrefix(path, "broken/"):
		refuse(w, http.StatusServiceUnavailable, "UNAVAILABLE", "service unavailable")
		return
	}
	if name, tag, ok := strings.Cut(path, "/manifests/"); ok {
		d := tag
		if !strings.HasPrefix(tag, "sha256:") {
			d = r.tags[name+":"+tag]
		}
		r.serve(w, d, manifestType, "MANIFEST_UNKNOWN")
		return
	}
	_, d, _ := strings.Cut(path, "/blobs/")
	r.serve(w, d, "application/octet-stream", "BLOB_UNKNOWN")
}

func (r *registryServer) serve(w http.ResponseWriter, digest, mediaType, unknown string) {
	b, ok := r.blobs[digest]
	if !ok {
		refuse(w, http.StatusNotFound, unknown, strings.ToLower(strings.ReplaceAll(unknown, "_", " ")))
		return
	}
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.Header().Set("Docker-Content-Digest", digest)
	_, _ = w.Write(b)
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(encode(map[string]any{"errors": []any{map[string]any{"code": code, "message": message}}}))
}
