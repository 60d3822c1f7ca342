package logs_test

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/davitdev/davit/internal/logs"
)

// fill writes n lines that do not compress to a stream of src.
func fill(t *testing.T, l *logs.Log, src logs.Source, n int) {
	t.Helper()
	w := writer(t, l, src, logs.Stdout, newReplica())
	for i := range n {
		line := fmt.Sprintf("line %d %x\n", i, uint64(i)*0x9e3779b97f4a7c15)
		if _, err := w.Write([]byte(line)); err != nil {
			t.Fatal(err)
		}
		if i%50 == 0 { // so that it fills several files
			if _, err := w.Resume(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := w.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.Close()
}

// age makes the files of src look as if they had been written long ago.
func age(t *testing.T, dir string, src logs.Source, by time.Duration) {
	t.Helper()
	then := time.Now().Add(-by)
	for _, path := range segments(t, dir, src) {
		if err := os.Chtimes(path, then, then); err != nil {
			t.Fatal(err)
		}
	}
}

func segments(t *testing.T, dir string, src logs.Source) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, src.Group, src.ID, "*.seg"))
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// sealed waits until only the spool file that grows is left of a live source.
func sealed(t *testing.T, dir string, src logs.Source) {
	t.Helper()
	eventually(t, func() bool {
		spool, err := filepath.Glob(filepath.Join(dir, src.Group, src.ID, "*.spool"))
		return err == nil && len(spool) <= 1
	})
}

func end(t *testing.T, l *logs.Log, src logs.Source) {
	t.Helper()
	if err := l.End(t.Context(), src, logs.DeploymentEnded); err != nil {
		t.Fatal(err)
	}
}

func retain(t *testing.T, l *logs.Log) {
	t.Helper()
	if err := l.Retain(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestRetentionByAge(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	l := openLog(t, logs.Options{Dir: dir, Retention: logs.Retention{MaxAge: time.Hour}}.WithFiles(2<<10, 2<<10))
	group := newID("ins")
	oldEnded, newEnded, live := logs.Source{Group: group, ID: newID("dep")}, logs.Source{Group: group, ID: newID("dep")}, logs.Source{Group: group, ID: newID("dep")}
	for _, src := range []logs.Source{oldEnded, newEnded, live} {
		fill(t, l, src, 500)
	}
	end(t, l, oldEnded)
	end(t, l, newEnded)
	settledSources(t, dir, oldEnded, newEnded)
	sealed(t, dir, live)
	before := query(t, l, logs.Query{Source: oldEnded, From: time.Unix(0, 1), Limit: 10})
	if until := time.Until(before.RetentionUntil); until <= 0 || until > time.Hour {
		t.Errorf("the page is kept for %v", until)
	}
	liveStart := query(t, l, logs.Query{Source: live, From: time.Unix(0, 1), Limit: 10})
	age(t, dir, oldEnded, 2*time.Hour)
	age(t, dir, live, 2*time.Hour)
	retain(t, l)

	if left := segments(t, dir, oldEnded); len(left) != 0 {
		t.Errorf("%d segments of the old source are left", len(left))
	}
	f := follow(t, l, logs.FollowOptions{Source: oldEnded, After: before.EndCursor})
	wantGap(t, f, 0)
	wantEnd(t, f, logs.DeploymentEnded)
	if page, err := l.Query(t.Context(), logs.Query{Source: oldEnded}); err != nil || len(page.Lines) != 0 || len(page.Gaps) != 1 {
		t.Errorf("a page of the old source: %+v, %v", page, err)
	}
	if lines, gaps := everything(t, l, newEnded); len(lines) != 500 || len(gaps) != 0 {
		t.Errorf("the young source has %d lines and %d gaps", len(lines), len(gaps))
	}

	// A live source loses its old lines, but knows where it is.
	if left := segments(t, dir, live); len(left) != 1 {
		t.Errorf("%d segments of the live source are left", len(left))
	}
	f = follow(t, l, logs.FollowOptions{Source: live, After: liveStart.EndCursor})
	gap, ok := next(t, f).(*logs.Gap)
	if !ok || gap.Reason != logs.RetentionPassed || gap.Dropped == 0 {
		t.Fatalf("got %+v", gap)
	}
	got, _ := collect(t, f, 500-10-int(gap.Dropped))
	if got[0].Seq != uint64(10+gap.Dropped+1) {
		t.Errorf("after a gap of %d behind line 10 comes line %d", gap.Dropped, got[0].Seq)
	}
	fill(t, l, live, 5)
	if last := query(t, l, logs.Query{Source: live, Limit: 1}).Lines[0]; !strings.HasPrefix(last.Message, "line 4 ") {
		t.Errorf("the last line is %+v", last)
	}
}

// Whoever goes on in a group is told once of what retention took of it meanwhile,
// and gets the rest.
func TestRetentionInAGroup(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	l := openLog(t, logs.Options{Dir: dir, Retention: logs.Retention{MaxAge: time.Hour}}.WithFiles(2<<10, 2<<10))
	group := logs.Source{Group: newID("ins")}
	source := func() logs.Source { return logs.Source{Group: group.Group, ID: newID("dep")} }
	begun, later, live := source(), source(), source()
	fill(t, l, begun, 100)
	first := query(t, l, logs.Query{Source: group, From: time.Unix(0, 1), Limit: 10}).EndCursor
	fill(t, l, begun, 100)
	read := query(t, l, logs.Query{Source: group, Limit: 1}).EndCursor
	fill(t, l, later, 100)
	fill(t, l, live, 3)
	last := query(t, l, logs.Query{Source: group, Limit: 1}).EndCursor

	for _, src := range []logs.Source{begun, later} {
		end(t, l, src)
		settledSources(t, dir, src)
		age(t, dir, src, 2*time.Hour)
	}
	retain(t, l)
	paged := func(after string) *logs.Page {
		t.Helper()
		p, err := l.Query(t.Context(), logs.Query{Source: group, After: after})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for name, tt := range map[string]struct {
		after string
		lines int
		again bool // behind the gap is another one
	}{
		"in the middle of one": {first, 3, true}, "before one began": {read, 3, true}, "at the end": {last, 0, false},
	} {
		page := paged(tt.after)
		if len(page.Gaps) != 1 || page.Gaps[0].Reason != logs.RetentionPassed || len(page.Lines) != tt.lines {
			t.Fatalf("%s: a page of %d lines with the gaps %+v", name, len(page.Lines), page.Gaps)
		}
		f := follow(t, l, logs.FollowOptions{Source: group, After: tt.after})
		wantGap(t, f, 0)
		collect(t, f, tt.lines) // and no other gap
		if gaps := paged(page.EndCursor).Gaps; len(gaps) > 0 {
			t.Errorf("%s: behind the page are the gaps %+v", name, gaps)
		}
		behind := paged(page.Gaps[0].To)
		if len(behind.Lines) != tt.lines || (len(behind.Gaps) > 0) != tt.again {
			t.Errorf("%s: behind the gap are %d lines and the gaps %+v", name, len(behind.Lines), behind.Gaps)
		}
	}
	if gaps := paged("").Gaps; len(gaps) > 0 {
		t.Errorf("the last page has the gaps %+v", gaps)
	}
}

func settledSources(t *testing.T, dir string, sources ...logs.Source) {
	t.Helper()
	for _, src := range sources {
		eventually(t, func() bool {
			spool, err := filepath.Glob(filepath.Join(dir, src.Group, src.ID, "*.spool"))
			return err == nil && len(spool) == 0
		})
	}
}

func wantGap(t *testing.T, f *logs.Feed, dropped int64) {
	t.Helper()
	item := next(t, f)
	if gap, ok := item.(*logs.Gap); !ok || gap.Reason != logs.RetentionPassed || gap.Dropped != dropped {
		t.Errorf("got %T %+v, want a gap of %d lines", item, item, dropped)
	}
}

func TestRetentionBySize(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	o := logs.Options{Dir: dir}.WithFiles(2<<10, 2<<10)
	l := openLog(t, o)
	var sources []logs.Source
	for range 4 {
		src := newSource()
		sources = append(sources, src)
		fill(t, l, src, 500)
	}
	for i, src := range sources[:3] {
		end(t, l, src)
		settledSources(t, dir, src)
		age(t, dir, src, time.Duration(10-i)*time.Minute)
	}
	live := sources[3]
	sealed(t, dir, live)
	age(t, dir, live, time.Hour)
	closeLog(t, l)

	size := func(src logs.Source) int64 { return diskUse(t, filepath.Join(dir, src.Group, src.ID)) }
	one, youngest := size(sources[1]), size(sources[2])
	o.Retention = logs.Retention{MaxBytes: size(live) + youngest + one/2}
	l = openLog(t, o)
	retain(t, l)
	if size(sources[0]) != 0 || size(sources[1]) == 0 || size(sources[1]) > one/2 || size(sources[2]) != youngest {
		t.Errorf("left are %d, %d of %d and %d of %d bytes", size(sources[0]), size(sources[1]), one, size(sources[2]), youngest)
	}
	if lines, gaps := everything(t, l, live); len(lines) != 500 || len(gaps) != 0 {
		t.Errorf("the live source has %d lines and %d gaps", len(lines), len(gaps))
	}
	closeLog(t, l)

	o.Retention = logs.Retention{MaxSourceBytes: one / 2}
	l = openLog(t, o)
	retain(t, l)
	for _, src := range sources[1:] {
		if size(src) > one/2 || size(src) == 0 {
			t.Errorf("%d bytes of a source are left, %d may be", size(src), one/2)
		}
	}
	lines, gaps := everything(t, l, live)
	if len(gaps) != 1 || gaps[0].Reason != logs.RetentionPassed || int(gaps[0].Dropped)+len(lines) != 500 {
		t.Errorf("the live source has %d lines, gaps %+v", len(lines), gaps)
	}
}

// Whatever is printed, the disk has no more than it may, without anybody asking,
// and whoever prints little loses nothing for it.
func TestWhatGoesOnStaysWithinItsRoom(t *testing.T) {
	t.Parallel()

	const room = 64 << 10
	dir := t.TempDir()
	l := openLog(t, logs.Options{Dir: dir, Retention: logs.Retention{MaxBytes: room}}.WithFiles(2<<10, 2<<10))
	modest, greedy := newSource(), newSource()
	fill(t, l, modest, 100)
	fill(t, l, greedy, 20_000)
	sealed(t, dir, greedy)
	most := int64(room + room/16 + 3*2<<10) // what may come in before it looks, and segments that are written to
	eventually(t, func() bool { return diskUse(t, dir) <= most })
	if n := diskUse(t, dir); n < room/2 {
		t.Errorf("%d bytes are left of %d", n, room)
	}
	if lines, gaps := everything(t, l, modest); len(lines) != 100 || len(gaps) != 0 {
		t.Errorf("the source that printed little has %d lines and %d gaps", len(lines), len(gaps))
	}
	page, err := l.Query(t.Context(), logs.Query{Source: greedy, From: time.Unix(0, 1)})
	if err != nil || len(page.Gaps) != 1 || page.Gaps[0].Reason != logs.RetentionPassed {
		t.Errorf("the one that printed much begins with %+v, %v", page, err)
	}
}

// What was written while the clock was ahead goes before what came later.
func TestRetentionAfterAClockWasAhead(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	o := logs.Options{Dir: dir}.WithFiles(2<<10, 2<<10)
	l := openLog(t, o)
	src := newSource()
	fill(t, l, src, 3000)
	sealed(t, dir, src)
	closeLog(t, l)
	paths := segments(t, dir, src)
	slices.SortFunc(paths, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) }) // by the number in their names
	for i, path := range paths {
		at := time.Now().Add(time.Duration(i) * time.Second)
		if i < len(paths)/2 {
			at = at.Add(24 * time.Hour)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}

	o.Retention.MaxSourceBytes = diskUse(t, filepath.Join(dir, src.Group, src.ID)) * 2 / 3
	l = openLog(t, o)
	retain(t, l)
	lines, gaps := everything(t, l, src)
	if len(gaps) != 1 || gaps[0].Reason != logs.RetentionPassed || int(gaps[0].Dropped)+len(lines) != 3000 {
		t.Errorf("%d lines are left, gaps %+v", len(lines), gaps)
	}
	if first := lines[0].Seq; first == 1 {
		t.Error("the first line is left, later ones are not")
	}
	closeLog(t, l)
	if _, flaws, err := logs.Verify(t.Context(), dir); err != nil || len(flaws) > 0 {
		t.Errorf("what is left counts as damaged: %+v, %v", flaws, err)
	}
}
