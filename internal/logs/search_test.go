package logs

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/davitdev/davit/internal/fault"
)

// However many searches of one group wait, those of another come in between.
func TestGroupsTakeTurns(t *testing.T) {
	t.Parallel()

	synctest.Test(t, func(t *testing.T) {
		turns := newTurns(1)
		first, err := turns.take(t.Context(), searcher{group: "greedy"})
		if err != nil {
			t.Fatal(err)
		}
		var order []string // of one at a time
		wait := func(key string) {
			go func() {
				done, err := turns.take(t.Context(), searcher{group: key})
				if err != nil {
					t.Error(err)
					return
				}
				order = append(order, key)
				done()
			}()
			synctest.Wait()
		}
		for range 4 {
			wait("greedy")
		}
		wait("modest")
		wait("late")
		first()
		synctest.Wait()
		if want := []string{"modest", "late", "greedy", "greedy", "greedy", "greedy"}; !slices.Equal(order, want) {
			t.Errorf("the turns are %q, want %q", order, want)
		}
		if len(turns.busy)+len(turns.waiting)+len(turns.order)+len(turns.owners) != 0 || turns.free != 1 {
			t.Errorf("left over are %+v", turns)
		}
	})
}

// However many groups of one owner are searched without a pause, another owner's
// search waits for no more than two of them.
func TestOwnersTakeTurns(t *testing.T) {
	t.Parallel()

	synctest.Test(t, func(t *testing.T) {
		turns := newTurns(1)
		ctx, cancel := context.WithCancel(t.Context())
		for i := range 12 {
			go func() {
				for ctx.Err() == nil {
					if done, err := turns.take(ctx, searcher{"greedy", fmt.Sprint(i)}); err == nil {
						time.Sleep(searchTime)
						done()
					}
				}
			}()
		}
		time.Sleep(time.Minute)
		for range 20 {
			began := time.Now()
			done, err := turns.take(ctx, searcher{"modest", "one"})
			if err != nil {
				t.Fatal(err)
			}
			if waited := time.Since(began); waited > 2*searchTime {
				t.Errorf("it waits for %s", waited)
			}
			done()
		}
		cancel()
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(turns.busy)+len(turns.waiting)+len(turns.order)+len(turns.owners) != 0 || turns.free != 1 {
			t.Errorf("left over are %+v", turns)
		}
	})
}

func TestTurnsAtOnce(t *testing.T) {
	t.Parallel()

	synctest.Test(t, func(t *testing.T) {
		turns := newTurns(3)
		now, most := 0, 0
		of := map[string]int{}
		for i := range 40 {
			key := fmt.Sprint(i % 5)
			go func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%7+1)*time.Second)
				defer cancel()
				done, err := turns.take(ctx, searcher{group: key})
				if err != nil {
					return // it had no more time
				}
				turns.mu.Lock()
				now++
				most = max(most, now)
				if of[key]++; of[key] > 1 {
					t.Errorf("%d of %s at once", of[key], key)
				}
				turns.mu.Unlock()
				time.Sleep(time.Second)
				turns.mu.Lock()
				now--
				of[key]--
				turns.mu.Unlock()
				done()
			}()
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if most != 3 || now != 0 {
			t.Errorf("%d at once, and %d at last", most, now)
		}
		if len(turns.busy)+len(turns.waiting)+len(turns.order)+len(turns.owners) != 0 || turns.free != 3 {
			t.Errorf("left over are %+v", turns)
		}
	})
}

