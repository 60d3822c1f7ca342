package logs

import (
	"slices"

	"github.com/davitdev/davit/internal/fault"
)

// Filter chooses lines. The zero value chooses all. Gaps pass every filter on
// their stream.
type Filter struct {
	Streams     []Kind   // none: all kinds
	Replica     string   // "": all replicas, and the streams without one
	Search      string   // a literal the message holds, case-sensitive, like grep -F
	MinSeverity Severity // lines below it, and unless it is 0 those of unknown severity, are left out

	needle needle
}

// maxSearch bounds a literal: a longer one is no search but a mistake.
const maxSearch = 1 << 10

// prepared returns a copy of f ready for use.
func (f Filter) prepared() (*Filter, error) {
	if err := checkReplica(f.Replica); err != nil {
		return nil, err
	}
	if len(f.Search) > maxSearch {
		return nil, fault.At("search", fault.Invalid, "Search for at most %d bytes.", maxSearch)
	}
	f.needle = newNeedle(f.Search)
	return &f, nil
}

// selects reports whether lines of s can pass.
func (f *Filter) selects(s *Stream) bool {
	return (len(f.Streams) == 0 || slices.Contains(f.Streams, s.Kind)) && (f.Replica == "" || f.Replica == s.Replica)
}

// all reports whether every line of a selected stream passes.
func (f *Filter) all() bool { return f.Search == "" && f.MinSeverity == SeverityUnknown }

// passes reports whether l, a line of a selected stream, is chosen.
func (f *Filter) passes(l *Line) bool {
	return l.gap || l.Severity >= f.MinSeverity && (f.Search == "" || f.needle.in(l.Message))
}

// buildOnly reports whether f is the filter of a build's feed.
func (f *Filter) buildOnly() bool { return len(f.Streams) == 1 && f.Streams[0] == Build }

// mayPass reports whether a block with that header can hold a line that
// passes, by its severities alone.
func (f *Filter) mayPass(h *frame) bool {
	if f.MinSeverity == SeverityUnknown {
		return true
	}
	return h.severities>>f.MinSeverity != 0 // the bit for gaps is the highest
}

// choose returns the lines within r that pass. If all do, it is a part of
// lines and not a copy. lines has no holes.
func (f *Filter) choose(lines []Line, r Range) []Line {
	if len(lines) == 0 || r.empty() || r.To < lines[0].Seq || r.From > lines[len(lines)-1].Seq {
		return nil
	}
	first := lines[0].Seq
	from, to := max(r.From, first)-first, min(r.To-first, uint64(len(lines)-1))
	lines = lines[from : to+1]
	if f.all() {
		return lines
	}
	var out []Line
	for i := range lines {
		if f.passes(&lines[i]) {
			out = append(out, lines[i])
		}
	}
	return out
}
