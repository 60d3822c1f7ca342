package graph

import (
	"context"
	"encoding/base64"
	"strconv"
	"strings"

	"entgo.io/ent/dialect/sql"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/event"
	"github.com/davitdev/davit/graph/transport"
	"github.com/davitdev/davit/internal/access"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/ident"
)

// eventBatch is how many events a feed reads at once.
const eventBatch = 100

// scopes names the column of each kind of scope an event can happen in.
var scopes = map[ident.Kind]string{
	ident.Workspace: event.FieldWorkspaceID, ident.Project: event.FieldProjectID, ident.Environment: event.FieldEnvironmentID,
	ident.Service: event.FieldServiceID, ident.Instance: event.FieldInstanceID, ident.Deployment: event.FieldDeploymentID,
}

// scopeOf is the scope of an event that column names.
func scopeOf(e *ent.Event, column string) *string {
	switch column {
	case event.FieldWorkspaceID:
		return &e.WorkspaceID
	case event.FieldProjectID:
		return e.ProjectID
	case event.FieldEnvironmentID:
		return e.EnvironmentID
	case event.FieldServiceID:
		return e.ServiceID
	case event.FieldInstanceID:
		return e.InstanceID
	default:
		return e.DeploymentID
	}
}

// eventCursor is the position of an event in every feed that shows it: its
// number in its workspace.
func eventCursor(e *ent.Event) string {
	return base64.RawURLEncoding.EncodeToString([]byte(e.WorkspaceID + " " + strconv.FormatInt(e.Seq, 10)))
}

// readEventCursor returns the number in a cursor of a workspace's events.
func readEventCursor(cursor, workspaceID string) (int64, error) {
	bad := fault.At("after", fault.CursorInvalid, "This cursor does not belong to this feed: begin without one.")
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return 0, bad
	}
	ws, seq, ok := strings.Cut(string(raw), " ")
	n, err := strconv.ParseInt(seq, 10, 64)
	if !ok || err != nil || n < 0 || ws != workspaceID {
		return 0, bad
	}
	return n, nil
}

// followEvents streams the events of a scope, each once and in the order of
// their commits: from now on, or after a cursor. It ends with NOT_FOUND when
// the scope is gone or may no longer be seen.
func (r *Resolver) followEvents(ctx context.Context, scopeID string, types []string, after *string) (<-chan *ent.Event, error) {
	topics := []string{scopeID}
	if kindOf(scopeID) == ident.Deployment { // it goes with its instance, which alone is told of
		d, err := access.Deployment(ctx, r.DB, access.Read, scopeID)
		if err != nil {
			return nil, err
		}
		topics = append(topics, d.InstanceID)
	}
	wake := r.subscribe(ctx, topics...) // first, so that nothing falls between
	workspaceID, err := r.workspaceOf(ctx, scopeID)
	if err != nil {
		return nil, err
	}
	var seq int64
	if after != nil {
		seq, err = readEventCursor(*after, workspaceID)
	} else {
		seq, err = r.lastEvent(ctx, workspaceID)
	}
	if err != nil {
		return nil, err
	}
	out := make(chan *ent.Event)
	go func() {
		defer close(out)
		defer recovered(ctx, r.Log)
		for {
			list, full, err := again(ctx, r, func(ctx context.Context) (list []*ent.Event, full bool, err error) {
				if _, err = r.workspaceOf(ctx, scopeID); err != nil {
					return nil, false, err
				}
				list, seq, err = r.eventsAfter(ctx, workspaceID, scopeID, types, seq)
				return list, len(list) == eventBatch, err
			})
			if err != nil {
				transport.EndWith(ctx, err)
				return
			}
			for _, e := range list {
				select {
				case out <- e:
				case <-ctx.Done():
					return
				}
			}
			if full {
				continue
			}
			select {
			case <-wake:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out, nil
}

// eventsAfter reads the next events of a scope after the number seq, and returns
// up to which number all are read.
func (r *Resolver) eventsAfter(ctx context.Context, workspaceID, scopeID string, types []string, seq int64) ([]*ent.Event, int64, error) {
	newest, err := r.lastEvent(ctx, workspaceID)
	if err != nil || newest <= seq {
		return nil, seq, err
	}
	q := r.DB.Event.Query().Where(event.SeqGT(seq), event.SeqLTE(newest), sql.FieldEQ(scopes[kindOf(scopeID)], scopeID))
	if types != nil {
		q.Where(event.TypeIn(types...))
	}
	list, err := q.Order(event.BySeq()).Limit(eventBatch).All(ctx)
	if err != nil {
		return nil, seq, err
	}
	if len(list) == eventBatch {
		newest = list[len(list)-1].Seq
	}
	return list, newest, nil
}

// workspaceOf returns the workspace of a scope that the caller may read.
func (r *Resolver) workspaceOf(ctx context.Context, scopeID string) (string, error) {
	switch kindOf(scopeID) {
	case ident.Workspace:
		w, err := access.Workspace(ctx, r.DB, access.Read, scopeID)
		return workspaceID(w, err, func() string { return w.ID })
	case ident.Project:
		p, err := access.Project(ctx, r.DB, access.Read, scopeID)
		return workspaceID(p, err, func() string { return p.WorkspaceID })
	case ident.Environment:
		e, err := access.Environment(ctx, r.DB, access.Read, scopeID)
		return workspaceID(e, err, func() string { return e.Edges.Project.WorkspaceID })
	case ident.Service:
		s, err := access.Service(ctx, r.DB, access.Read, scopeID)
		return workspaceID(s, err, func() string { return s.Edges.Project.WorkspaceID })
	case ident.Instance:
		i, err := access.Instance(ctx, r.DB, access.Read, scopeID)
		return workspaceID(i, err, func() string { return i.Edges.Project.WorkspaceID })
	case ident.Deployment:
		d, err := access.Deployment(ctx, r.DB, access.Read, scopeID)
		return workspaceID(d, err, func() string { return d.Edges.Project.WorkspaceID })
	default:
		return "", access.Missing()
	}
}

func workspaceID[T any](_ *T, err error, id func() string) (string, error) {
	if err != nil {
		return "", err
	}
	return id(), nil
}

// kindOf is the kind of an id, "" for what is none.
func kindOf(id string) ident.Kind {
	k, _ := ident.KindOf(id)
	return k
}

// lastEvent is the number of the newest event of a workspace.
func (r *Resolver) lastEvent(ctx context.Context, workspaceID string) (int64, error) {
	e, err := r.DB.Event.Query().Where(event.WorkspaceID(workspaceID)).Order(ent.Desc(event.FieldSeq)).First(ctx)
	if ent.IsNotFound(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return e.Seq, nil
}
