package logs

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sort"

	"github.com/davitdev/davit/internal/fault"
)

// coldBlocks returns what Loki has of s.
func (t *tiered) coldBlocks(s *Stream) (blocks []blockRef, err error) {
	err = t.records.use(s.Source, func(x *shipped) error {
		blocks = x.blocks(s.Number)
		return nil
	})
	return blocks, err
}

// readCold reads from Loki like Read.
func (t *tiered) readCold(ctx context.Context, s *Stream, r Range, f *Filter, reverse bool) ([]Line, Range, error) {
	blocks, err := t.coldBlocks(s)
	if err != nil {
		return nil, r, err
	}
	for asked := false; !r.empty() && !asked; { // one question at a time
		if err := ctx.Err(); err != nil {
			return nil, r, err
		}
		b, part := locate(blocks, r, reverse)
		var lines []Line
		switch b {
		case nil:
			lines = []Line{gone(s, blocks, part)}
		default:
			part = Range{max(r.From, b.first), min(r.To, b.last())}
			if !f.mayPass(&b.frame) {
				break
			}
			if lines, part, err = t.ask(ctx, s, b, part, f, reverse); err != nil {
				return nil, r, err
			}
			asked = true
		}
		if reverse {
			r.To = part.From - 1
		} else {
			r.From = part.To + 1
		}
		if len(lines) > 0 {
			return lines, r, nil
		}
	}
	return nil, r, nil
}

// ask returns lines of a block, and the part of r it looked at. Lines sent
// twice are one. Those that Loki no longer has, or never took, are a gap; where
// it searches, those at the beginning are, which is where its retention takes
// them.
func (t *tiered) ask(ctx context.Context, s *Stream, b *blockRef, r Range, f *Filter, reverse bool) ([]Line, Range, error) {
	if b.isLost() || t.loki == nil {
		return []Line{hole(s, r, b.minNano, StoreUnavailable)}, r, nil
	}
	literal := f.Search
	if b.severities&(1<<gapsBit) != 0 { // gaps pass any search
		literal = ""
	}
	limit := b.page()
	entries, err := t.query(ctx, logQL(s, r, literal), b.minNano, b.at+1, limit, reverse)
	if err != nil {
		return nil, r, err
	}
	lines := make([]Line, 0, len(entries))
	for i := range entries {
		if l, ok := entries[i].line(s); ok && l.Seq >= r.From && l.Seq <= r.To {
			lines = append(lines, l)
		}
	}
	slices.SortFunc(lines, func(a, b Line) int { return cmp.Compare(a.Seq, b.Seq) })
	lines = slices.CompactFunc(lines, func(a, b Line) bool { return a.Seq == b.Seq })
	if len(entries) >= limit {
		if len(lines) == 0 {
			return nil, r, errors.New("ask loki: it gives only lines that were not asked for")
		}
		if reverse {
			r.From = lines[0].Seq
		} else {
			r.To = lines[len(lines)-1].Seq
		}
	}
	if literal == "" {
		lines = withHoles(s, lines, r, b.minNano)
	} else if lines, err = t.withHole(ctx, s, b, lines, r); err != nil {
		return nil, r, err
	}
	if f.all() {
		return lines, r, nil
	}
	return slices.DeleteFunc(lines, func(l Line) bool { return !f.passes(&l) }), r, nil
}

// query is that of Loki. It may take its time, which is nobody else's. It fails with
// fault.StoreAway if Loki does not answer.
func (t *tiered) query(ctx context.Context, logQL string, from, to int64, limit int, reverse bool) (entries []lokiEntry, err error) {
	err = elsewhere(ctx, func() error {
		entries, err = t.loki.query(ctx, logQL, from, to, limit, reverse)
		return err
	})
	if err != nil && ctx.Err() == nil {
		return nil, fault.New(fault.StoreAway, "These lines are in Loki, which does not give them now.").
			WithHint("Ask for later lines, or try again. If it stays so, \"davit doctor\" says what is the matter.").Because(err)
	}
	return entries, err
}

// withHole puts a gap before lines of r that were searched for, if the first
// lines of r are gone.
func (t *tiered) withHole(ctx context.Context, s *Stream, b *blockRef, lines []Line, r Range) ([]Line, error) {
	if len(lines) > 0 && lines[0].Seq == r.From {
		return lines, nil
	}
	found, err := t.query(ctx, logQL(s, r, ""), b.minNano, b.at+1, 1, false)
	if err != nil {
		return nil, err
	}
	there := r.To + 1
	for i := range found {
		if l, ok := found[i].line(s); ok {
			there = l.Seq
		}
	}
	if there <= r.From {
		return lines, nil
	}
	return slices.Insert(lines, 0, hole(s, Range{r.From, there - 1}, b.minNano, RetentionPassed)), nil
}

// page is how many lines of b may be asked for at once: about a megabyte, a
// quarter of what Loki's parts send each other by default.
func (b *blockRef) page() int {
	average := max(int(b.rawText)/max(int(b.count), 1), 1)
	return max(min(lokiPage, pageBytes/average), 1)
}

// withHoles puts a gap wherever lines of r are missing.
func withHoles(s *Stream, lines []Line, r Range, nano int64) []Line {
	if len(lines) > 0 && uint64(len(lines)) == r.To-r.From+1 {
		return lines
	}
	var out []Line
	next := r.From
	for _, l := range lines {
		if l.Seq > next {
			out = append(out, hole(s, Range{next, l.Seq - 1}, nano, RetentionPassed))
		}
		out = append(out, l)
		next, nano = l.Seq+1, l.UnixNano
	}
	if next <= r.To {
		out = append(out, hole(s, Range{next, r.To}, nano, RetentionPassed))
	}
	return out
}

// coldBefore is Before for what Loki has.
func (t *tiered) coldBefore(ctx context.Context, s *Stream, unixNano int64) (uint64, error) {
	blocks, err := t.coldBlocks(s)
	if err != nil {
		return 0, err
	}
	i := sort.Search(len(blocks), func(i int) bool { return blocks[i].minNano >= unixNano }) - 1
	if i < 0 {
		return 0, nil
	}
	b := &blocks[i]
	if b.maxNano < unixNano || b.isLost() {
		return b.last(), nil
	}
	if t.loki == nil {
		return b.first - 1, nil
	}
	// What has a lower stamp is older; what has not may be, because stamps run
	// ahead of times a little.
	r := Range{b.first, b.last()}
	found, err := t.query(ctx, logQL(s, r, ""), b.minNano, unixNano, 1, true)
	if err != nil {
		return 0, err
	}
	seq := b.first - 1
	for i := range found {
		if l, ok := found[i].line(s); ok {
			seq = l.Seq
		}
	}
	for r.From = seq + 1; !r.empty(); {
		lines, part, err := t.ask(ctx, s, b, r, &Filter{}, false)
		if err != nil {
			return 0, err
		}
		for i := range lines {
			if lines[i].UnixNano >= unixNano {
				return seq, nil
			}
			seq = lines[i].Seq
		}
		r.From = part.To + 1
	}
	return seq, nil
}

// gone is the gap for lines that are in no block.
func gone(s *Stream, blocks []blockRef, r Range) Line {
	i := sort.Search(len(blocks), func(i int) bool { return blocks[i].first > r.To })
	switch {
	case len(blocks) == 0:
		return hole(s, r, 0, RetentionPassed)
	case i == 0:
		return hole(s, r, blocks[0].minNano, RetentionPassed)
	}
	return hole(s, r, blocks[i-1].maxNano, StoreUnavailable)
}
