//go:build linux

package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// printRate is how many lines a printer prints a second.
const printRate = 200

// taken is how many lines an engine that dies may take along, which it had read
// and not handed on, at most in all its deaths: the log says that there was one.
const taken = 50

// log is one to be looked at, which was printed from a time to another.
type log struct {
	source   input
	lines    int       // that each replica prints first of all; 0: it goes on and on
	from, to time.Time // to 0: it still may be
}

// line is one of a log, that an application numbered.
type line struct {
	replica string
	number  int
}

// history reads the numbered lines of a log from a time on, and counts the gaps
// in it.
func (h *house) history(ctx context.Context, source input, from time.Time) (out []line, gaps int, err error) {
	query := input{"from": from.UTC().Format(time.RFC3339Nano)}
	for more := true; more; {
		query["limit"], query["streams"] = 1000, []string{"STDOUT"}
		var page struct {
			Logs struct {
				Lines []struct {
					Message   string
					ReplicaID string
				}
				Gaps         []struct{ Reason string }
				EndCursor    *string
				HasMoreAfter bool
			}
		}
		err := h.do(ctx, `query($source:LogSource!,$query:LogQuery){logs(source:$source,query:$query){
			lines{message replicaId} gaps{reason} endCursor hasMoreAfter}}`, input{"source": source, "query": query}, &page)
		if err != nil {
			return nil, 0, fmt.Errorf("read a log: %w", err)
		}
		for _, l := range page.Logs.Lines {
			if text, ok := strings.CutPrefix(l.Message, "line "); ok {
				n, err := strconv.Atoi(text)
				if err != nil {
					return nil, 0, fmt.Errorf("a log has the line %q", l.Message)
				}
				out = append(out, line{l.ReplicaID, n})
			}
		}
		gaps += len(page.Logs.Gaps)
		if page.Logs.EndCursor != nil {
			query = input{"after": page.Logs.EndCursor}
		}
		more = page.Logs.HasMoreAfter && page.Logs.EndCursor != nil
	}
	return out, gaps, nil
}

// tally is what numbered lines say: how many are missing between others, came
// twice or out of order, and how far each container came.
type tally struct {
	lost, twice int
	first       string // what is wrong first
	ends        []line // the last one of every run
}

// tallied counts. Each replica prints from 1 on, which is in the list if that is
// a log from its start; the container of one may be started again if so is said,
// and it then begins anew.
func tallied(list []line, start, again bool) tally {
	var t tally
	last := map[string]int{}
	for _, l := range list {
		before, seen := last[l.replica]
		last[l.replica] = l.number
		switch {
		case !seen && !start || l.number == before+1:
			continue
		case l.number == 1 && again:
			t.ends = append(t.ends, line{l.replica, before})
			continue
		case l.number > before:
			t.lost += l.number - before - 1
		default:
			t.twice++
		}
		if t.first == "" {
			t.first = fmt.Sprintf("line %d of %s follows on line %d", l.number, l.replica, before)
		}
	}
	for replica, n := range last {
		t.ends = append(t.ends, line{replica, n})
	}
	return t
}

// looks holds what a project printed since then against what must have been
// printed.
func (p *project) looks(ctx context.Context, began time.Time) {
	for _, one := range p.logs {
		p.whole(ctx, one, func(t tally, excused bool) string {
			for _, end := range t.ends {
				if end.number != one.lines && !excused || end.number > one.lines {
					return fmt.Sprintf("%s ends with line %d of %d", end.replica, end.number, one.lines)
				}
			}
			if len(t.ends) == 0 && !excused {
				return "it has no line"
			}
			return ""
		})
	}
	p.logs = nil
	if sources[p.number] != fromPrinter {
		return
	}
	_, body := p.answer(ctx, "/pace")
	var printed int
	if _, err := fmt.Sscanf(body, `{"behindMs":%d,"lines":%d`, new(int), &printed); err != nil {
		p.says("/pace answers %.100q: %v", body, err)
		return
	}
	p.whole(ctx, log{source: input{"serviceInstanceId": p.instance}, from: began}, func(t tally, _ bool) string {
		for _, end := range t.ends {
			if end.number >= printed {
				return ""
			}
		}
		return fmt.Sprintf("line %d was printed, and it ends with %v", printed, t.ends)
	})
}

// whole reads a log until it is complete, which it must become soon, and has
// nothing twice or left out.
func (p *project) whole(ctx context.Context, l log, incomplete func(t tally, excused bool) string) {
	excused := p.during(l.from, l.to, p.number, lines)
	var t tally
	var gaps int
	missing := ""
	err := until(ctx, "the log is whole", patience/2, func() bool {
		list, g, err := p.history(ctx, l.source, l.from)
		if err != nil {
			missing = err.Error()
			return false
		}
		t, gaps = tallied(list, l.lines > 0, excused), g
		if excused && gaps > 0 && t.lost <= taken && t.twice == 0 { // and said
			t.lost, t.first = 0, ""
		}
		missing = incomplete(t, excused)
		return missing == "" || t.lost+t.twice > 0
	})
	p.lines(t.lost, t.twice)
	if t.first != "" {
		p.says("the log of %v: %s; %d lines are lost, %d come twice", l.source, t.first, t.lost, t.twice)
	}
	if gaps > 0 && !excused {
		p.says("the log of %v has %d gaps", l.source, gaps)
	}
	if err != nil {
		p.says("the log of %v: %v: %s", l.source, err, missing)
	}
}
