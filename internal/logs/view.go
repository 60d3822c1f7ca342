package logs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/davitdev/davit/internal/fault"
)

// snapshot is what a scope holds at one moment: what is written later is not
// in it.
type snapshot struct {
	log     *Log
	scope   Source
	sources []*sourceView // by id
	end     *position     // after all of it
	place   int64         // of the ring, where what comes later begins
}

// sourceView is a source in a snapshot.
type sourceView struct {
	Source

	end    *ending
	views  []*view // by number; nil until loaded
	loaded bool
}

// view is a stream in a snapshot.
type view struct {
	stream         *Stream
	stored, last   uint64
	oldest, newest int64
	ended          bool
	spool          []spoolFile

	// read is where the reader of the snapshot is.
	read uint64
}

// observe returns a snapshot of scope. Those of a group have their open
// sources loaded, so that the position at their end knows them.
func (l *Log) observe(ctx context.Context, g *group, scope Source) (*snapshot, error) {
	var sources []Source
	if scope.ID != "" {
		sources = []Source{scope}
	} else {
		if err := l.list(g); err != nil {
			return nil, err
		}
		sources = g.open()
	}
	for _, src := range sources {
		err := l.loaded(ctx, src)
		if err != nil && (scope.ID != "" || !fault.Is(err, fault.NotFound)) {
			return nil, err
		}
	}
	s := &snapshot{log: l, scope: scope}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.gone || scope.ID != "" && g.removed[scope.ID] {
		return nil, errRemoved(scope)
	}
	for id, src := range g.sources {
		if scope.ID != "" && id != scope.ID {
			continue
		}
		v := &sourceView{Source: src.Source, end: src.end, loaded: src.resident}
		for _, st := range src.streams {
			v.views = append(v.views, st.view())
		}
		s.sources = append(s.sources, v)
	}
	slices.SortFunc(s.sources, func(a, b *sourceView) int { return cmp.Compare(a.ID, b.ID) })
	s.end = g.seal()
	s.place = g.ring.head()
	return s, nil
}

// view returns s as it is now. The caller holds group.mu.
func (s *stream) view() *view {
	return &view{
		stream: &s.Stream, stored: s.stored, last: s.last, oldest: s.oldest, newest: s.newest,
		ended: s.after.Ended, spool: s.spool,
	}
}

// list makes sure that the group knows all its sources on disk.
func (l *Log) list(g *group) error {
	g.mu.Lock()
	listed, gone := g.listed, g.gone
	g.mu.Unlock()
	if gone {
		return errRemoved(Source{Group: g.id})
	}
	if listed {
		return nil
	}
	ids, err := listDir(filepath.Join(l.root, g.id))
	if err != nil {
		return err
	}
	for _, id := range ids {
		src, err := g.entry(Source{g.id, id})
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return err
		}
		end, err := readEnding(l.root, src.Source)
		if err != nil {
			return err
		}
		src.life.Lock()
		g.mu.Lock()
		if !src.loaded {
			src.end = end
		}
		g.mu.Unlock()
		src.life.Unlock()
	}
	g.mu.Lock()
	g.listed = true
	g.mu.Unlock()
	return nil
}

// open returns the sources that have not ended.
func (g *group) open() (out []Source) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range g.sources {
		if s.end == nil {
			out = append(out, s.Source)
		}
	}
	return out
}

// load makes sure that the views of v are there.
func (s *snapshot) load(ctx context.Context, v *sourceView) error {
	if v.loaded {
		return nil
	}
	if err := s.log.loaded(ctx, v.Source); err != nil {
		return err
	}
	g := s.log.group(v.Group)
	g.mu.Lock()
	if src, ok := g.sources[v.ID]; ok && src.resident {
		for _, st := range src.streams {
			v.views = append(v.views, st.view())
		}
		v.loaded = true
	}
	g.mu.Unlock()
	if v.loaded {
		return nil
	}
	states, err := s.log.store.Streams(ctx, v.Source)
	if err != nil {
		return err
	}
	for i := range states {
		st := &states[i]
		v.views = append(v.views, &view{
			stream: &st.Stream, stored: st.Last, last: st.Last, oldest: st.OldestNano, newest: st.NewestNano, ended: true,
		})
	}
	v.loaded = true
	return nil
}

