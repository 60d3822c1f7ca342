package logs

import (
	"cmp"
	"context"
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
