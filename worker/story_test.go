package worker

import (
	"fmt"
	"slices"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/deployment"
	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/logs"
	"github.com/davitdev/davit/internal/project"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/runner"
	"github.com/davitdev/davit/runner/runnertest"
)

func stories() []story {
	runs := func(n int) func(*stage) { return func(s *stage) { s.running(s.instance, n) } }
	return []story{
		{
			name: "a first deployment that is built",
			begin: func(s *stage) {
				s.forget()
				s.instance = s.uploaded(fmt.Sprintf("app %d", s.n))
				s.deploys(func(string) *ent.Deployment { return s.request(s.instance, "") })
				s.version = "built " + s.row.ID
			},
			ended: (*stage).completed, check: (*stage).live,
		},
		{
			name: "a static site",
			begin: func(s *stage) {
				s.forget()
				s.instance = s.site(fmt.Sprintf("site %d", s.n))
				s.version = fmt.Sprintf("site %d", s.n)
				s.publish(s.instance, s.version)
				s.row = s.request(s.instance, "")
			},
			ended: (*stage).completed,
			check: func(s *stage) {
				if d := s.house.row(s.row.ID); *d.Conclusion != lifecycle.Succeeded || !d.IsActive || d.Bundle == nil {
					s.t.Errorf("it ended as %s: %+v", *d.Conclusion, d.Failure)
				}
				s.serves(s.instance, s.version)
			},
		},
		{
			name: "a deployment that replaces another", serves: true,
			begin: func(s *stage) {
				s.deploys(func(v string) *ent.Deployment { return s.request(s.instance, s.house.version(v, nil)) })
			},
			ended: (*stage).completed, check: (*stage).live,
		},
		{
			name: "a deployment that takes the turn of another", serves: true,
			begin: func(s *stage) {
				slow := func(i *runnertest.FakeImage) { i.PullTime = 100 * time.Millisecond }
				s.request(s.instance, s.house.version(fmt.Sprintf("passed-%d", s.n), slow))
				s.deploys(func(v string) *ent.Deployment { return s.request(s.instance, s.house.version(v, nil)) })
			},
			ended: (*stage).completed,
			check: func(s *stage) {
				s.live()
				open, err := s.db.Deployment.Query().Where(deployment.InstanceID(s.instance.ID), deploy.Unfinished).Count(s.ctx)
				if err != nil || open != 0 {
					s.t.Errorf("%d deployments before it have not ended, %v", open, err)
				}
			},
		},
		{
			name: "a deployment with a command before it", serves: true,
			begin: func(s *stage) {
				s.commands([]string{runnertest.FakeProgram, "--print", "1", "--exit-after", "20ms"})
				s.deploys(func(v string) *ent.Deployment { return s.request(s.instance, s.house.version(v, nil)) })
				s.commands(nil)
			},
			ended: (*stage).completed, check: func(s *stage) { s.live(); s.ranOnce() },
		},
		{
			name: "a deployment whose command before it fails", serves: true,
			begin: func(s *stage) {
				s.commands([]string{runnertest.FakeProgram, "--print", "1", "--exit-after", "20ms", "--exit-code", "3"})
				s.row = s.request(s.instance, s.house.version(fmt.Sprintf("v%d", s.n), nil))
				s.commands(nil)
			},
			ended: (*stage).completed,
			check: func(s *stage) {
				if d := s.house.row(s.row.ID); *d.Conclusion != lifecycle.Failed || d.Failure.Code != fault.PreDeployFailed {
					s.t.Errorf("it ended as %s: %+v", *d.Conclusion, d.Failure)
				}
				s.ranOnce()
				s.running(s.instance, 1)
				s.serves(s.instance, s.version)
			},
		},
		{
			name: "a deployment whose command before it is lost", serves: true,
			begin: func(s *stage) {
				s.commands([]string{runnertest.FakeProgram, "--print", "1", "--exit-after", "100ms"})
				s.deploys(func(v string) *ent.Deployment { return s.request(s.instance, s.house.version(v, nil)) })
				s.commands(nil)
			},
			during: (*stage).loseCommand,
			ended:  (*stage).completed, check: (*stage).live,
		},
		{
			name: "a rollback", serves: true,
			begin: func(s *stage) {
				s.deploys(func(string) *ent.Deployment {
					d, err := s.verbs.Rollback(s.ctx, s.first.ID)
					if err != nil {
						s.t.Fatal(err)
					}
					return d
				})
				s.version = "v0"
			},
			ended: (*stage).completed, check: (*stage).live,
		},
		{
			name: "a cancel", serves: true,
			begin: func(s *stage) {
				s.row = s.request(s.instance, s.house.version(fmt.Sprintf("sick-%d", s.n), neverWell))
			},
			during: func(s *stage) {
				if s.asked || s.house.row(s.row.ID).Status != lifecycle.Deploying {
					return
				}
				s.asked = true
				if _, err := s.verbs.Cancel(s.ctx, s.row.ID); err != nil {
					s.t.Fatal(err)
				}
			},
			ended: (*stage).completed,
			check: func(s *stage) {
				if d := s.house.row(s.row.ID); *d.Conclusion != lifecycle.Canceled {
					s.t.Errorf("it ended as %s: %+v", *d.Conclusion, d.Failure)
				}
				s.running(s.instance, 1)
				s.serves(s.instance, s.version)
			},
		},
		{
			name: "a change of scale", serves: true,
			begin: func(s *stage) {
				n := 3
				if len(s.house.live(s.instance)) == n {
					n = 1
				}
				s.scale(s.instance, n)
			},
			ended: (*stage).settled,
			check: func(s *stage) { s.running(s.instance, s.house.instance(s.instance).ReplicaCount) },
		},
		{
			name: "a deployment with a process beside it, which is scaled", serves: true,
			begin: func(s *stage) {
				_, err := s.projects.UpdateInstance(s.ctx, project.ChangeInstance{ID: s.instance.ID, Apply: func(now spec.Settings) spec.Settings {
					now.Processes = []spec.Process{{Name: "worker", Command: runnertest.FakeProgram, Replicas: 1}}
					return now
				}})
				if err != nil {
					s.t.Fatal(err)
				}
				s.deploys(func(v string) *ent.Deployment { return s.request(s.instance, s.house.version(v, nil)) })
			},
			during: func(s *stage) {
				if s.asked || s.house.row(s.row.ID).Status != lifecycle.Finalizing && !s.completed() {
					return
				}
				s.asked = true
				n := 2 - s.n%2
				if _, err := s.verbs.Scale(s.ctx, s.instance.ID, "worker", n); err != nil {
					s.t.Fatal(err)
				}
			},
			ended: func(s *stage) bool { return s.asked && s.completed() && s.settled() },
			check: func(s *stage) {
				s.running(s.instance, 3-s.n%2)
				s.serves(s.instance, s.version)
			},
		},
		{
			name: "a deployment with another config file", serves: true,
			begin: func(s *stage) {
				s.configure(s.instance, "/etc/app", fmt.Sprintf("file %d", s.n))
				s.deploys(func(v string) *ent.Deployment { return s.request(s.instance, s.house.version(v, nil)) })
			},
			ended: (*stage).completed,
			check: func(s *stage) {
				s.live()
				if got := s.file(s.instance, "/etc/app"); len(got) != 1 || got[0] != fmt.Sprintf("640 file %d", s.n) {
					s.t.Errorf("its replicas have %q", got)
				}
			},
		},
		{name: "a cron run that replaces another", begin: (*stage).ticks, during: (*stage).tickAgain, ended: (*stage).ranTwice, check: (*stage).replaced},
		operates("a restart", true, func(s *stage) (*ent.Operation, error) { return s.verbs.Restart(s.ctx, s.instance.ID, "") }, runs(1)),
		operates("a stop, and a start the next time", false, func(s *stage) (*ent.Operation, error) {
			if s.house.instance(s.instance).Stopped {
				return s.verbs.Start(s.ctx, s.instance.ID)
			}
			return s.verbs.Stop(s.ctx, s.instance.ID)
		}, func(s *stage) {
			if n := len(s.house.live(s.instance)); s.house.instance(s.instance).Stopped != (n == 0) {
				s.t.Errorf("%d replicas are there", n)
			}
		}),
		{
			name: "a command that is run", serves: true,
			begin: func(s *stage) {
				s.op = s.command(s.instance, time.Minute, "--print", "1", "--exit-after", "20ms", "--exit-code", "3")
			},
			ended: func(s *stage) bool { return s.operation(s.op.ID).Status.Final() },
			check: func(s *stage) {
				op := s.operation(s.op.ID)
				if op.Status != lifecycle.OperationFailed || op.ExitCode == nil || *op.ExitCode != 3 || !s.worker.closed(op) {
					s.t.Errorf("it ended as %s with %v: %+v", op.Status, op.ExitCode, op.Failure)
				}
				lines := s.worker.printed(op)
				if n := len(slices.DeleteFunc(lines, func(l string) bool { return l != "line 1" })); n != 1 {
					s.t.Errorf("it printed its line %d times", n)
				}
			},
		},
		operates("the end of a service", false, func(s *stage) (*ent.Operation, error) {
			s.again()
			return s.projects.DeleteService(s.ctx, s.instance.ServiceID)
		}, (*stage).gone),
		operates("the end of a project", false, func(s *stage) (*ent.Operation, error) {
			p, err := s.projects.Create(s.ctx, project.New{WorkspaceID: s.project.WorkspaceID, Name: fmt.Sprintf("other %d", s.n)})
			if err != nil {
				s.t.Fatal(err)
			}
			s.project = p
			s.again()
			return s.projects.Delete(s.ctx, p.ID, p.Slug)
		}, (*stage).gone),
	}
}

// commands sets the pre-deploy command of the next deployments.
func (s *stage) commands(words []string) {
	s.t.Helper()
	_, err := s.projects.UpdateInstance(s.ctx, project.ChangeInstance{ID: s.instance.ID, Apply: func(now spec.Settings) spec.Settings {
		now.PreDeployCommand = words
		return now
	}})
	if err != nil {
		s.t.Fatal(err)
	}
}

// loseCommand removes the container of the command before the deployment once,
// while it runs.
func (s *stage) loseCommand() {
	s.t.Helper()
	name := deploy.ContainerName(s.row.ID)
	if c, err := s.fake.Inspect(s.ctx, name); s.asked || err != nil || c.State != runner.Running {
		return
	}
	s.asked = true
	if err := s.fake.Remove(s.ctx, name); err != nil {
		s.t.Fatal(err)
	}
}

// ranOnce fails the test unless the command before the deployment ran once and
// its line is recorded once.
func (s *stage) ranOnce() {
	s.t.Helper()
	lines := s.worker.output(s.row, logs.Stdout)
	if n := len(slices.DeleteFunc(lines, func(l string) bool { return l != "line 1" })); n != 1 {
		s.t.Errorf("the command printed its line %d times", n)
	}
}