// streams returns the numbers of the streams of a source, if it is loaded.
func (s *snapshot) streams(source string) (numbers []uint64) {
	i, ok := slices.BinarySearchFunc(s.sources, source, func(v *sourceView, id string) int { return cmp.Compare(v.ID, id) })
	if !ok {
		return nil
	}
	for _, v := range s.sources[i].views {
		numbers = append(numbers, v.stream.Number)
	}
	return numbers
}

// here returns the position of a reader who has come to source last.
func (s *snapshot) here(last string) *position {
	p := &position{last: last, next: s.end.next}
	for _, src := range s.sources {
		for _, v := range src.views {
			if v.ended && v.read == v.last && src.ID <= last || v.read == 0 && src.ID > last {
				continue
			}
			p.marks = append(p.marks, mark{src.ID, v.stream.Number, v.read})
		}
	}
	return p
}

// errStale says that a snapshot shows spool files that are in the store by
// now: the reader takes a new one.
var errStale = errors.New("stale snapshot")

// lines reads like Store.Read, from the store or the spool.
func (v *view) lines(ctx context.Context, l *Log, r Range, f *Filter, reverse bool) ([]Line, Range, error) {
	if inStore := (Range{r.From, min(r.To, v.stored)}); !inStore.empty() && (!reverse || inStore.To == r.To) {
		lines, left, err := l.store.Read(ctx, v.stream, inStore, f, reverse)
		if !reverse {
			left.To = r.To
		}
		return lines, left, err
	}
	t, missing := v.spoolFile(r, reverse)
	if t == nil {
		left := r
		if reverse {
			left.To = missing.From - 1
		} else {
			left.From = missing.To + 1
		}
		return []Line{hole(v.stream, missing, v.newest, StoreUnavailable)}, left, nil
	}
	lines, err := l.spooled(v.stream, t)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, r, errStale
	}
	if err != nil {
		return nil, r, fmt.Errorf("read the spool: %w", err)
	}
	part := Range{max(r.From, t.first), min(r.To, t.last)}
	if reverse {
		return f.choose(lines, part), Range{r.From, part.From - 1}, nil
	}
	return f.choose(lines, part), Range{part.To + 1, r.To}, nil
}

// spoolFile returns the spool file with the first line of r, or with the last
// if reverse, or else the part of r at that end that lies in none.
func (v *view) spoolFile(r Range, reverse bool) (t *spoolFile, missing Range) {
	missing = r
	for i := range v.spool {
		t := &v.spool[i]
		switch {
		case t.last < t.first || t.last <= v.stored:
		case reverse && t.first <= r.To && t.last >= r.To, !reverse && t.first <= r.From && t.last >= r.From:
			return t, Range{}
		case reverse && t.last < r.To:
			missing.From = max(missing.From, t.last+1)
		case !reverse && t.first > r.From:
			missing.To = min(missing.To, t.first-1)
		}
	}
	if reverse {
		missing.From = max(missing.From, min(r.To, v.stored+1))
	}
	return nil, missing
}

// before returns the seq of the last line older than unixNano, 0 if there is
// none.
func (v *view) before(ctx context.Context, l *Log, unixNano int64) (uint64, error) {
	for i := len(v.spool) - 1; i >= 0; i-- {
		t := &v.spool[i]
		if t.last < t.first || t.last <= v.stored || t.minNano >= unixNano {
			continue
		}
		if t.maxNano < unixNano {
			return t.last, nil
		}
		lines, err := l.spooled(v.stream, t)
		if errors.Is(err, fs.ErrNotExist) {
			return 0, errStale
		}
		if err != nil {
			return 0, fmt.Errorf("read the spool: %w", err)
		}
		return min(t.last, before(lines, t.first, unixNano)), nil
	}
	if v.stored == 0 || v.oldest >= unixNano {
		return 0, nil
	}
	return l.store.Before(ctx, v.stream, unixNano)
}
