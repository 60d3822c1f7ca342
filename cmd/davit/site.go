//go:build unix

package main

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/environment"
	"github.com/davitdev/davit/graph"
	"github.com/davitdev/davit/graph/model"
	"github.com/davitdev/davit/internal/logs"
	"github.com/davitdev/davit/internal/principal"
	"github.com/davitdev/davit/internal/proxy"
	"github.com/davitdev/davit/worker"
	"github.com/davitdev/davit/worker/queue"
)

// site is what the API says about this server.
func (h *house) site(q *queue.Queue, book *logs.Log) graph.Site {
	return graph.Site{
		Version: Version, Commit: Commit, BaseDomain: h.config.BaseDomain, URL: h.config.AppURL,
		Components: func(ctx context.Context) []*model.ComponentHealth { return h.components(ctx, q, book) },
		Queues: func(ctx context.Context) ([]*model.QueueStats, error) {
			stats, err := q.Stats(ctx, worker.QueueDeploy, worker.QueueKeep, worker.QueueOperate)
			if err != nil { // which is said among the components
				h.log.WarnContext(ctx, "the queues are not known", "err", err)
			}
			out := make([]*model.QueueStats, len(stats))
			for i, s := range stats {
				out[i] = &model.QueueStats{Name: s.Queue, Pending: s.Pending, Active: s.Active}
			}
			return out, nil
		},
	}
}

// components asks each part how it is.
func (h *house) components(ctx context.Context, q *queue.Queue, book *logs.Log) []*model.ComponentHealth {
	list := []*model.ComponentHealth{
		ask(ctx, "database", func(ctx context.Context) (string, error) { return "", h.db.Ping(ctx) }),
		ask(ctx, "queue", func(ctx context.Context) (string, error) {
			report, err := q.Inspect(ctx)
			if err == nil {
				_, err = q.Stats(ctx, worker.QueueDeploy)
			}
			if err != nil {
				return toOperators(ctx, err), err
			}
			note, err := queueNote(report)
			if err != nil && !operates(ctx) {
				note = ""
			}
			return note, err
		}),
		ask(ctx, "runner", func(ctx context.Context) (string, error) {
			if _, err := h.runner.Info(ctx); err != nil {
				return "", err
			}
			return h.runnerNote, nil
		}),
		ask(ctx, "disk", h.room),
		ask(ctx, "proxy", h.listens),
		ask(ctx, "name server", func(ctx context.Context) (string, error) {
			return nameServers(ctx, h.db.Client, h.worker.Router.Problems())
		}),
	}
	if h.config.LokiURL != "" {
		list = append(list, ask(ctx, "loki", func(ctx context.Context) (string, error) { return lokiNote(ctx, book) }))
	}
	return list
}

// errQueue is why the queue is not healthy; the message says which.
var errQueue = errors.New("the queue's Redis may lose what is asked for, or tell others")

// queueNote says what keeps the queue, and what an operator should change.
func queueNote(r queue.Report) (string, error) {
	switch {
	case len(r.Warnings) > 0:
		return strings.Join(r.Warnings, " "), errQueue
	case r.Embedded:
		return "a Redis inside the server, which evicts nothing", nil
	default:
		return "Redis " + cmp.Or(r.Version, "of an unknown version") + ", eviction policy " + cmp.Or(r.Policy, "unknown"), nil
	}
}

// errDisk is why the disk is not healthy.
var errDisk = errors.New("the disk is nearly full")

// room is how much may still be written, to operators in figures: by data and
// builds, or by the engine if it has less.
func (h *house) room(ctx context.Context) (string, error) {
	free, err := h.space(ctx)
	if err != nil {
		return "", err
	}
	note := ""
	if operates(ctx) {
		note = size(free) + " are free"
	}
	if free < diskFailed {
		return cmp.Or(note, "It is nearly full."), errDisk
	}
	return note, nil
}

// listens says where the proxy does. One that is away is the router's to start:
// a question has no time for that.
func (h *house) listens(ctx context.Context) (string, error) {
	hello, err := proxy.NewClient(h.config.Data).Hello(ctx)
	if err != nil {
		return "", err
	}
	return "listens on " + hello.Listen, nil
}

// errNameServer is why the name servers are not healthy; the message says which.
var errNameServer = errors.New("a name server cannot listen")

// nameServers says in which environments services do not find each other by
// name, as far as the viewer may know of them, and to operators why.
func nameServers(ctx context.Context, db *ent.Client, problems []worker.NameServerProblem) (string, error) {
	if len(problems) == 0 {
		return "", nil
	}
	ids := make([]string, len(problems))
	for i, p := range problems {
		ids[i] = p.EnvironmentID
	}
	visible, err := db.Environment.Query().Where(environment.IDIn(ids...)).WithProject().All(ctx)
	if err != nil {
		return "", err
	}
	viewer, err := principal.From(ctx)
	if err != nil {
		return "", err
	}
	var list []string
	for _, p := range problems {
		i := slices.IndexFunc(visible, func(e *ent.Environment) bool { return e.ID == p.EnvironmentID && e.Edges.Project != nil })
		if i < 0 {
			continue
		}
		entry := visible[i].Edges.Project.Slug + "/" + visible[i].Slug
		if viewer.PlatformAdmin {
			entry += " (" + p.Message + ")"
		}
		list = append(list, entry)
	}
	message := "Services do not find each other by name in some environments"
	switch { // how many others there are is not for everybody
	case viewer.PlatformAdmin:
		message = "Services do not find each other by name in " + counted(len(problems), "environment", "environments")
	case len(list) > 0:
		message = "Services do not find each other by name in " + counted(len(list), "environment", "environments")
	}
	if len(list) > 0 {
		message += ": " + strings.Join(list, ", ")
	}
	return message + ".", errNameServer
}

// ask asks a part. A part that has nothing to say about its error does not
// answer.
func ask(ctx context.Context, name string, how func(context.Context) (string, error)) *model.ComponentHealth {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	began := time.Now()
	message, err := how(ctx)
	took := float64(time.Since(began).Microseconds()) / 1000
	out := &model.ComponentHealth{Name: name, Healthy: err == nil, LatencyMs: &took, CheckedAt: began.UTC()}
	if err != nil && message == "" {
		message = "It does not answer."
	}
	if message != "" {
		out.Message = &message
	}
	return out
}
