package build

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/moby/buildkit/client/llb/sourceresolver"
	digest "github.com/opencontainers/go-digest"

	"github.com/davitdev/davit/internal/fault"
)

// What engines say, word for word.
func TestWhatAnEngineSaysIsClassified(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name string
		err  error
		code fault.Code
		text string
	}{
		{"an old engine", errors.New("rpc error: code = Unknown desc = failed to load LLB: requested experimental feature exec.secretenv  is not supported by build server, please update"), fault.DockerfileInvalid, "needs exec.secretenv"},
		{"a full disk", errors.New("failed to solve: mkdir /var/lib/docker/overlay2/x: no space left on device"), fault.DiskFull, "no space left"},
		{"anything else", errors.New("failed to solve: boom"), fault.Internal, "boom"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if err := explainEngine(tt.err); fault.CodeOf(err) != tt.code || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("explainEngine = %v (%s)", err, fault.CodeOf(err))
			}
		})
	}
}

func TestWhatAStepSaysIsClassified(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name, text string
		code       fault.Code
		exit       int
		last       string
	}{
		{"a command, in the words of 20.10", "executor failed running [/bin/sh -c exit 7]: exit code: 7", fault.BuildFailed, 7, "bye"},
		{"a command, in the words of 28", `process "/bin/sh -c exit 7" did not complete successfully: exit code: 7`, fault.BuildFailed, 7, ""},
		{"a full disk", "failed to copy: write /x: no space left on device", fault.DiskFull, 0, ""},
		{"a command that finds a full disk", "executor failed running [cp a b]: exit code: 1", fault.DiskFull, 1, "cp: error writing 'b': No space left on device\r"},
		{"a command that speaks of a full disk", "executor failed running [echo no space left on device]: exit code: 1", fault.BuildFailed, 1, "no space left on device is what it says"},
		{"a missing file", `failed to compute cache key: "/nope" not found: not found`, fault.BuildFailed, 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := (&translation{}).explainStep(Step{ID: "1", Error: tt.text}, []Line{{Text: tt.last}})
			e, ok := errors.AsType[*Error](err)
			if !ok || fault.CodeOf(err) != tt.code || e.ExitCode != tt.exit {
				t.Errorf("explainStep = %v (%s), exit code %d", err, fault.CodeOf(err), e.ExitCode)
			}
			if f, _ := errors.AsType[*fault.Error](err); f == nil || f.Hint == "" {
				t.Errorf("explainStep = %#v, want a hint", f)
			}
		})
	}
}

func TestWhyABaseImageCannotBeHad(t *testing.T) {
	t.Parallel()

	for text, want := range map[string]fault.Code{
		"docker.io/library/nope:1: not found": fault.ImageNotFound,
		"pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed": fault.ImageNotFound,
		"unexpected status code [manifests 1]: 401 Unauthorized":                                                                               fault.ImageUnauthorized,
		"unexpected status from HEAD request to https://r.example.com/v2/a/manifests/1: 403 Forbidden":                                         fault.ImageUnauthorized,
		"no match for platform in manifest sha256:0: not found":                                                                                fault.ImageUnsupported,
		"failed to do request: Head \"https://registry-1.docker.io/v2/\": dial tcp: lookup registry-1.docker.io: no such host":                 fault.RegistryAway,
		"failed to do request: Head \"http://127.0.0.1:40167/v2/a/manifests/sha256:1403\": dial tcp 127.0.0.1:40167: connection refused":       fault.RegistryAway,
		"failed to do request: Head \"https://r.example.com/v2/\": net/http: TLS handshake timeout":                                            fault.RegistryAway,
		"unexpected status from HEAD request to https://r.example.com/v2/a/manifests/1: 503 Service Unavailable":                               fault.RegistryAway,
		"write /var/lib/docker/tmp/x: no space left on device":                                                                                 fault.DiskFull,
	} {
		if err := explainImage(&imageError{"docker.io/library/nope:1", errors.New(text)}); fault.CodeOf(err) != want || !strings.Contains(err.Error(), "nope:1") {
			t.Errorf("%s\nis %v (%s), want %s", text, err, fault.CodeOf(err), want)
		}
	}
}

type bomb struct{}

func (bomb) ResolveImageConfig(context.Context, string, sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	panic("boom")
}

func TestAPanicInAnotherGoroutineIsAnError(t *testing.T) {
	t.Parallel()

	if _, _, _, err := (&resolver{next: bomb{}}).ResolveImageConfig(t.Context(), "debian", sourceresolver.Opt{}); err == nil || !strings.Contains(err.Error(), "boom") {
		t.Errorf("of a resolver: %v", err)
	}
	e := newExport(func(io.Reader) error { panic("boom") })
	to, err := e.open(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := to.Write([]byte("x")); err == nil {
		t.Error("nobody reads, and something was written")
	}
	if err := e.wait(nil); err == nil || !strings.Contains(err.Error(), "boom") {
		t.Errorf("of a reader: %v", err)
	}
}
