package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/source"
)

// service is a service in the production environment of a project of its own.
type service struct {
	*house
	id, instance, environment string
	host                      string
}

// input is part of a mutation.
type input = client.Variables

// do runs a query or mutation that must succeed.
func (h *house) do(query string, v client.Variables, out any) {
	h.t.Helper()
	if err := h.api.Do(h.ctx, query, v, out); err != nil {
		h.t.Fatal(err)
	}
}

// project makes a project and returns its id.
func (h *house) project(name string) string {
	h.t.Helper()
	var out struct {
		CreateProject struct{ Project struct{ ID, Slug string } }
	}
	h.do(`mutation($input:CreateProjectInput!){createProject(input:$input){project{id slug}}}`,
		client.Variables{"input": input{"workspaceId": h.workspace, "name": name}}, &out)
	p := out.CreateProject.Project
	h.projects.mu.Lock()
	defer h.projects.mu.Unlock()
	h.projects.slugs[p.ID] = p.Slug
	return p.ID
}

// variable is an input of createService and setVariables.
func variable(name, value string) input { return input{"name": name, "value": value} }

// quick is a health check that does not make a test wait.
func quick() input {
	return input{"kind": "HTTP", "path": "/healthz", "startPeriod": "PT30S", "interval": "PT1S", "timeout": "PT2S"}
}

// image is the source of an image.
func image(ref string) input { return input{"image": input{"image": ref}} }

// service makes a service, which is not deployed yet. change may be nil.
func (h *house) service(name string, source input, change func(in input)) *service {
	h.t.Helper()
	in := input{
		"projectId": h.project(name), "name": "web", "source": source, "deploy": false,
		"settings": input{"healthCheck": quick(), "drainTimeout": "PT20S"},
	}
	if change != nil {
		change(in)
	}
	var out struct {
		CreateService struct {
			Service struct {
				ID        string
				Instances []struct {
					ID          string
					Environment struct{ ID string }
					Routes      []struct{ Hostname string }
				}
			}
		}
	}
	h.do(`mutation($input:CreateServiceInput!){createService(input:$input){service{id instances{id environment{id} routes{hostname}}}}}`,
		client.Variables{"input": in}, &out)
	s := out.CreateService.Service
	i := s.Instances[0]
	return &service{house: h, id: s.ID, instance: i.ID, environment: i.Environment.ID, host: i.Routes[0].Hostname}
}

// app is the image of a version of the test application.
func (h *house) app(version string) string { return h.registry + "/davit-test/app:" + version }

// web makes a service of the test application's v1.
func (h *house) web(name string) *service {
	h.t.Helper()
	return h.service(name, image(h.app("v1")), nil)
}

// inOrder lets deployments wait for each other.
func (s *service) inOrder() {
	s.t.Helper()
	var out struct{}
	s.do(`mutation($input:UpdateEnvironmentInput!){updateEnvironment(input:$input){environment{id}}}`,
		client.Variables{"input": input{"environmentId": s.environment, "concurrency": "QUEUE"}}, &out)
}

// set sets variables for the deployments to come.
func (s *service) set(variables ...input) {
	s.t.Helper()
	var out struct{}
	s.do(`mutation($input:SetVariablesInput!){setVariables(input:$input){variables{id}}}`,
		client.Variables{"input": input{"target": input{"serviceInstanceId": s.instance}, "variables": variables}}, &out)
}

// settings changes settings for the deployments to come.
func (s *service) settings(change input) {
	s.t.Helper()
	var out struct{}
	s.do(`mutation($input:UpdateServiceInstanceInput!){updateServiceInstance(input:$input){instance{id}}}`,
		client.Variables{"input": input{"serviceInstanceId": s.instance, "settings": change, "apply": "STAGE"}}, &out)
}

// scale asks for a number of replicas and waits until they run.
func (s *service) scale(n int) {
	s.t.Helper()
	var out struct{}
	s.do(`mutation($input:ScaleServiceInput!){scaleService(input:$input){instance{id}}}`,
		client.Variables{"input": input{"serviceInstanceId": s.instance, "replicas": n}}, &out)
	s.until(fmt.Sprintf("%d replicas run", n), func() bool {
		replicas := s.state().Replicas
		for _, r := range replicas {
			if r.Status != lifecycle.ReplicaRunning || r.Health != lifecycle.HealthHealthy {
				return false
			}
		}
		return len(replicas) == n
	})
}

// instanceState is how a service is.
type instanceState struct {
	Status           lifecycle.InstanceStatus
	ActiveDeployment *struct{ ID string }
	Replicas         []replica
}

type replica struct {
	ID     string
	Status lifecycle.ReplicaStatus
	Health lifecycle.Health
}

