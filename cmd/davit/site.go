package main

import (
	"context"
	"fmt"
	"time"

	"github.com/davitdev/davit/graph"
	"github.com/davitdev/davit/graph/model"
	"github.com/davitdev/davit/worker"
	"github.com/davitdev/davit/worker/queue"
)

// site is what the API says about this server.
func (h *house) site(q *queue.Queue) graph.Site {
	return graph.Site{
		Version: Version, Commit: Commit, BaseDomain: h.config.BaseDomain, URL: h.config.AppURL,
		Components: h.components,
		Queues: func(ctx context.Context) ([]*model.QueueStats, error) {
			stats, err := q.Stats(ctx, worker.QueueDeploy, worker.QueueKeep, worker.QueueOperate)
			if err != nil {
				return nil, err
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
func (h *house) components(ctx context.Context) []*model.ComponentHealth {
	return []*model.ComponentHealth{
		ask(ctx, "database", func(ctx context.Context) (string, error) { return "", h.db.Ping(ctx) }),
		ask(ctx, "runner", func(ctx context.Context) (string, error) {
			_, err := h.runner.Info(ctx)
			return h.runnerNote, err
		}),
		ask(ctx, "proxy", func(ctx context.Context) (string, error) {
			client, err := h.proxy(ctx)
			if err != nil {
				return "", err
			}
			hello, err := client.Hello(ctx)
			return "listens on " + hello.Listen, err
		}),
		ask(ctx, "name server", func(context.Context) (string, error) {
			for addr, problem := range h.worker.Router.Problems() {
				return "", fmt.Errorf("%s: %s", addr, problem)
			}
			return "", nil
		}),
	}
}

func ask(ctx context.Context, name string, how func(context.Context) (string, error)) *model.ComponentHealth {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	began := time.Now()
	message, err := how(ctx)
	took := float64(time.Since(began).Microseconds()) / 1000
	out := &model.ComponentHealth{Name: name, Healthy: err == nil, LatencyMs: &took, CheckedAt: began.UTC()}
	if err != nil {
		message = "It does not answer."
	}
	if message != "" {
		out.Message = &message
	}
	return out
}
