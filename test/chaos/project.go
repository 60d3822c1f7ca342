//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	code "github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	pack "github.com/davitdev/davit/internal/source"
	"github.com/davitdev/davit/test/traffic"
)

// project is one with a service, whose actions follow on each other.
type project struct {
	*soak
	number         int
	id, slug       string
	service        string
	instance, host string // written under mu: faults read them
	made           int    // deployments that were asked for, each with a version of its own
	now            string
	successes      []success
	logs           []log // of deployments and commands

	mu      sync.Mutex
	traffic *traffic.Traffic // nil: nobody is to be served
	site    *visitors
}

// success is a deployment that can be gone back to.
type success struct{ id, version string }

// says adds what is wrong with a project.
func (p *project) says(format string, args ...any) {
	p.fail("project %d: %s", p.number, fmt.Sprintf(format, args...))
}

// create makes the project, with a first deployment, and sends requests to it.
func (p *project) create(ctx context.Context) error {
	var err error
	if p.id, p.slug, err = p.project(ctx, fmt.Sprintf("chaos %d", p.number)); err != nil {
		return err
	}
	in := input{
		"projectId": p.id, "name": "web", "deploy": false, "source": input{"image": input{"image": p.image}},
		"settings": input{"drainTimeout": "PT4S", "healthCheck": check("PT60S")},
	}
	switch sources[p.number] {
	case fromDockerfile:
		in["source"] = input{"upload": input{}}
	case fromSite:
		in["source"], in["kind"], in["settings"] = input{"upload": input{}}, "STATIC_SITE", input{}
	default:
	}
	var out struct {
		CreateService struct {
			Service struct {
				ID        string
				Instances []struct {
					ID     string
					Routes []struct{ Hostname string }
				}
			}
		}
	}
	if err := p.do(ctx, `mutation($input:CreateServiceInput!){createService(input:$input){service{id instances{id routes{hostname}}}}}`, input{"input": in}, &out); err != nil {
		return fmt.Errorf("create service: %w", err)
	}
	s := out.CreateService.Service
	p.mu.Lock()
	p.service, p.instance, p.host = s.ID, s.Instances[0].ID, s.Instances[0].Routes[0].Hostname
	p.mu.Unlock()
	p.now, p.successes, p.logs = "", nil, nil
	for {
		began := time.Now()
		p.deploys(ctx, 0)
		if p.now != "" {
			break
		}
		if !p.since(began, p.number, changes) {
			return errors.New("its first deployment does not go live")
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
	p.greet(ctx)
	return nil
}

// greet begins to send requests.
func (p *project) greet(ctx context.Context) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if sources[p.number] == fromSite {
		p.site = p.visit(ctx, p.now)
		return
	}
	p.traffic = traffic.Start(ctx, traffic.Options{
		Addr: p.srv.Apps, Host: p.host, Connections: 6, Pace: 50 * time.Millisecond, Length: time.Second, Versions: []string{p.now},
		Excused: func(began time.Time) bool { return p.since(began, p.number, requests) },
	})
}

// leave ends the requests, and counts them.
func (p *project) leave() {
	p.mu.Lock()
	t, site := p.traffic, p.site
	p.mu.Unlock()
	defer func() { // until the last one is answered it is to be served
		p.mu.Lock()
		defer p.mu.Unlock()
		p.traffic, p.site = nil, nil
	}()
	if t != nil {
		r := t.Stop()
		p.count(r.All(), r.Failed, r.Excused)
		for _, f := range r.Failures {
			p.says("%s", f)
		}
	}
	if site != nil {
		site.stop()
	}
}

// expect says which versions may answer.
func (p *project) expect(versions ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.traffic != nil {
		p.traffic.Expect(versions...)
	}
	if p.site != nil {
		p.site.expect(versions...)
	}
}

// visited reports whether somebody is to be served.
func (p *project) visited() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.traffic != nil || p.site != nil
}

// place is where the service is, in the API and for visitors.
func (p *project) place() (instance, host string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.instance, p.host
}

// answer asks the application for a path. That it is slow is no failure.
func (p *project) answer(ctx context.Context, path string) (status int, body string) {
	ctx, cancel := context.WithTimeout(ctx, recoveryLimit)
	defer cancel()
	_, host := p.place()
	req, err := p.srv.Request(ctx, http.MethodGet, host, path)
	if err != nil {
		return 0, err.Error()
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return 0, err.Error()
	}
	return res.StatusCode, strings.TrimSpace(string(text))
}

// check is a health check that waits no longer than for a time.
func check(start string) input {
	return input{"kind": "HTTP", "path": "/healthz", "startPeriod": start, "interval": "PT1S", "timeout": "PT2S"}
}