func (s *service) state() instanceState {
	s.t.Helper()
	var out struct{ Node instanceState }
	s.do(`query($id:ID!){node(id:$id){... on ServiceInstance{status activeDeployment{id} replicas{id status health}}}}`,
		client.Variables{"id": s.instance}, &out)
	return out.Node
}

// send sends a directory as the source of a service and returns the artifact's
// id.
func (s *service) send(dir string) string {
	s.t.Helper()
	var archive bytes.Buffer
	if _, err := source.Pack(s.ctx, dir, &archive, source.PackOptions{}); err != nil {
		s.t.Fatal(err)
	}
	return s.sendArchive(archive.Bytes())
}

// sendArchive sends an archive, which may be none.
func (s *service) sendArchive(data []byte) string {
	s.t.Helper()
	id, to := s.announce(data)
	if to != "" {
		if err := s.api.Upload(s.ctx, to, bytes.NewReader(data), int64(len(data))); err != nil {
			s.t.Fatal(err)
		}
	}
	return id
}

// announce announces an archive and returns the artifact's id, and where to
// send it, "" if it is there.
func (s *service) announce(data []byte) (id, to string) {
	s.t.Helper()
	var out struct {
		CreateUpload struct {
			UploadURL string
			Artifact  struct{ ID string }
		}
	}
	s.do(`mutation($input:CreateUploadInput!){createUpload(input:$input){uploadUrl artifact{id}}}`, client.Variables{"input": input{
		"serviceId": s.id, "filename": "source.tar.gz", "sizeBytes": len(data), "sha256": fmt.Sprintf("%x", sha256.Sum256(data)),
	}}, &out)
	return out.CreateUpload.Artifact.ID, out.CreateUpload.UploadURL
}

// dockerfile makes a directory with a Dockerfile.
func (h *house) dockerfile(text string) string {
	h.t.Helper()
	dir := h.t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(text), 0o644); err != nil {
		h.t.Fatal(err)
	}
	return dir
}

// upload is the source of a directory that will be sent.
func upload() input { return input{"upload": input{}} }

// answer asks the service through the proxy for a path.
func (s *service) answer(path string) (status int, body string) {
	s.t.Helper()
	req, err := s.srv.Request(s.ctx, http.MethodGet, s.host, path)
	if err != nil {
		s.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err.Error()
	}
	return res.StatusCode, string(text)
}

// serves fails the test unless the service answers with text.
func (s *service) serves(text string) {
	s.t.Helper()
	if status, body := s.answer("/"); status != http.StatusOK || body != text {
		s.t.Errorf("it answers %d %.200q, want %q", status, body, text)
	}
}

// printing has the application print n lines, the first of which has the number
// from, and returns when it has.
func (s *service) printing(from, n int) error {
	if status, body := s.answer("/log?" + url.Values{"from": {fmt.Sprint(from)}, "n": {fmt.Sprint(n)}}.Encode()); status != http.StatusOK {
		return fmt.Errorf("the application answered %d %.200q", status, body)
	}
	return nil
}

// slowly sends a request that takes so many milliseconds and must be answered
// with text.
func (s *service) slowly(ms int, text string) error {
	if status, body := s.answer(fmt.Sprintf("/slow?ms=%d", ms)); status != http.StatusOK || body != text {
		return fmt.Errorf("a request of %d ms was answered %d %.200q, want %q", ms, status, body, text)
	}
	return nil
}

// slowBuild is a Dockerfile of the test application whose build says "building
// VERSION" and takes seconds, which no cache makes shorter.
func (h *house) slowBuild(version string, seconds int) string {
	return fmt.Sprintf("FROM debian:bookworm-slim AS slow\nRUN echo building %s, at %d && sleep %d && touch /built\n"+
		"FROM %s\nCOPY --from=slow /built /\nENV APP_VERSION=%s\n", version, time.Now().UnixNano(), seconds, h.app("v1"), version)
}

// ended waits until an operation has ended and returns why it failed.
func (h *house) ended(ctx context.Context, operation string) error {
	var last struct {
		OperationUpdated struct {
			Status lifecycle.OperationStatus
			Error  *failure
		}
	}
	err := h.api.Subscribe(ctx, `subscription($id:ID!){operationUpdated(id:$id){status error{code message}}}`,
		func() any { return client.Variables{"id": operation} },
		func(data json.RawMessage) error { return json.Unmarshal(data, &last) })
	if err != nil {
		return fmt.Errorf("watch operation: %w", err)
	}
	if f := last.OperationUpdated.Error; f != nil {
		return errors.New(f.Message)
	}
	return nil
}

// after does something beside the test and returns a channel that is closed
// when that is done. An error fails the test.
func (h *house) after(do func() error) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := do(); err != nil {
			h.t.Error(err)
		}
	}()
	return done
}
