package docker_test

import (
	"errors"
	"runtime"
	"testing"

	"github.com/davitdev/davit/runner"
)

func TestAnImageIsReadableForWhomItsRegistrySaysSo(t *testing.T) {
	p := newPuller(t)
	p.reg.push("app:v1", runtime.GOARCH, []byte("public"))
	private := newRegistry(t)
	private.login = true
	sum := private.push("app:v1", runtime.GOARCH, []byte("readable"))
	login := &runner.Credential{Username: user, Password: secret}
	p.forgetLater(private.host + "/app:v1")
	if _, err := p.Pull(t.Context(), private.host+"/app:v1", login, nil); err != nil {
		t.Fatal(err)
	}
	made := p.reg.host + "/made-here:v1"
	importImage(t, p.api, made, map[string][]byte{"tool": []byte("x")}, `CMD ["/tool"]`)
	built := p.reg.host + "/built-here:v1"
	importImage(t, p.api, built, map[string][]byte{"tool": []byte("y")}, `CMD ["/tool"]`, "LABEL davit.installation=any")
	for _, tt := range []struct {
		name, ref string
		cred      *runner.Credential
		want      error
	}{
		{"a public one", p.reg.host + "/app:v1", nil, nil},
		{"one that is not here", p.reg.host + "/app:nope", nil, runner.ErrImageNotFound},
		{"a private one", private.host + "/app:v1", login, nil},
		{"somebody's", private.host + "/app:v1", nil, runner.ErrImageUnauthorized},
		{"by digest", private.host + "/app@" + sum, login, nil},
		{"somebody's by digest", private.host + "/app@" + sum, nil, runner.ErrImageUnauthorized},
		{"somebody's by tag and digest", private.host + "/app:v1@" + sum, nil, runner.ErrImageUnauthorized},
		{"made here", made, nil, nil},
		{"built for somebody", built, nil, runner.ErrImageNotFound},
		{"a registry that is away", "127.0.0.1:1/app:v1", nil, runner.ErrRegistry},
		{"an official one", "debian:bookworm-slim", nil, nil},
		{"none at all", "--help", nil, runner.ErrImageNotFound},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := p.Readable(t.Context(), tt.ref, tt.cred); !errors.Is(err, tt.want) {
				t.Errorf("%v, want %v", err, tt.want)
			}
		})
	}
}
