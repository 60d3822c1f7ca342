//go:build linux

package main

import (
	"context"
	"fmt"
	"time"

	code "github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
)

// Ends of deployments that are expected.
var (
	well      = []lifecycle.Conclusion{lifecycle.Succeeded}
	badly     = []lifecycle.Conclusion{lifecycle.Failed}
	overtaken = []lifecycle.Conclusion{lifecycle.Succeeded, lifecycle.Skipped, lifecycle.Canceled}
	canceled  = []lifecycle.Conclusion{lifecycle.Succeeded, lifecycle.Canceled}
)

// act does something to the project and returns when it is done.
func (p *project) act(ctx context.Context, a action) {
	var err error
	switch a.Verb {
	case deploy:
		p.deploys(ctx, 0)
	case loud:
		p.deploys(ctx, 200+a.N*40)
	case twice:
		err = p.deploysTwice(ctx)
	case crash:
		// A Dockerfile has its turn of a build first, but what it makes crashes too.
		err = p.change(ctx, input{"APP_EXIT_AFTER": "0s", "APP_EXIT_CODE": "7"}, "PT20S", code.AppExited)
	case unhealthy:
		err = p.change(ctx, input{"APP_UNHEALTHY_FOR": "-1s"}, "PT2S", code.AppUnhealthy)
	case cancel:
		err = p.cancels(ctx, time.Duration(a.N)*20*time.Millisecond)
	case redeploy:
		err = p.redeploys(ctx)
	case rollback:
		err = p.rollsBack(ctx, a.N)
	case scale:
		err = p.scales(ctx, 1+a.N%3)
	case restart:
		err = p.restarts(ctx)
	case command:
		err = p.commands(ctx, 100+a.N*20)
	case recreate:
		p.leave()
		if err = p.deleteProject(ctx, p.id, p.slug); err == nil {
			err = p.create(ctx)
		}
	}
	if err != nil {
		p.says("%s: %v", a.Verb, err)
	}
}

// deploys deploys what prints so many lines first.
func (p *project) deploys(ctx context.Context, lines int) {
	if err := p.change(ctx, input{"APP_PRINT": fmt.Sprint(lines)}, "PT60S", ""); err != nil {
		p.says("%s: %v", deploy, err)
	}
}

// change deploys with variables, which succeeds, or has to fail for a reason.
func (p *project) change(ctx context.Context, variables input, start string, reason code.Code) error {
	began := time.Now()
	of, version, err := p.prepare(ctx, variables, start)
	if err != nil {
		return err
	}
	p.expect(p.now, version)
	d, err := p.ask(ctx, askDeploy, of)
	if err != nil {
		return err
	}
	if d, err = p.completed(ctx, d.ID); err != nil {
		return err
	}
	may := well
	if reason != "" {
		may = badly
		if d.Failure != nil && d.Failure.Code != reason && !p.since(began, p.number, changes) {
			p.says("deployment #%d, %s, failed with %s, want %s", d.Number, d.ID, d.Failure, reason)
		}
	}
	p.settle(d, began, version, may...)
	p.expect(p.now)
	if lines, ok := variables["APP_PRINT"].(string); ok && lines != "0" && p.now == version {
		one := log{source: input{"deploymentId": d.ID}, from: began}
		if _, err := fmt.Sscan(lines, &one.lines); err != nil {
			return err
		}
		p.logs = append(p.logs, one)
	}
	return nil
}

// deploysTwice asks for a deployment, and for another before it has ended.
func (p *project) deploysTwice(ctx context.Context) error {
	began := time.Now()
	of, older, err := p.prepare(ctx, nil, "PT60S")
	if err != nil {
		return err
	}
	before := p.now
	p.expect(before, older)
	first, err := p.ask(ctx, askDeploy, of)
	if err != nil {
		return err
	}
	of, newer, err := p.prepare(ctx, nil, "PT60S")
	if err != nil {
		return err
	}
	p.expect(before, older, newer)
	second, err := p.ask(ctx, askDeploy, of)
	if err != nil {
		return err
	}
	if first, err = p.completed(ctx, first.ID); err != nil {
		return err
	}
	p.settle(first, began, older, overtaken...)
	if second, err = p.completed(ctx, second.ID); err != nil {
		return err
	}
	p.settle(second, began, newer, well...)
	p.expect(p.now)
	return nil
}

// cancels asks for a deployment and, a while later, to cancel it.
func (p *project) cancels(ctx context.Context, after time.Duration) error {
	began := time.Now()
	of, version, err := p.prepare(ctx, input{"APP_UNHEALTHY_FOR": "1s"}, "PT60S")
	if err != nil {
		return err
	}
	p.expect(p.now, version)
	d, err := p.ask(ctx, askDeploy, of)
	if err != nil {
		return err
	}
	if err := pause(ctx, after); err != nil {
		return err
	}
	var out struct{}
	err = p.do(ctx, `mutation($input:CancelDeploymentInput!){cancelDeployment(input:$input){deployment{id}}}`, input{"input": input{"deploymentId": d.ID}}, &out)
	if err != nil && !code.Is(err, code.AlreadyLive) && !code.Is(err, code.Conflict) {
		return err
	}
	if d, err = p.completed(ctx, d.ID); err != nil {
		return err
	}
	p.settle(d, began, version, canceled...)
	p.expect(p.now)
	return nil
}

