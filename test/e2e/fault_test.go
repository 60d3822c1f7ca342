package e2e

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
)

// bad is something that cannot be deployed, and what is said about it.
type bad struct {
	name   string
	begin  func(s *service) (id string)
	code   fault.Code
	phase  lifecycle.PhaseName
	exit   int    // 0: none
	says   string // in the sentence
	advice string // in the hint
	last   string // among the last lines
}

// check sets a health check.
func (s *service) check(change input) {
	s.t.Helper()
	h := quick()
	for k, v := range change {
		h[k] = v
	}
	s.settings(input{"healthCheck": h})
}

func bads() []bad {
	variables := func(v ...input) func(s *service) string {
		return func(s *service) string {
			s.set(v...)
			return s.request(nil).ID
		}
	}
	ref := func(ref func(s *service) string) func(s *service) string {
		return func(s *service) string { return s.request(input{"image": ref(s)}).ID }
	}
	dockerfile := func(format string) func(s *service) string {
		return func(s *service) string {
			text := strings.NewReplacer("APP", s.app("v1"), "NOW", fmt.Sprint(time.Now().UnixNano())).Replace(format)
			return s.request(input{"artifactId": s.send(s.dockerfile(text))}).ID
		}
	}
	return []bad{
		{
			"an image that does not exist", ref(func(s *service) string { return s.registry + "/davit-test/none:v1" }),
			fault.ImageNotFound, lifecycle.PhasePullImage, 0, "There is no image 127.0.0.1", "Check its name and tag", "",
		}, {
			"a tag that does not exist", ref(func(s *service) string { return s.app("none") }),
			fault.ImageNotFound, lifecycle.PhasePullImage, 0, "davit-test/app:none", "Check its name and tag", "",
		}, {
			"a registry that wants a password", ref(func(s *service) string { return needs(s.t, "TEST_REGISTRY_AUTH") + "/davit-test/app:v9" }),
			fault.ImageUnauthorized, lifecycle.PhasePullImage, 0, "refuses access to 127.0.0.1", "Store a credential", "",
		}, {
			"an application that exits at once", variables(variable("APP_EXIT_AFTER", "0s"), variable("APP_EXIT_CODE", "7"), variable("APP_PRINT", "3")),
			fault.AppExited, lifecycle.PhaseHealthCheck, 7, "ended with exit code 7", "Its last lines say why", "line 3",
		}, {
			"an application that runs out of memory", func(s *service) string {
				s.settings(input{"resources": input{"memoryBytes": 32 << 20}})
				s.check(input{"path": "/oom?mb=512", "timeout": "PT20S"})
				s.set(variable("APP_PRINT", "2"))
				return s.request(nil).ID
			},
			fault.AppOutOfMemory, lifecycle.PhaseHealthCheck, 137, "ran out of memory", "Raise the memory limit", "line 2",
		}, {
			"an application that listens on another port", func(s *service) string {
				s.check(input{"startPeriod": "PT2S"})
				return variables(variable("APP_LISTEN", ":9999"))(s)
			},
			fault.AppNotListening, lifecycle.PhaseHealthCheck, 0, "not healthy within 2s", "9999", "listening on",
		}, {
			"an application that listens on loopback alone", func(s *service) string {
				s.check(input{"startPeriod": "PT2S"})
				return variables(variable("APP_LISTEN", "127.0.0.1:8080"))(s)
			},
			fault.AppNotListening, lifecycle.PhaseHealthCheck, 0, "not healthy within 2s", "0.0.0.0", "listening on 127.0.0.1:8080",
		}, {
			"an application that never answers", func(s *service) string {
				s.check(input{"path": "/slow?ms=600000", "startPeriod": "PT3S", "timeout": "PT1S"})
				return s.request(nil).ID
			},
			fault.AppUnhealthy, lifecycle.PhaseHealthCheck, 0, "not healthy within 3s", "health check", "slow request",
		}, {
			"an application that answers that it is not well", func(s *service) string {
				s.check(input{"startPeriod": "PT2S"})
				return variables(variable("APP_UNHEALTHY_FOR", "-1s"))(s)
			},
			fault.AppUnhealthy, lifecycle.PhaseHealthCheck, 0, "503", "health check", "listening on",
		}, {
			"a start command that is not there", func(s *service) string {
				s.settings(input{"startCommand": "/nowhere --serve"})
				return s.request(nil).ID
			},
			fault.AppCannotStart, "", 127, "start", "Check the start command", "",
		}, {
			"a Dockerfile whose command fails", dockerfile("FROM debian:bookworm-slim\nRUN echo to no avail NOW && exit 9\n"),
			fault.BuildFailed, lifecycle.PhaseBuild, 9, `Line 2 of the Dockerfile, "RUN echo to no avail`, "Its last lines say why", "to no avail",
		}, {
			"a Dockerfile of an image that does not exist", dockerfile("FROM APP-none\n"),
			fault.ImageNotFound, lifecycle.PhaseBuild, 0, "davit-test/app:v1-none", "Check its name and tag", "",
		},
	}
}

