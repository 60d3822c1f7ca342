package logs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// Who searches old lines while Loki does not answer waits for it alone.
func TestSearchesDoNotWaitForTheQuestionsOfOthers(t *testing.T) {
	t.Parallel()

	g := openGate(t)
	w := openBeforeLoki(t, t.TempDir(), g.URL, 1)
	w.searches = newTurns(1)
	w.write(t, 1, 100)
	if err := w.End(t.Context(), w.src, DeploymentEnded); err != nil {
		t.Fatal(err)
	}
	w.shippedTo(t, 200)
	until(t, "nothing is left here", func() bool { return w.coldSegments(t) == 0 })

	asked := make(chan struct{})
	g.hung.Store(&asked)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := w.Query(ctx, Query{Source: w.src, Filter: Filter{Search: "line"}})
		ended <- err
	}()
	<-asked
	other := Source{testID("ins", 2), freshID()}
	if err := w.System(t.Context(), other, SeverityInfo, "a needle"); err != nil {
		t.Fatal(err)
	}
	until(t, "what is here is found", func() bool {
		p, err := w.Query(t.Context(), Query{Source: other, Filter: Filter{Search: "needle"}})
		if err != nil {
			t.Fatal(err)
		}
		return len(p.Lines) == 1
	})
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("who left: %v", err)
	}
	w.searches.mu.Lock()
	defer w.searches.mu.Unlock()
	if w.searches.free != 1 || len(w.searches.busy) != 0 {
		t.Errorf("left over are %+v", w.searches)
	}
}

// A feed that looks for something in old lines is to say now and then that it
// lives. The question it waits for meanwhile is not put again.
func TestAFeedComesFurtherHoweverSlowLokiIs(t *testing.T) {
	t.Parallel()

	g := openGate(t)
	w := openBeforeLoki(t, t.TempDir(), g.URL, 1)
	w.write(t, 1, 100)
	if err := w.End(t.Context(), w.src, DeploymentEnded); err != nil {
		t.Fatal(err)
	}
	w.shippedTo(t, 200)
	until(t, "nothing is left here", func() bool { return w.coldSegments(t) == 0 })
	first, err := w.Query(t.Context(), Query{Source: w.src, From: time.Unix(0, 1), Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	feed, err := w.Follow(t.Context(), FollowOptions{Source: w.src, After: first.EndCursor, Filter: Filter{Search: "line 77 "}})
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan struct{})
	g.slow.Store(&asked)
	found := make(chan error, 1)
	go func() {
		for range 10 {
			item, err := feed.NextUntil(t.Context(), time.Now().Add(time.Millisecond))
			if errors.Is(err, ErrNothing) {
				continue
			}
			if b, ok := item.(*Batch); ok && len(b.Lines) == 1 && strings.HasPrefix(b.Lines[0].Message, "line 77 ") {
				found <- nil
				return
			}
			found <- fmt.Errorf("got %+v, %w", item, err)
			return
		}
		found <- errors.New("the line was not found")
	}()
	for {
		select {
		case <-asked:
			<-time.After(20 * time.Millisecond) // a question takes longer than the feed may
			<-asked
		case err := <-found:
			if err != nil {
				t.Error(err)
			}
			return
		}
	}
}