// redeploys deploys anew what serves, with variables of its own.
func (p *project) redeploys(ctx context.Context) error {
	began := time.Now()
	last := p.successes[len(p.successes)-1]
	_, version, err := p.prepare(ctx, nil, "PT60S")
	if err != nil {
		return err
	}
	if sources[p.number] == fromSite {
		version = last.version
	}
	p.expect(p.now, version)
	d, err := p.ask(ctx, askRedeploy, input{"deploymentId": last.id})
	if err != nil {
		return err
	}
	if d, err = p.completed(ctx, d.ID); err != nil {
		return err
	}
	p.settle(d, began, version, well...)
	p.expect(p.now)
	return nil
}

// rollsBack goes back to a deployment that succeeded before.
func (p *project) rollsBack(ctx context.Context, n int) error {
	began := time.Now()
	to := p.successes[n%len(p.successes)]
	p.expect(p.now, to.version)
	d, err := p.ask(ctx, askRollback, input{"deploymentId": to.id})
	if code.Is(err, code.Conflict) && to.id == p.successes[len(p.successes)-1].id {
		return nil // it serves
	}
	if err != nil {
		return err
	}
	if d, err = p.completed(ctx, d.ID); err != nil {
		return err
	}
	p.settle(d, began, to.version, well...)
	p.expect(p.now)
	return nil
}

// scales asks for replicas and waits until they run.
func (p *project) scales(ctx context.Context, n int) error {
	var out struct{}
	err := p.do(ctx, `mutation($input:ScaleServiceInput!){scaleService(input:$input){instance{id}}}`, input{"input": input{"serviceInstanceId": p.instance, "replicas": n}}, &out)
	if err != nil {
		return err
	}
	last := ""
	err = until(ctx, fmt.Sprintf("%d replicas run", n), patience, func() bool {
		replicas, err := p.replicas(ctx)
		last = fmt.Sprint(replicas, err)
		for _, r := range replicas {
			if r.Status != lifecycle.ReplicaRunning || r.Health != lifecycle.HealthHealthy {
				return false
			}
		}
		return len(replicas) == n
	})
	if err != nil {
		return fmt.Errorf("%w: %s", err, last)
	}
	return nil
}

type replica struct {
	ID, ContainerID string
	Status          lifecycle.ReplicaStatus
	Health          lifecycle.Health
}

// replicas are those of the service.
func (p *project) replicas(ctx context.Context) ([]replica, error) {
	instance, _ := p.place()
	var out struct{ Node struct{ Replicas []replica } }
	err := p.do(ctx, `query($id:ID!){node(id:$id){... on ServiceInstance{replicas{id containerId status health}}}}`, input{"id": instance}, &out)
	return out.Node.Replicas, err
}

// restarts replaces the replicas by others.
func (p *project) restarts(ctx context.Context) error {
	began := time.Now()
	var out struct {
		RestartService struct{ Operation struct{ ID string } }
	}
	if err := p.do(ctx, `mutation($input:RestartServiceInput!){restartService(input:$input){operation{id}}}`, input{"input": input{"serviceInstanceId": p.instance}}, &out); err != nil {
		return err
	}
	o, err := p.ended(ctx, out.RestartService.Operation.ID)
	if err != nil {
		return err
	}
	if o.Status != lifecycle.OperationSucceeded && !p.since(began, p.number, changes) {
		return fmt.Errorf("it ended as %s: %s", o.Status, o.Error)
	}
	return nil
}

// commands runs a command that prints so many lines.
func (p *project) commands(ctx context.Context, lines int) error {
	began := time.Now()
	var out struct {
		RunCommand struct{ Operation struct{ ID string } }
	}
	err := p.do(ctx, `mutation($input:RunCommandInput!){runCommand(input:$input){operation{id}}}`, input{"input": input{
		"serviceInstanceId": p.instance, "command": []string{"/app", "-listen", "none", "-print", fmt.Sprint(lines), "-print-rate", "0", "-exit-after", "500ms", "-exit-code", "3"}, "timeout": "PT1M",
	}}, &out)
	if err != nil {
		return err
	}
	id := out.RunCommand.Operation.ID
	o, err := p.ended(ctx, id)
	if err != nil {
		return err
	}
	if o.ExitCode == nil || *o.ExitCode != 3 {
		if !p.since(began, p.number, changes) {
			return fmt.Errorf("%s ended as %s: %s", id, o.Status, o.Error)
		}
		return nil
	}
	p.logs = append(p.logs, log{source: input{"operationId": id}, lines: lines, from: began, to: time.Now()})
	return nil
}
