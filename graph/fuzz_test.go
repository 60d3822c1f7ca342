package graph_test

import (
	"testing"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/graph"
	"github.com/davitdev/davit/internal/fault"
)

// Whatever a client hands in as the cursor of a feed is refused as one, or is a
// position in the feed of that workspace.
func FuzzEventCursor(f *testing.F) {
	const mine, other = "wsp_06h284rfo5u2f8gbpne593b1c4", "wsp_06h2873hfpq71a3297homk0ibc" // the same in every run
	for _, e := range []*ent.Event{{WorkspaceID: mine, Seq: 7}, {WorkspaceID: mine}, {WorkspaceID: mine, Seq: -1}, {WorkspaceID: other, Seq: 7}} {
		f.Add(graph.EventCursor(e))
	}
	for _, cursor := range []string{"", " ", "IA", "d3NwXw", "d3NwXyA5OTk5OTk5OTk5OTk5OTk5OTk5OQ"} {
		f.Add(cursor)
	}
	f.Fuzz(func(t *testing.T, cursor string) {
		seq, err := graph.ReadEventCursor(cursor, mine)
		if err != nil {
			if !fault.Is(err, fault.CursorInvalid) {
				t.Error(err)
			}
			return
		}
		again, err := graph.ReadEventCursor(graph.EventCursor(&ent.Event{WorkspaceID: mine, Seq: seq}), mine)
		if err != nil || again != seq || seq < 0 {
			t.Errorf("%q is at %d, which comes back as %d, %v", cursor, seq, again, err)
		}
	})
}
