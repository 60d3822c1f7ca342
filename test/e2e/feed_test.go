package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/davitdev/davit/internal/client"
)

// line is a line of a log.
type line struct{ Stream, Message string }

// feed is a live reader of a log. It begins with the first line and, after a
// dropped connection, goes on behind the last one it was given.
type feed struct {
	h      *house
	source input
	ctx    context.Context //nolint:containedctx // of the reader
	end    func()
	after  *string
	cut    func() bool // asked after each batch whether to drop the connection; may be nil
	cuts   int         // how often it was
}

var errLate = fmt.Errorf("what was waited for did not come within %s", patience)

// errEnough ends a feed whose reader has seen what it wanted.
var errEnough = errors.New("enough")

func (h *house) feed(source input) *feed {
	f := &feed{h: h, source: source}
	f.ctx, f.end = context.WithTimeoutCause(h.ctx, patience, errLate)
	return f
}

// until gives each line until enough says so. A gap, or the end of the feed
// before, fails the test.
func (f *feed) until(enough func(line) bool) {
	err := f.h.api.Subscribe(f.ctx, `subscription($source:LogSource!,$after:Cursor){logs(source:$source,after:$after,tail:1000){
			... on LogBatch{lines{stream message} cursor} ... on LogGap{dropped reason} ... on LogEnd{end:reason}}}`,
		func() any { return client.Variables{"source": f.source, "after": f.after} },
		func(data json.RawMessage) error {
			var m struct {
				Logs struct {
					Lines       []line
					Cursor      *string
					Dropped     *int64
					Reason, End string
				}
			}
			if err := json.Unmarshal(data, &m); err != nil {
				return err
			}
			switch {
			case m.Logs.End == "SERVER_SHUTDOWN":
				return client.ErrAgain
			case m.Logs.End != "":
				return fmt.Errorf("the feed ended: %s", m.Logs.End)
			case m.Logs.Reason != "":
				return fmt.Errorf("a gap, %s", data)
			}
			for _, l := range m.Logs.Lines {
				if enough(l) {
					return errEnough
				}
			}
			f.after = m.Logs.Cursor
			if f.cut != nil && f.cut() {
				f.cuts++
				return client.ErrAgain
			}
			return nil
		})
	if !errors.Is(err, errEnough) && (f.ctx.Err() == nil || errors.Is(context.Cause(f.ctx), errLate)) {
		f.h.t.Errorf("feed: %v", err)
	}
}

// history reads a log from its beginning to its end, page by page.
func (h *house) history(source input, each func(line)) {
	h.t.Helper()
	h.past(source, input{"from": "1970-01-01T00:00:00Z"}, func(l line) bool { each(l); return false })
}

// past reads a log from where a query begins, page by page, until enough says so
// or to its end, and returns the query that goes on there. A gap fails the test.
func (h *house) past(source, query input, enough func(line) bool) (next input) {
	h.t.Helper()
	for {
		var out struct {
			Logs struct {
				Lines        []line
				Gaps         []struct{ Reason string }
				EndCursor    *string
				HasMoreAfter bool
			}
		}
		query["limit"] = 1000
		h.do(`query($source:LogSource!,$query:LogQuery){logs(source:$source,query:$query){
				lines{stream message} gaps{reason} endCursor hasMoreAfter}}`, client.Variables{"source": source, "query": query}, &out)
		for _, gap := range out.Logs.Gaps {
			if gap.Reason != "ENGINE_AWAY" || os.Getenv(ownEngine) == "" { // which a test kills
				h.t.Errorf("the history has a gap: %s", gap.Reason)
			}
		}
		if out.Logs.EndCursor != nil {
			query = input{"after": out.Logs.EndCursor}
		}
		if slices.ContainsFunc(out.Logs.Lines, enough) || !out.Logs.HasMoreAfter {
			return query
		}
	}
}
