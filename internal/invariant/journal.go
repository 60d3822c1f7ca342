package invariant

import (
	"context"
	"fmt"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/deployment"
	"github.com/davitdev/davit/ent/event"
	"github.com/davitdev/davit/internal/lifecycle"
)

// The promises about events.
const (
	dense      = "The events of a workspace are numbered without a hole."
	inOrder    = "The events of a deployment tell a history that only moves forward."
	rowsAgrees = "A deployment ended as its events say."
)

// stages are how far a deployment has come when it has an event.
var stages = map[string]struct {
	rank int
	as   lifecycle.Conclusion
}{
	"deployment.queued":    {rank: 0},
	"deployment.started":   {rank: 1},
	"deployment.live":      {rank: 2},
	"deployment.succeeded": {rank: 3, as: lifecycle.Succeeded},
	"deployment.failed":    {rank: 3, as: lifecycle.Failed},
	"deployment.canceled":  {rank: 3, as: lifecycle.Canceled},
	"deployment.skipped":   {rank: 3, as: lifecycle.Skipped},
}

// journal looks at what was recorded of deployments, in the order of commits.
func (c *Checker) journal(ctx context.Context) (n int, found []Finding, err error) {
	holes, err := c.DB.Strings(ctx, `SELECT c.id FROM event_counters c
		WHERE c.seq <> (SELECT COUNT(*) FROM events e WHERE e.workspace_id = c.id) OR c.seq <> (SELECT COALESCE(MAX(e.seq), 0) FROM events e WHERE e.workspace_id = c.id)`)
	if err != nil {
		return 0, nil, fmt.Errorf("count events: %w", err)
	}
	for _, id := range holes {
		found = append(found, Finding{Rule: dense, Object: id, Seen: "Its counter and its events do not agree.", Do: report})
	}
	last := map[string]string{} // type of the last event of a deployment
	workspaces, err := c.DB.Workspace.Query().IDs(ctx)
	if err != nil {
		return 0, nil, fmt.Errorf("list workspaces: %w", err)
	}
	for _, w := range workspaces {
		for after := int64(0); ; {
			rows, err := c.DB.Event.Query().Where(event.WorkspaceID(w), event.SeqGT(after)).Order(event.BySeq()).Limit(batch).
				Select(event.FieldSeq, event.FieldType, event.FieldSubjectID).All(ctx)
			if err != nil {
				return n, found, fmt.Errorf("read events: %w", err)
			}
			for _, e := range rows {
				if f, ok := follows(last, e); !ok {
					found = append(found, f)
				}
			}
			n += len(rows)
			if len(rows) < batch {
				break
			}
			after = rows[len(rows)-1].Seq
		}
	}
	more, err := c.ended(ctx, last)
	return n, append(found, more...), err
}

// follows notes an event, and reports whether it can follow the last one.
func follows(last map[string]string, e *ent.Event) (Finding, bool) {
	now, known := stages[e.Type]
	if !known {
		return Finding{}, true
	}
	before, had := last[e.SubjectID]
	last[e.SubjectID] = e.Type
	switch {
	case had && stages[before].rank >= now.rank, !had && now.rank > 0,
		now.as == lifecycle.Succeeded && before != "deployment.live",
		now.as != "" && now.as != lifecycle.Succeeded && before == "deployment.live":
		return Finding{Rule: inOrder, Object: e.SubjectID, Seen: fmt.Sprintf("Event %d, %s, follows on %q.", e.Seq, e.Type, before), Do: report}, false
	}
	return Finding{}, true
}

// ended compares the rows with the last events of deployments. A row is read
// after its events, so it may be further.
func (c *Checker) ended(ctx context.Context, last map[string]string) (found []Finding, err error) {
	for after := ""; ; {
		rows, err := c.DB.Deployment.Query().Where(deployment.IDGT(after)).Order(deployment.ByID()).Limit(batch).
			Select(deployment.FieldID, deployment.FieldStatus, deployment.FieldConclusion).All(ctx)
		if err != nil {
			return found, fmt.Errorf("read deployments: %w", err)
		}
		for _, d := range rows {
			said := stages[last[d.ID]]
			if d.Status.Final() && said.as == "" || said.as != "" && !is(d, said.as) {
				found = append(found, Finding{Rule: rowsAgrees, Object: d.ID, Seen: fmt.Sprintf("It is %s, and its last event is %q.", state(d), last[d.ID]), Do: report})
			}
		}
		if len(rows) < batch {
			return found, nil
		}
		after = rows[len(rows)-1].ID
	}
}