// prepare sets what the next deployment is made of, and returns what to ask
// for.
func (p *project) prepare(ctx context.Context, variables input, start string) (of input, version string, err error) {
	p.made++
	version = fmt.Sprintf("v%d", p.made)
	if sources[p.number] != fromSite {
		all := input{"APP_VERSION": version, "APP_PRINT": "0", "APP_EXIT_AFTER": "-1s", "APP_UNHEALTHY_FOR": "0s"}
		if sources[p.number] == fromPrinter {
			all["APP_PRINT_RATE"] = fmt.Sprint(printRate)
		}
		for k, v := range variables {
			all[k] = v
		}
		var list []input
		for k, v := range all {
			list = append(list, input{"name": k, "value": v})
		}
		var out struct{}
		err := p.do(ctx, `mutation($input:SetVariablesInput!){setVariables(input:$input){variables{id}}}`,
			input{"input": input{"target": input{"serviceInstanceId": p.instance}, "variables": list}}, &out)
		if err != nil {
			return nil, version, fmt.Errorf("set variables: %w", err)
		}
		err = p.do(ctx, `mutation($input:UpdateServiceInstanceInput!){updateServiceInstance(input:$input){instance{id}}}`,
			input{"input": input{"serviceInstanceId": p.instance, "settings": input{"healthCheck": check(start)}, "apply": "STAGE"}}, &out)
		if err != nil {
			return nil, version, fmt.Errorf("change settings: %w", err)
		}
	}
	of = input{"serviceInstanceId": p.instance}
	switch sources[p.number] {
	case fromDockerfile:
		text := fmt.Sprintf("FROM %s\nENV BUILD=%s-%d\nRUN [\"/app\", \"-listen\", \"none\", \"-print\", \"20\", \"-exit-after\", \"1s\"]\n", p.image, version, time.Now().UnixNano())
		of["artifactId"], err = p.send(ctx, "Dockerfile", text)
	case fromSite:
		of["artifactId"], err = p.send(ctx, "index.html", version)
	default:
	}
	return of, version, err
}

// send sends a directory with a file as the source of the service.
func (p *project) send(ctx context.Context, name, text string) (artifact string, err error) {
	dir, err := os.MkdirTemp(p.dir, "source-")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		return "", err
	}
	var archive bytes.Buffer
	if _, err := pack.Pack(ctx, dir, &archive, pack.PackOptions{}); err != nil {
		return "", err
	}
	data := archive.Bytes()
	for end := time.Now().Add(patience); ; {
		var out struct {
			CreateUpload struct {
				UploadURL string
				Artifact  struct{ ID string }
			}
		}
		err := p.do(ctx, `mutation($input:CreateUploadInput!){createUpload(input:$input){uploadUrl artifact{id}}}`, input{"input": input{
			"serviceId": p.service, "filename": "source.tar.gz", "sizeBytes": len(data), "sha256": fmt.Sprintf("%x", sha256.Sum256(data)),
		}}, &out)
		if err != nil {
			return "", fmt.Errorf("announce an upload: %w", err)
		}
		up := out.CreateUpload
		if up.UploadURL == "" {
			return up.Artifact.ID, nil
		}
		if err = p.api.Upload(ctx, up.UploadURL, bytes.NewReader(data), int64(len(data))); err == nil {
			return up.Artifact.ID, nil
		}
		if !again(err) || time.Now().After(end) {
			return "", fmt.Errorf("upload: %w", err)
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return "", err
		}
	}
}

// asked are the ways to ask for a deployment.
const (
	askDeploy   = `mutation($input:DeployInput!){it:deploy(input:$input){deployment{` + deploymentFields + `}}}`
	askRedeploy = `mutation($input:RedeployInput!){it:redeploy(input:$input){deployment{` + deploymentFields + `}}}`
	askRollback = `mutation($input:RollbackInput!){it:rollback(input:$input){deployment{` + deploymentFields + `}}}`
)

// ask asks for a deployment.
func (p *project) ask(ctx context.Context, how string, of input) (deployment, error) {
	var out struct {
		It struct{ Deployment deployment }
	}
	err := p.do(ctx, how, input{"input": of}, &out)
	return out.It.Deployment, err
}

// lives notes that a deployment succeeded. What was there before has drained,
// and prints no more.
func (p *project) lives(id, version string) {
	for i := range p.logs {
		if p.logs[i].to.IsZero() {
			p.logs[i].to = time.Now()
		}
	}
	p.now = version
	p.successes = append(p.successes, success{id, version})
	p.successes = p.successes[max(0, len(p.successes)-3):] // that many are kept for sure
}

// settle takes the end of a deployment, which has to be one of these.
func (p *project) settle(d deployment, began time.Time, version string, may ...lifecycle.Conclusion) {
	if d.Conclusion == nil {
		p.says("#%d, %s, has ended without a conclusion", d.Number, d.ID)
		return
	}
	if *d.Conclusion == lifecycle.Succeeded {
		p.lives(d.ID, version)
	}
	if slices.Contains(may, *d.Conclusion) {
		return
	}
	if *d.Conclusion == lifecycle.Failed && d.Failure != nil && d.Failure.Code != code.Internal && p.since(began, p.number, changes) {
		return // and says why
	}
	p.says("deployment #%d, %s, ended as %s, want one of %v: %s", d.Number, d.ID, *d.Conclusion, may, d.Failure)
}
