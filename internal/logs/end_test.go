package logs_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/logs"
)

func TestAFeedEnds(t *testing.T) {
	t.Parallel()

	l := openLog(t, logs.Options{Dir: t.TempDir()})
	src := newSource()
	group := logs.Source{Group: src.Group}
	build, replica := writer(t, l, src, logs.Build, ""), writer(t, l, src, logs.Stdout, newReplica())
	onBuild := logs.Filter{Streams: []logs.Kind{logs.Build}}
	buildFeed := follow(t, l, logs.FollowOptions{Source: src, Filter: onBuild})
	feed, instance := follow(t, l, logs.FollowOptions{Source: src}), follow(t, l, logs.FollowOptions{Source: group})

	write(t, build, []byte("built\n"))
	if err := build.End(t.Context()); err != nil {
		t.Fatal(err)
	}
	nextBatch(t, buildFeed)
	wantEnd(t, buildFeed, logs.BuildEnded)
	nextBatch(t, feed)

	write(t, replica, []byte("last words"))
	if err := l.End(t.Context(), src, logs.BuildEnded); err != nil {
		t.Fatal(err)
	}
	if err := l.End(t.Context(), src, logs.DeploymentEnded); err != nil {
		t.Errorf("ending twice: %v", err)
	}
	if b := nextBatch(t, feed); !cmp.Equal(messages(b.Lines), []string{"last words"}) {
		t.Errorf("before the end: %q", messages(b.Lines))
	}
	wantEnd(t, feed, logs.BuildEnded)
	if _, err := replica.Write([]byte("more\n")); !errors.Is(err, logs.ErrClosed) {
		t.Errorf("writing after the end: %v", err)
	}
	if _, err := l.Writer(t.Context(), src, logs.Stdout, newReplica(), logs.WriterOptions{}); !fault.Is(err, fault.Conflict) {
		t.Errorf("a writer after the end: %v", err)
	}

	late := follow(t, l, logs.FollowOptions{Source: src, Tail: 10})
	if b := nextBatch(t, late); len(b.Lines) != 2 {
		t.Errorf("an ended source replays %q", messages(b.Lines))
	}
	wantEnd(t, late, logs.BuildEnded)
	wantEnd(t, follow(t, l, logs.FollowOptions{Source: src, Filter: onBuild}), logs.BuildEnded)

	nextBatch(t, instance)
	nextBatch(t, instance)
	if err := l.Remove(t.Context(), src); err != nil { // the instance goes on
		t.Fatal(err)
	}
	other := logs.Source{Group: src.Group, ID: newID("dep")}
	write(t, writer(t, l, other, logs.Stdout, newReplica()), []byte("the next deployment\n"))
	if b := nextBatch(t, instance); b.Lines[0].Stream.Source != other {
		t.Errorf("the instance's feed goes on with %+v", b.Lines[0].Stream)
	}
	removed := follow(t, l, logs.FollowOptions{Source: other})
	if err := l.RemoveGroup(t.Context(), src.Group); err != nil {
		t.Fatal(err)
	}
	wantEnd(t, removed, logs.SourceRemoved)
	wantEnd(t, instance, logs.SourceRemoved)
	if _, err := l.Follow(t.Context(), logs.FollowOptions{Source: other}); !fault.Is(err, fault.NotFound) {
		t.Errorf("following what was removed: %v", err)
	}
	if err := l.RemoveGroup(t.Context(), src.Group); err != nil {
		t.Errorf("removing twice: %v", err)
	}
}

