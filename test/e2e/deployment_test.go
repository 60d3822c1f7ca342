package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
)

// deployment is one as the API shows it.
type deployment struct {
	ID         string
	Number     int
	Status     lifecycle.Status
	Conclusion *lifecycle.Conclusion
	IsActive   bool
	URL        *string
	Phases     []phase
	Failure    *failure
	Replicas   []struct {
		ID     string
		Status lifecycle.ReplicaStatus
	}
}

type phase struct {
	Name    lifecycle.PhaseName
	Status  lifecycle.PhaseStatus
	Attempt int
}

type failure struct {
	Code      fault.Code
	Domain    fault.Domain
	Phase     *lifecycle.PhaseName
	Message   string
	Hint      *string
	ExitCode  *int
	OOMKilled bool
	Retryable bool
	Excerpt   []struct{ Stream, Message string }
}

const deploymentFields = `id number status conclusion isActive url phases{name status attempt} replicas{id status}
	failure{code domain phase message hint exitCode oomKilled retryable excerpt:logExcerpt{stream message}}`

// running reports whether a phase is under way.
func (d deployment) running(name lifecycle.PhaseName) bool {
	return slices.ContainsFunc(d.Phases, func(p phase) bool { return p.Name == name && p.Status == lifecycle.PhaseRunning })
}

// request asks for a deployment; of says of what, if not of the service's
// source.
func (s *service) request(of input) deployment {
	s.t.Helper()
	in := input{"serviceInstanceId": s.instance}
	for k, v := range of {
		in[k] = v
	}
	var out struct {
		Deploy struct{ Deployment deployment }
	}
	s.do(`mutation($input:DeployInput!){deploy(input:$input){deployment{`+deploymentFields+`}}}`, client.Variables{"input": in}, &out)
	return out.Deploy.Deployment
}

// rollback asks to go back to a deployment.
func (s *service) rollback(id string) deployment {
	s.t.Helper()
	var out struct {
		Rollback struct{ Deployment deployment }
	}
	s.do(`mutation($input:RollbackInput!){rollback(input:$input){deployment{`+deploymentFields+`}}}`,
		client.Variables{"input": input{"deploymentId": id}}, &out)
	return out.Rollback.Deployment
}

// cancel asks a deployment to stop.
func (s *service) cancel(id string) {
	s.t.Helper()
	var out struct{}
	s.do(`mutation($input:CancelDeploymentInput!){cancelDeployment(input:$input){deployment{id}}}`,
		client.Variables{"input": input{"deploymentId": id}}, &out)
}

// deployment loads one.
func (h *house) deployment(id string) deployment {
	h.t.Helper()
	var out struct{ Deployment deployment }
	h.do(`query($id:ID!){deployment(id:$id){`+deploymentFields+`}}`, client.Variables{"id": id}, &out)
	return out.Deployment
}

// watch calls each with every state of a deployment until it has ended.
func (h *house) watch(id string, each func(deployment) error) error {
	return h.api.Subscribe(h.ctx, `subscription($id:ID!){deploymentUpdated(id:$id){`+deploymentFields+`}}`,
		func() any { return client.Variables{"id": id} },
		func(data json.RawMessage) error {
			var out struct{ DeploymentUpdated deployment }
			if err := json.Unmarshal(data, &out); err != nil {
				return err
			}
			return each(out.DeploymentUpdated)
		})
}

// completed waits until a deployment has ended and returns it.
func (h *house) completed(id string) deployment {
	h.t.Helper()
	return h.reaches(id, func(d deployment) bool { return d.Status == lifecycle.Completed })
}

// succeeded waits until a deployment has ended, which must be well.
func (h *house) succeeded(id string) deployment {
	h.t.Helper()
	d := h.completed(id)
	if *d.Conclusion != lifecycle.Succeeded {
		h.t.Fatalf("deployment #%d ended as %s: %+v", d.Number, *d.Conclusion, d.Failure)
	}
	return d
}

// reaches waits until a deployment is as is says, which it must be before it
// has ended.
func (h *house) reaches(id string, is func(deployment) bool) deployment {
	h.t.Helper()
	var last deployment
	h.until("the deployment gets there", func() bool {
		last = h.deployment(id)
		if !is(last) && last.Status == lifecycle.Completed {
			h.t.Fatalf("deployment #%d ended as %s before: %+v", last.Number, *last.Conclusion, last.Failure)
		}
		return is(last)
	})
	return last
}

// endsWithin waits for the end of a deployment, which must come in time. How far
// it came is told of one that does not.
func (h *house) endsWithin(id string, d time.Duration) deployment {
	h.t.Helper()
	var last deployment
	defer func() {
		if last.Status != lifecycle.Completed {
			var said []string
			h.history(input{"deploymentId": id}, func(l line) { said = append(said, l.Message) })
			h.t.Logf("deployment #%d is %s, its log ends:\n%s", last.Number, last.Status, strings.Join(said[max(0, len(said)-30):], "\n"))
		}
	}()
	h.within(d, "the deployment ends", func() bool {
		last = h.deployment(id)
		return last.Status == lifecycle.Completed
	})
	return last
}

// deploy deploys an image and waits until it serves.
func (s *service) deploy(ref string) deployment {
	s.t.Helper()
	return s.succeeded(s.request(input{"image": ref}).ID)
}
