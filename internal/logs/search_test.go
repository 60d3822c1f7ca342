package logs

import (
	"context"
	"fmt"
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
		if _, err := r.begin(t.Context()); !fault.Is(err, fault.TooManyRequests) || time.Since(began) != searchWait {
			t.Errorf("a page, after %s: %v", time.Since(began), err)
		}
		r.wait = 0
		got := make(chan error, 1)
		go func() {
			done, err := r.begin(t.Context())
			if err == nil {
				done()
			}
			got <- err
		}()
		time.Sleep(time.Hour)
		done()
		if err := <-got; err != nil || r.step == nil {
			t.Errorf("a feed: %v", err)
		}
		r = reading{snapshot: r.snapshot, filter: &Filter{}}
		if _, err := r.begin(t.Context()); err != nil || r.step != nil {
			t.Errorf("who takes every line: %v", err)
		}
	})
}
