package logs_test

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/davitdev/davit/internal/logs"
)

// shown is a line as the oracle knows it.
type shown struct {
	Source, Replica string
	Kind            logs.Kind
	Seq             uint64
	Nano            int64
	Message         string
	Severity        logs.Severity

	order int // of its stream
}

func showLine(l *logs.Line) shown {
	return shown{
		Source: l.Stream.Source.ID, Replica: l.Stream.Replica, Kind: l.Stream.Kind,
		Seq: l.Seq, Nano: l.UnixNano, Message: l.Message, Severity: l.Severity,
	}
}

func showLines(lines []logs.Line) []shown {
	var out []shown
	for i := range lines {
		out = append(out, showLine(&lines[i]))
	}
	return out
}

// world is a group with what was written to it, in the order of pages.
type world struct {
	log   *logs.Log
	opts  logs.Options
	group string
	srcs  []logs.Source
	lines []shown
}

// newWorld writes random lines to several streams of several sources; some of
// it ends up in the store, some in the spool, and the log is opened anew in
// between. All sources but the last are ended.
func newWorld(t *testing.T, rng *rand.Rand, sources, lines int) *world {
	t.Helper()
	w := &world{opts: logs.Options{Dir: t.TempDir()}.WithFiles(2<<10, 4<<10), group: newID("ins")}
	w.log = openLog(t, w.opts)
	nano := int64(1_700_000_000_000_000_000)
	order := 0
	for i := range sources {
		src := logs.Source{Group: w.group, ID: newID("dep")}
		w.srcs = append(w.srcs, src)
		var streams []shown
		for range 1 + rng.IntN(4) {
			streams = append(streams, shown{Kind: logs.Stdout, Replica: newReplica()})
		}
		streams = append(streams, shown{Kind: logs.Build}, shown{Kind: logs.Stderr, Replica: streams[0].Replica})
		writers := make([]*logs.Writer, len(streams))
		for n := range lines {
			if rng.IntN(lines) == 0 {
				closeLog(t, w.log)
				w.log = openLog(t, w.opts)
				clear(writers)
			}
			k := rng.IntN(len(streams))
			s := &streams[k]
			if writers[k] == nil {
				writers[k] = writer(t, w.log, src, s.Kind, s.Replica)
				if s.order == 0 {
					order++
					s.order = order
				}
			}
			nano += int64(rng.IntN(3)) * 500
			s.Seq++
			s.Source, s.Nano = src.ID, max(s.Nano, nano-int64(rng.IntN(2000)))
			s.Severity = logs.Severity(rng.IntN(7))
			s.Message = fmt.Sprintf("%s line %d of %d: %s", s.Severity, n, s.Seq, strings.Repeat("x", rng.IntN(100)))
			if s.Severity == logs.SeverityUnknown {
				s.Message = "it's a " + s.Message
			}
			if err := writers[k].WriteAt(time.Unix(0, s.Nano), []byte(s.Message), true); err != nil {
				t.Fatal(err)
			}
			w.lines = append(w.lines, *s)
		}
		if i < sources-1 {
			if err := w.log.End(t.Context(), src, logs.DeploymentEnded); err != nil {
				t.Fatal(err)
			}
			continue
		}
		for _, wr := range writers {
			if wr != nil {
				if _, err := wr.Resume(t.Context()); err != nil {
					t.Fatal(err)
				}
				wr.Close()
			}
		}
	}
	slices.SortFunc(w.lines, func(a, b shown) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Nano, b.Nano), cmp.Compare(a.order, b.order), cmp.Compare(a.Seq, b.Seq))
	})
	for i := range w.lines {
		w.lines[i].order = 0
	}
	return w
}

// want returns the lines a query chooses, from all there are.
func (w *world) want(q logs.Query) []shown {
	var out []shown
	for _, l := range w.lines {
		ok := (q.Source.ID == "" || l.Source == q.Source.ID) &&
			(len(q.Filter.Streams) == 0 || slices.Contains(q.Filter.Streams, l.Kind)) &&
			(q.Filter.Replica == "" || l.Replica == q.Filter.Replica) &&
			l.Severity >= q.Filter.MinSeverity && strings.Contains(l.Message, q.Filter.Search) &&
			(q.From.IsZero() || l.Nano >= q.From.UnixNano()) && (q.To.IsZero() || l.Nano < q.To.UnixNano())
		if ok {
			out = append(out, l)
		}
	}
	return out
}

// queries returns one query of each kind.
func (w *world) queries(rng *rand.Rand) map[string]logs.Query {
	some := w.lines[rng.IntN(len(w.lines))]
	src := logs.Source{Group: w.group, ID: some.Source}
	group := logs.Source{Group: w.group}
	mid := time.Unix(0, w.lines[len(w.lines)/3].Nano)
	late := time.Unix(0, w.lines[len(w.lines)*2/3].Nano)
	return map[string]logs.Query{
		"a source":             {Source: src},
		"a group":              {Source: group},
		"kinds":                {Source: src, Filter: logs.Filter{Streams: []logs.Kind{logs.Build, logs.Stderr}}},
		"a replica":            {Source: group, Filter: logs.Filter{Replica: some.Replica}},
		"a severity":           {Source: group, Filter: logs.Filter{MinSeverity: logs.SeverityWarn}},
		"a literal":            {Source: group, Filter: logs.Filter{Search: "7 of"}},
		"a long literal":       {Source: src, Filter: logs.Filter{Search: some.Message}},
		"nothing":              {Source: group, Filter: logs.Filter{Search: "not in any of the lines"}},
		"a time":               {Source: group, From: mid, To: late},
		"a time and more":      {Source: src, From: mid, Filter: logs.Filter{MinSeverity: logs.SeverityInfo, Search: "xx"}},
		"before the beginning": {Source: group, To: time.Unix(0, 1)},
	}
}

func query(t *testing.T, l *logs.Log, q logs.Query) *logs.Page {
	t.Helper()
	p, err := l.Query(t.Context(), q)
	if err != nil {
		t.Fatalf("Query(%+v): %v", q, err)
	}
	if len(p.Gaps) > 0 {
		t.Fatalf("Query(%+v): gap %+v", q, p.Gaps[0])
	}
	return p
}

// collect reads a feed until it has n lines, or, with n < 0, its end.
func collect(t *testing.T, f *logs.Feed, n int) (lines []shown, end *logs.End) {
	t.Helper()
	for n < 0 || len(lines) < n {
		item, err := f.Next(t.Context())
		if errors.Is(err, io.EOF) && end != nil {
			return lines, end
		}
		if err != nil {
			t.Fatalf("Next after %d lines: %v", len(lines), err)
		}
		switch it := item.(type) {
		case *logs.Batch:
			lines = append(lines, showLines(it.Lines)...)
		case *logs.Gap:
			t.Fatalf("gap %+v after %d lines", it, len(lines))
		case *logs.End:
			end = it
		}
	}
	return lines, end
}

func follow(t *testing.T, l *logs.Log, o logs.FollowOptions) *logs.Feed {
	t.Helper()
	f, err := l.Follow(t.Context(), o)
	if err != nil {
		t.Fatalf("Follow(%+v): %v", o, err)
	}
	return f
}
