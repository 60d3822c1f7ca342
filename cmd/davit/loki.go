//go:build unix

package main

import (
	"context"
	"strings"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/operation"
	"github.com/davitdev/davit/ent/serviceinstance"
	"github.com/davitdev/davit/internal/ident"
	"github.com/davitdev/davit/internal/logs"
	"github.com/davitdev/davit/internal/principal"
)

// loki says which Loki keeps the logs; nil is none.
func (h *house) loki() *logs.LokiOptions {
	if h.config.LokiURL == "" {
		return nil
	}
	return &logs.LokiOptions{URL: h.config.LokiURL, Tenant: h.config.LokiTenant, Labels: h.lokiLabels}
}

// retention says how much of the logs is kept in the data directory. What one
// deployment prints does not take the place of all others.
func (h *house) retention() logs.Retention {
	all := int64(h.config.MaxLogs) << 30
	return logs.Retention{MaxBytes: all, MaxSourceBytes: all / 2}
}

// lokiLabels says whose a source is, by names people search for. One whose rows
// are gone has none.
func (h *house) lokiLabels(ctx context.Context, src logs.Source) (map[string]string, error) {
	if strings.HasPrefix(src.Group, string(ident.Operation)+"_") {
		op, err := h.db.Operation.Query().Where(operation.ID(src.Group)).WithWorkspace().Only(ctx)
		if err != nil {
			return noLabels(err)
		}
		return map[string]string{"workspace": op.Edges.Workspace.Slug}, nil
	}
	in, err := h.db.ServiceInstance.Query().Where(serviceinstance.ID(src.Group)).
		WithService().WithProject(func(q *ent.ProjectQuery) { q.WithWorkspace() }).Only(ctx)
	if err != nil {
		return noLabels(err)
	}
	return map[string]string{
		"workspace": in.Edges.Project.Edges.Workspace.Slug, "project": in.Edges.Project.Slug, "service": in.Edges.Service.Slug,
	}, nil
}

func noLabels(err error) (map[string]string, error) {
	if ent.IsNotFound(err) {
		return map[string]string{}, nil
	}
	return nil, err
}

// lokiNote says how Loki is, and to operators what is wrong.
func lokiNote(ctx context.Context, book *logs.Log) (string, error) {
	message, err := book.LokiHealth(ctx)
	if err == nil {
		return message, nil
	}
	return toOperators(ctx, err), err
}

// toOperators is what is wrong, "" to everybody else.
func toOperators(ctx context.Context, err error) string {
	if !operates(ctx) {
		return ""
	}
	return err.Error()
}

// operates reports whether it is an operator who asks.
func operates(ctx context.Context) bool {
	viewer, err := principal.From(ctx)
	return err == nil && viewer.PlatformAdmin
}
