package docker

import (
	"errors"
	"testing"

	"github.com/davitdev/davit/runner"
)

// What engines and registries were seen to say.
func TestPullErrors(t *testing.T) {
	t.Parallel()

	login := &runner.Credential{Username: "u", Password: "p"}
	tests := []struct {
		text string
		cred *runner.Credential
		want error
	}{
		{"pull access denied for ngnix, repository does not exist or may require 'docker login': denied: requested access to the resource is denied", nil, runner.ErrImageNotFound},
		{"pull access denied for shop/app, repository does not exist or may require 'docker login': denied: requested access to the resource is denied", login, runner.ErrImageUnauthorized},
		{"manifest for redis:nope not found: manifest unknown: manifest unknown", nil, runner.ErrImageNotFound},
		{"failed to resolve reference \"docker.io/library/nope:latest\": docker.io/library/nope:latest: not found", nil, runner.ErrImageNotFound},
		{"Head \"https://ghcr.io/v2/a/b/manifests/latest\": unauthorized", nil, runner.ErrImageUnauthorized},
		{"Head \"https://ghcr.io/v2/a/b/manifests/latest\": denied", nil, runner.ErrImageUnauthorized},
		{"Get \"https://r.example/v2/\": no basic auth credentials", nil, runner.ErrImageUnauthorized},
		{"failed to resolve reference \"r.example/app:v1\": pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials", nil, runner.ErrImageUnauthorized},
		{"failed to resolve reference \"docker.io/shop/app:latest\": pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed", nil, runner.ErrImageNotFound},
		{"toomanyrequests: You have reached your pull rate limit.", nil, runner.ErrRegistry},
		{"Get \"https://registry-1.docker.io/v2/\": dial tcp: lookup registry-1.docker.io on 10.0.0.1:53: no such host", nil, runner.ErrRegistry},
		{"Get \"https://r.example/v2/\": net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)", nil, runner.ErrRegistry},
		{"Get \"https://r.example/v2/\": x509: certificate signed by unknown authority", nil, runner.ErrRegistry},
		{"Get \"https://r.example/v2/\": http: server gave HTTP response to HTTPS client", nil, runner.ErrRegistry},
		{"received unexpected HTTP status: 503 Service Unavailable", nil, runner.ErrRegistry},
		{"no matching manifest for linux/amd64 in the manifest list entries", nil, runner.ErrImageUnsupported},
		{"failed to register layer: Error processing tar file(exit status 1): write /x: no space left on device", nil, runner.ErrDiskFull},
	}
	e := &Engine{current: make(chan *session, 1)}
	for _, tt := range tests {
		if err := e.pullError(t.Context(), errors.New("Error response from daemon: "+tt.text), tt.cred); !errors.Is(err, tt.want) {
			t.Errorf("%q: %v, want %v", tt.text, err, tt.want)
		}
	}
	if err := e.pullError(t.Context(), errors.New("something nobody has seen"), nil); errors.Is(err, runner.ErrRegistry) || errors.Is(err, runner.ErrImageNotFound) {
		t.Errorf("what is unknown is blamed on somebody: %v", err)
	}
}

func TestStartErrors(t *testing.T) {
	t.Parallel()

	tests := []struct {
		text string
		code int // 0: not the command's fault
	}{
		{`failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "/nosuch": stat /nosuch: no such file or directory: unknown`, 127},
		{`OCI runtime create failed: container_linux.go:380: starting container process caused: exec: "nosuch": executable file not found in $PATH: unknown`, 127},
		{`OCI runtime create failed: runc create failed: unable to start container process: exec: "/data": permission denied: unknown`, 126},
		{`OCI runtime create failed: container_linux.go:380: starting container process caused: exec: "/": is a directory: unknown`, 126},
		{`failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec /app: exec format error: unknown`, 126},
		{`network 4711 not found`, 0},
		{`driver failed programming external connectivity on endpoint web: Bind for 127.0.0.1:80 failed: port is already allocated`, 0},
		{`error creating overlay mount: no such file or directory`, 0},
	}
	for _, tt := range tests {
		got := startError(errors.New("Error response from daemon: " + tt.text))
		if (got == nil) != (tt.code == 0) || got != nil && got.ExitCode != tt.code {
			t.Errorf("%q: %+v, want %d", tt.text, got, tt.code)
		}
	}
}