func TestWhatCannotBeDeployedSaysWhyAndLeavesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)

	for _, tt := range bads() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := h.in(t).web("bad")
			first := s.deploy(s.app("v1"))
			d := s.completed(tt.begin(s))
			f := d.Failure
			s.explains(d, tt.code, tt.says, tt.advice)
			if tt.phase != "" && *f.Phase != tt.phase {
				t.Errorf("it failed in %s, want %s", *f.Phase, tt.phase)
			}
			if exit := f.ExitCode; (exit != nil) != (tt.exit != 0) || exit != nil && *exit != tt.exit {
				t.Errorf("the exit code is %v, want %d", exit, tt.exit)
			}
			if f.OOMKilled != (tt.code == fault.AppOutOfMemory) {
				t.Errorf("killed for memory: %t", f.OOMKilled)
			}
			if tt.last != "" && !slices.ContainsFunc(f.Excerpt, func(l struct{ Stream, Message string }) bool { return strings.Contains(l.Message, tt.last) }) {
				t.Errorf("%q is not among the last lines %v", tt.last, f.Excerpt)
			}
			s.serves("v1")
			if state := s.state(); state.ActiveDeployment == nil || state.ActiveDeployment.ID != first.ID || len(state.Replicas) != 1 {
				t.Errorf("after it the service is %+v, want %s to serve", state, first.ID)
			}
		})
	}

	t.Run("a credential opens what wanted a password", func(t *testing.T) {
		t.Parallel()
		host := needs(t, "TEST_REGISTRY_AUTH")
		house := newHouse(t) // of its own: the credential is the workspace's
		var out struct{}
		house.do(`mutation($input:PutRegistryCredentialInput!){putRegistryCredential(input:$input){registryCredential{id}}}`,
			client.Variables{"input": input{
				"workspaceId": house.workspace, "host": host, "username": os.Getenv("TEST_REGISTRY_USER"), "password": os.Getenv("TEST_REGISTRY_PASSWORD"),
			}}, &out)
		s := house.service("secret", image(host+"/davit-test/app:v1"), nil)
		s.succeeded(s.request(nil).ID)
		s.serves("v1")
	})
}

// It is alone: five seconds are promised to a machine that has time for it.
func TestAContainerRemovedBehindOurBackIsBackWithinFiveSeconds(t *testing.T) {
	h := newHouse(t)
	s := h.web("back")
	s.succeeded(s.request(nil).ID)
	before := s.state().Replicas[0]
	name, _, _ := strings.Cut(h.engine.containers(h.ctx)[0], " ")
	h.engine.remove(h.ctx, name)
	s.within(5*time.Second, "it is back", func() bool { status, body := s.answer("/"); return status == http.StatusOK && body == "v1" })
	s.ours(1)
	var now []replica
	s.until("the API shows one replica that is healthy", func() bool {
		now = s.state().Replicas
		return len(now) == 1 && now[0].Status == lifecycle.ReplicaRunning && now[0].Health == lifecycle.HealthHealthy
	})
	if now[0].ID == before.ID {
		t.Error("it has no successor, whose output is recorded from its beginning")
	}
}
