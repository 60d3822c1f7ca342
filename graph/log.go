package graph

import (
	"context"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/graph/model"
	"github.com/davitdev/davit/internal/access"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/logs"
)

// logOf is what a log is read by: of what it is, in which workspace, and whether
// only its build counts.
type logOf struct {
	logs.Source
	workspace string
	build     bool
}

// logSource finds a source whose log the caller may read.
func (r *Resolver) logSource(ctx context.Context, in model.LogSource) (logOf, error) {
	switch {
	case in.DeploymentID != nil:
		d, err := access.Deployment(ctx, r.DB, access.ReadLogs, *in.DeploymentID)
		if err != nil {
			return logOf{}, err
		}
		return logOf{Source: logs.Source{Group: d.InstanceID, ID: d.ID}, workspace: d.Edges.Project.WorkspaceID}, nil
	case in.BuildID != nil:
		b, err := access.Build(ctx, r.DB, access.ReadLogs, *in.BuildID)
		if err != nil {
			return logOf{}, err
		}
		d := b.Edges.Deployment
		return logOf{Source: logs.Source{Group: d.InstanceID, ID: d.ID}, workspace: b.Edges.Project.WorkspaceID, build: true}, nil
	case in.ServiceInstanceID != nil:
		i, err := access.Instance(ctx, r.DB, access.ReadLogs, *in.ServiceInstanceID)
		if err != nil {
			return logOf{}, err
		}
		return logOf{Source: logs.Source{Group: i.ID}, workspace: i.Edges.Project.WorkspaceID}, nil
	case in.OperationID != nil:
		op, err := access.Operation(ctx, r.DB, access.ReadLogs, *in.OperationID)
		if err != nil {
			return logOf{}, err
		}
		if op.DeploymentID == nil {
			return logOf{}, fault.At("source.operationId", fault.Conflict, "Only an operation that runs a command has a log.")
		}
		return logOf{Source: logs.Source{Group: op.ID, ID: op.ID}, workspace: op.WorkspaceID}, nil
	default: // refused by @oneOf before
		return logOf{}, fault.At("source", fault.Invalid, "Say whose log you want.")
	}
}

// filter returns what q keeps of the log.
func (of logOf) filter(q *model.LogQuery) (logs.Filter, error) {
	f := logs.Filter{}
	if q != nil {
		f = logs.Filter{Streams: q.Streams, Replica: or(q.ReplicaID), Search: or(q.Search), MinSeverity: or(q.MinSeverity)}
	}
	if of.build {
		for _, s := range f.Streams {
			if s != logs.Build {
				return f, fault.At("streams", fault.Invalid, "A build has only the stream %s.", logs.Build)
			}
		}
		f.Streams = []logs.Kind{logs.Build}
	}
	return f, nil
}

// logOfDeployment is the log of a deployment that the viewer sees, if the viewer
// may read it.
func logOfDeployment(ctx context.Context, d *ent.Deployment) (logOf, error) {
	if err := may(ctx, access.ReadLogs, d.ProjectID); err != nil {
		return logOf{}, err
	}
	of, err := load(ctx).project.Load(ctx, d.ProjectID)
	if err != nil {
		return logOf{}, err
	}
	return logOf{Source: logs.Source{Group: d.InstanceID, ID: d.ID}, workspace: of.WorkspaceID}, nil
}

// logOfBuild is that of a build.
func logOfBuild(ctx context.Context, b *ent.Build) (logOf, error) {
	d, err := load(ctx).deployment.Load(ctx, b.DeploymentID)
	if err != nil {
		return logOf{}, err
	}
	of, err := logOfDeployment(ctx, d)
	of.build = true
	return of, err
}

// logPage reads a page of a log that was found with err.
func (r *Resolver) logPage(ctx context.Context, of logOf, err error, q *model.LogQuery) (*model.LogPage, error) {
	if err != nil {
		return nil, err
	}
	want := logs.Query{Source: of.Source, Owner: of.workspace}
	if want.Filter, err = of.filter(q); err != nil {
		return nil, err
	}
	if q != nil {
		if q.Limit < 1 || q.Limit > logs.MaxPage {
			return nil, fault.At("limit", fault.Invalid, "Ask for 1 to %d lines at a time.", logs.MaxPage)
		}
		want.Limit, want.From, want.To, want.After, want.Before = q.Limit, or(q.From), or(q.To), or(q.After), or(q.Before)
	}
	a := allowanceOf(ctx)
	done, err := a.read(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	if a.spent() {
		return &model.LogPage{Lines: []*model.LogLine{}, Gaps: []*logs.Gap{}}, nil
	}
	p, err := r.Logs.Query(ctx, want)
	if err != nil {
		return nil, err
	}
	for i := range p.Lines {
		a.took(len(p.Lines[i].Message))
	}
	return &model.LogPage{
		Lines: linesOf(p.Lines, p.Cursors()), Gaps: append([]*logs.Gap{}, p.Gaps...),
		StartCursor: ptr(p.StartCursor), EndCursor: ptr(p.EndCursor),
		HasMoreBefore: p.HasMoreBefore, HasMoreAfter: p.HasMoreAfter, RetentionUntil: ptr(p.RetentionUntil),
	}, nil
}

func linesOf(lines []logs.Line, cursors []string) []*model.LogLine {
	values := make([]model.LogLine, len(lines)) // one allocation for all
	out := make([]*model.LogLine, len(lines))
	for i := range lines {
		l := &lines[i]
		values[i] = model.LogLine{
			Cursor: cursors[i], Timestamp: time.Unix(0, l.UnixNano), Stream: l.Stream.Kind, Severity: l.Severity, Message: l.Message,
			ReplicaID: ptr(l.Stream.Replica), Truncated: l.Truncated, Continued: l.Continued,
		}
		out[i] = &values[i]
	}
	return out
}
