//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/davitdev/davit/internal/client"
	code "github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/proxy"
	"github.com/davitdev/davit/test/daemon"
	"github.com/davitdev/davit/test/server"
)

// input is part of a mutation.
type input = client.Variables

// house is an installation on an engine of its own.
type house struct {
	srv       *server.Server
	engine    *daemon.Daemon
	api       *client.Client
	elsewhere *elsewhere // nil: rows and queue are in the server
	image     string     // of the test application
	workspace string
	// A project that is only written to.
	spare, spareSlug string
}

// newHouse starts davit serve on an empty data directory. It returns what there
// is also with an error.
func newHouse(ctx context.Context, program, dir, image string, engine *daemon.Daemon, outside *elsewhere, log *os.File) (*house, error) {
	h := &house{engine: engine, elsewhere: outside, image: image, srv: &server.Server{
		Program: program, Data: filepath.Join(dir, "davit"), Args: []string{"--runner", "docker"}, Log: log, Out: log,
	}}
	if outside != nil {
		h.srv.Env = outside.env()
	}
	ports, err := server.FreePorts(2)
	if err != nil {
		return h, err
	}
	h.srv.API, h.srv.Apps = ports[0], ports[1]
	if err := mount(h.srv.Data); err != nil {
		return h, err
	}
	if err := errors.Join(h.srv.Start(ctx), h.srv.Ready(ctx)); err != nil {
		return h, err
	}
	token, err := os.ReadFile(filepath.Join(h.srv.Data, "admin-token"))
	if err != nil {
		return h, err
	}
	if h.api, err = client.New("http://"+h.srv.API, strings.TrimSpace(string(token))); err != nil {
		return h, err
	}
	var out struct{ Workspace struct{ ID string } }
	if err := h.api.Do(ctx, `{workspace(slug:"default"){id}}`, nil, &out); err != nil {
		return h, err
	}
	h.workspace = out.Workspace.ID
	h.spare, h.spareSlug, err = h.project(ctx, "spare")
	return h, err
}

// abandon ends what of the control plane may run.
func (h *house) abandon(ctx context.Context) error {
	return errors.Join(h.srv.Kill(), proxy.NewClient(h.srv.Data).Quit(ctx))
}

// project makes a project.
func (h *house) project(ctx context.Context, name string) (id, slug string, err error) {
	var out struct {
		CreateProject struct{ Project struct{ ID, Slug string } }
	}
	err = h.do(ctx, `mutation($input:CreateProjectInput!){createProject(input:$input){project{id slug}}}`,
		input{"input": input{"workspaceId": h.workspace, "name": name}}, &out)
	return out.CreateProject.Project.ID, out.CreateProject.Project.Slug, err
}

// deleteProject deletes a project and waits until it is gone.
func (h *house) deleteProject(ctx context.Context, id, slug string) error {
	var out struct {
		DeleteProject struct{ Operation struct{ ID string } }
	}
	err := h.do(ctx, `mutation($input:DeleteProjectInput!){deleteProject(input:$input){operation{id}}}`,
		input{"input": input{"projectId": id, "confirmSlug": slug}}, &out)
	if err != nil {
		return fmt.Errorf("delete project: %w", err)
	}
	o, err := h.ended(ctx, out.DeleteProject.Operation.ID)
	if err == nil && o.Status != lifecycle.OperationSucceeded {
		err = fmt.Errorf("the deletion of a project ended as %s: %s", o.Status, o.Error)
	}
	return err
}

// patience is how long is waited for what must happen, on a machine that has
// other things to do.
const patience = 60 * time.Second

// do runs a query or mutation. What is refused with an error that may go away,
// such as a full disk, is asked for again, for as long as anything may last.
func (h *house) do(ctx context.Context, document string, v, out any) error {
	for end := time.Now().Add(patience); ; {
		err := h.api.Do(ctx, document, v, out)
		if err == nil || !again(err) || time.Now().After(end) {
			return err
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
}

// again reports whether an error says that trying again may help. What is
// internal may, and is a mistake of ours all the same.
func again(err error) bool { return !code.Is(err, code.Internal) && code.CodeOf(err).Info().Retryable }

// writes reports whether a change is accepted.
func (h *house) writes(ctx context.Context, number int) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var out struct{}
	return h.api.Do(ctx, `mutation($input:UpdateProjectInput!){updateProject(input:$input){project{id}}}`,
		input{"input": input{"projectId": h.spare, "name": fmt.Sprintf("Spare %d", number)}}, &out) == nil
}

// deployment is one as the API shows it.
type deployment struct {
	ID         string
	Number     int
	Status     lifecycle.Status
	Conclusion *lifecycle.Conclusion
	Failure    *failure
}

type failure struct {
	Code    code.Code
	Message string
}

func (f *failure) String() string {
	if f == nil {
		return "nothing is said about why"
	}
	return string(f.Code) + ": " + f.Message
}

const deploymentFields = `id number status conclusion failure{code message}`

// endLimit is how long a deployment, a command or a deletion may take, which
// stands in a queue, and whose server is away for a while.
const endLimit = 3 * time.Minute

// completed waits until a deployment has ended.
func (h *house) completed(ctx context.Context, id string) (d deployment, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, endLimit, fmt.Errorf("%s has not ended within %s", id, endLimit))
	defer cancel()
	err = h.follow(ctx, `subscription($id:ID!){it:deploymentUpdated(id:$id){`+deploymentFields+`}}`, id, &d)
	return d, err
}

// operation is one as the API shows it.
type operation struct {
	ID       string
	Status   lifecycle.OperationStatus
	Error    *failure
	ExitCode *int
}

// ended waits until an operation has ended.
func (h *house) ended(ctx context.Context, id string) (o operation, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, endLimit, fmt.Errorf("%s has not ended within %s", id, endLimit))
	defer cancel()
	err = h.follow(ctx, `subscription($id:ID!){it:operationUpdated(id:$id){id status exitCode error{code message}}}`, id, &o)
	return o, err
}

// follow decodes each state of a stream into out, until it ends.
func (h *house) follow(ctx context.Context, subscription, id string, out any) error {
	for end := time.Now().Add(endLimit); ; {
		err := h.api.Subscribe(ctx, subscription, func() any { return input{"id": id} }, func(data json.RawMessage) error {
			var m struct{ It json.RawMessage }
			return errors.Join(json.Unmarshal(data, &m), json.Unmarshal(m.It, out))
		})
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err == nil || !again(err) || time.Now().After(end) {
			return err
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
}

// pause waits.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// until waits until something is as it should, for as long as the patience
// lasts.
func until(ctx context.Context, what string, limit time.Duration, is func() bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("%s: not within %s", what, limit))
	defer cancel()
	for !is() {
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}