// A page is not waited for for long, a feed is.
func TestASearchThatDoesNotGetItsTurn(t *testing.T) {
	t.Parallel()

	synctest.Test(t, func(t *testing.T) {
		l := &Log{searches: newTurns(1), opts: Options{}.withDefaults()}
		src := Source{Group: testID("ins", 1)}
		done, err := l.searches.take(t.Context(), searcher{group: src.Group})
		if err != nil {
			t.Fatal(err)
		}
		r := reading{snapshot: &snapshot{log: l, scope: src}, filter: &Filter{Search: "x"}, wait: searchWait}
		began := time.Now()
		if _, _, err := r.begin(t.Context()); !fault.Is(err, fault.TooManyRequests) || time.Since(began) != searchWait {
			t.Errorf("a page, after %s: %v", time.Since(began), err)
		}
		r.wait = 0
		got := make(chan error, 1)
		go func() {
			_, done, err := r.begin(t.Context())
			if err == nil {
				done()
			}
			got <- err
		}()
		time.Sleep(time.Hour)
		done()
		if err := <-got; err != nil {
			t.Errorf("a feed: %v", err)
		}
		r = reading{snapshot: r.snapshot, filter: &Filter{}}
		if _, _, err := r.begin(t.Context()); err != nil {
			t.Errorf("who takes every line: %v", err)
		}
	})
}

// What came while a search waited for its turn is found.
func TestASearchLooksWhenItIsItsTurn(t *testing.T) {
	t.Parallel()

	l, w := oneWriter(t, Options{})
	l.searches = newTurns(1)
	line := func(text string) {
		t.Helper()
		if _, err := w.Write([]byte(text + "\n")); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	line("needle 1")
	who := searcher{group: w.stream.Source.Group}
	filter := Filter{Search: "needle"}
	for name, search := range map[string]func() ([]Line, error){
		"a page": func() ([]Line, error) {
			p, err := l.Query(t.Context(), Query{Source: w.stream.Source, Filter: filter})
			if err != nil {
				return nil, err
			}
			return p.Lines, nil
		},
		"a feed": func() ([]Line, error) {
			f, err := l.Follow(t.Context(), FollowOptions{Source: w.stream.Source, Filter: filter, Tail: 10})
			if err != nil {
				return nil, err
			}
			item, err := f.Next(t.Context())
			if err != nil {
				return nil, err
			}
			return item.(*Batch).Lines, nil
		},
	} {
		done, err := l.searches.take(t.Context(), who)
		if err != nil {
			t.Fatal(err)
		}
		type result struct {
			lines []Line
			err   error
		}
		got := make(chan result, 1)
		go func() {
			lines, err := search()
			got <- result{lines, err}
		}()
		until(t, "it waits", func() bool {
			l.searches.mu.Lock()
			defer l.searches.mu.Unlock()
			return len(l.searches.waiting) == 1
		})
		before := w.Position().Lines
		line("needle 2")
		done()
		if r := <-got; r.err != nil || int64(len(r.lines)) != before+1 {
			t.Errorf("%s: %d lines of %d, %v", name, len(r.lines), before+1, r.err)
		}
	}
}

// movingStore moves on whenever it is read.
type movingStore struct{ *embedded }

func (movingStore) Read(context.Context, *Stream, Range, *Filter, bool) ([]Line, Range, error) {
	return nil, Range{}, errStale
}

// Whoever cannot keep up is told so.
func TestALogThatMovesOnTooFast(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	l, w := oneWriter(t, Options{Dir: dir, Store: movingStore{openEmbedded(t, dir)}}.WithFiles(1, 1))
	if _, err := w.Write([]byte("one\n")); err != nil {
		t.Fatal(err)
	}
	src := w.stream.Source
	if err := l.End(t.Context(), src, DeploymentEnded); err != nil {
		t.Fatal(err)
	}
	until(t, "it is in the store", func() bool { return w.stream.spooled() == 0 })
	if _, err := l.Query(t.Context(), Query{Source: src}); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a page: %v", err)
	}
	if _, err := l.Follow(t.Context(), FollowOptions{Source: src, Tail: 1}); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a feed: %v", err)
	}
}

// oneWriter is a log that the test closes, and a writer of it.
func oneWriter(t *testing.T, o Options) (*Log, *Writer) {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	o.Logger = slog.New(slog.DiscardHandler)
	l, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	w, err := l.Writer(t.Context(), Source{testID("ins", 1), freshID()}, Stdout, testID("rep", 1), WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return l, w
}
