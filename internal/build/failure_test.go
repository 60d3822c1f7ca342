package build

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

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
	}{
		{"a command, in the words of 20.10", "executor failed running [/bin/sh -c exit 7]: exit code: 7", fault.BuildFailed, 7},
		{"a command, in the words of 28", `process "/bin/sh -c exit 7" did not complete successfully: exit code: 7`, fault.BuildFailed, 7},
		{"a full disk", "failed to copy: write /x: no space left on device", fault.DiskFull, 0},
		{"a command that speaks of a full disk", "executor failed running [echo no space left on device]: exit code: 1", fault.BuildFailed, 1},
		{"a missing file", `failed to compute cache key: "/nope" not found: not found`, fault.BuildFailed, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := (&translation{}).explainStep(Step{ID: "1", Error: tt.text}, nil)
			e, ok := errors.AsType[*Error](err)
			if !ok || fault.CodeOf(err) != tt.code || e.ExitCode != tt.exit {
				t.Errorf("explainStep = %v (%s), exit code %d", err, fault.CodeOf(err), e.ExitCode)
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
		"failed to do request: Head \"https://r.example.com/v2/\": net/http: TLS handshake timeout":                                            fault.RegistryAway,
		"unexpected status from HEAD request to https://r.example.com/v2/a/manifests/1: 503 Service Unavailable":                               fault.RegistryAway,
		"write /var/lib/docker/tmp/x: no space left on device":                                                                                 fault.DiskFull,
	} {
		if err := explainImage(&imageError{"docker.io/library/nope:1", errors.New(text)}); fault.CodeOf(err) != want || !strings.Contains(err.Error(), "nope:1") {
			t.Errorf("%s\nis %v (%s), want %s", text, err, fault.CodeOf(err), want)
		}
	}
}

func TestPublicAddresses(t *testing.T) {
	t.Parallel()

	for addr, want := range map[string]bool{
		"93.184.215.14": true, "2606:2800:21f:cb07:6820:80da:af6b:8b2c": true,
		"127.0.0.1": false, "127.8.8.8": false, "0.0.0.0": false, "0.1.2.3": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false,
		"169.254.169.254": false, "100.64.0.1": false, "192.0.0.1": false, "198.18.0.1": false, "224.0.0.1": false, "240.0.0.1": false, "255.255.255.255": false,
		"::": false, "::1": false, "fe80::1": false, "fe80::1%eth0": false, "fc00::1": false, "ff02::1": false, "::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false,
		"64:ff9b::7f00:1": false, "2002:7f00:1::": false, "2001::1": false, "2001:db8::1": false,
	} {
		if got := public(netip.MustParseAddr(addr)); got != want {
			t.Errorf("public(%s) = %t", addr, got)
		}
	}
}

func TestPublicHostRefusesOurOwn(t *testing.T) {
	t.Parallel()

	for _, host := range []string{"127.0.0.1", "::1", "localhost", "169.254.169.254"} {
		if err := PublicHost(t.Context(), host); !fault.Is(err, fault.SourceForbidden) {
			t.Errorf("PublicHost(%s) = %v", host, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := PublicHost(ctx, "name-that-must-be-looked-up.example"); err == nil {
		t.Error("a host that was not looked up is let through")
	}
}