func TestCloseShowsEverythingAndEndsFeeds(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	l := openLog(t, logs.Options{Dir: dir})
	src := newSource()
	w := writer(t, l, src, logs.Stdout, newReplica())
	f := follow(t, l, logs.FollowOptions{Source: src})
	waiting := follow(t, l, logs.FollowOptions{Source: newSource()})
	ended := make(chan logs.Item, 1)
	go func() {
		item, _ := waiting.Next(t.Context())
		ended <- item
	}()
	if _, err := w.Write([]byte("one\ntwo\n")); err != nil {
		t.Fatal(err)
	}
	closeLog(t, l)
	if got, _ := collect(t, f, 2); len(got) != 2 {
		t.Errorf("got %v", got)
	}
	item := next(t, f)
	end, ok := item.(*logs.End)
	if !ok || end.Reason != logs.ServerShutdown {
		t.Fatalf("got %+v, want the end", item)
	}
	if end, ok := (<-ended).(*logs.End); !ok || end.Reason != logs.ServerShutdown {
		t.Errorf("a waiting feed got %+v", end)
	}
	if _, err := w.Write([]byte("three\n")); !errors.Is(err, logs.ErrClosed) {
		t.Errorf("writing after Close: %v", err)
	}
	if _, err := l.Query(t.Context(), logs.Query{Source: src}); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a query after Close: %v", err)
	}

	l = openLog(t, logs.Options{Dir: dir}) // the client comes back
	w = writer(t, l, src, logs.Stdout, newReplica())
	f = follow(t, l, logs.FollowOptions{Source: src, After: end.Cursor})
	write(t, w, []byte("four\n"))
	if b := nextBatch(t, f); !cmp.Equal(messages(b.Lines), []string{"four"}) {
		t.Errorf("after the restart: %q", messages(b.Lines))
	}
}

// An instance's feed shows its deployments, and its cursors count for all.
func TestAnInstanceFeedWalksItsSources(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	l := openLog(t, logs.Options{Dir: dir})
	group := newID("ins")
	old, current := logs.Source{Group: group, ID: newID("dep")}, logs.Source{Group: group, ID: newID("dep")}
	replica := newReplica()
	oldWriter, currentWriter := writer(t, l, old, logs.Stdout, replica), writer(t, l, current, logs.Stdout, newReplica())
	f := follow(t, l, logs.FollowOptions{Source: logs.Source{Group: group}})
	say := func(w *logs.Writer, message string) {
		t.Helper()
		write(t, w, []byte(message+"\n"))
		if _, err := w.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var want, got, cursors []string
	expect := func(message string) {
		t.Helper()
		b := nextBatch(t, f)
		got, want, cursors = append(got, messages(b.Lines)...), append(want, message), append(cursors, b.Cursor())
	}
	say(oldWriter, "old 1")
	expect("old 1")
	say(currentWriter, "new 1")
	expect("new 1")
	say(oldWriter, "old 2")
	expect("old 2")
	if err := l.End(t.Context(), old, logs.DeploymentEnded); err != nil {
		t.Fatal(err)
	}
	say(currentWriter, "new 2")
	expect("new 2")
	if err := l.End(t.Context(), current, logs.DeploymentEnded); err != nil {
		t.Fatal(err)
	}
	settled(t, dir)
	closeLog(t, l)

	l = openLog(t, logs.Options{Dir: dir})
	if err := l.Reopen(t.Context(), old); err != nil { // its service starts again
		t.Fatal(err)
	}
	oldWriter = writer(t, l, old, logs.Stdout, replica)
	f = follow(t, l, logs.FollowOptions{Source: logs.Source{Group: group}, After: cursors[3]})
	say(oldWriter, "old 3")
	expect("old 3")
	if d := cmp.Diff(want, got); d != "" {
		t.Fatal(d)
	}
	for i, cursor := range cursors {
		f := follow(t, l, logs.FollowOptions{Source: logs.Source{Group: group}, After: cursor})
		rest := map[string]bool{}
		for len(rest) < len(want)-i-1 {
			for _, m := range messages(nextBatch(t, f).Lines) {
				if rest[m] {
					t.Errorf("after %q, %q comes twice", want[i], m)
				}
				rest[m] = true
			}
		}
		for _, m := range want[i+1:] {
			if !rest[m] {
				t.Errorf("after %q, %q does not come but %v", want[i], m, rest)
			}
		}
	}
}
