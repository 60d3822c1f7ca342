package logs_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/logs"
)

func messages(lines []logs.Line) (out []string) {
	for i := range lines {
		out = append(out, lines[i].Message)
	}
	return out
}

// everything returns all lines of src.
func everything(t *testing.T, l *logs.Log, src logs.Source) (lines []logs.Line, gaps []*logs.Gap) {
	t.Helper()
	q := logs.Query{Source: src, From: time.Unix(0, 1), Limit: logs.MaxPage}
	for {
		p, err := l.Query(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		lines, gaps = append(lines, p.Lines...), append(gaps, p.Gaps...)
		if !p.HasMoreAfter {
			return lines, gaps
		}
		q.After = p.EndCursor
	}
}

func TestLinesAreNumberedAndTimed(t *testing.T) {
	t.Parallel()

	l := openLog(t, logs.Options{Dir: t.TempDir()})
	src, replica := newSource(), newReplica()
	w := writer(t, l, src, logs.Stdout, replica)
	before := time.Now().UnixNano()
	write(t, w, []byte("one\nERROR two\n\nfour\r\n"))
	if err := w.WriteAt(time.Unix(5, 0), []byte("from the past"), true); err != nil {
		t.Fatal(err)
	}
	future := time.Now().Add(time.Hour)
	if err := w.WriteAt(future, []byte("from the future"), true); err != nil {
		t.Fatal(err)
	}
	if err := w.WriteAt(time.Time{}, []byte("now"), true); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}

	lines, _ := everything(t, l, src)
	if d := cmp.Diff([]string{"one", "ERROR two", "", "four", "from the past", "from the future", "now"}, messages(lines)); d != "" {
		t.Fatal(d)
	}
	last := before
	for i, line := range lines {
		if line.Seq != uint64(i+1) || line.Stream.Kind != logs.Stdout || line.Stream.Replica != replica || line.Stream.Source != src {
			t.Errorf("line %d is %+v of %+v", i, line, line.Stream)
		}
		if line.UnixNano < last {
			t.Errorf("line %d is %d ns before the one before it", i, last-line.UnixNano)
		}
		last = line.UnixNano
	}
	if lines[1].Severity != logs.SeverityError || lines[0].Severity != logs.SeverityUnknown {
		t.Errorf("severities %v and %v", lines[0].Severity, lines[1].Severity)
	}
	if lines[6].UnixNano != future.UnixNano() {
		t.Errorf("a line after one of the future is at %d, not %d", lines[6].UnixNano, future.UnixNano())
	}
}

func TestResumeSaysWhereToGoOn(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	src, replica := newSource(), newReplica()
	l := openLog(t, logs.Options{Dir: dir})
	w := writer(t, l, src, logs.Stdout, replica)
	long := strings.Repeat("l", 3*logs.MaxLine+5)
	if _, err := w.Write([]byte("one\n" + long + "\nthree, unfinished")); err != nil {
		t.Fatal(err)
	}
	position := func(want int64) {
		t.Helper()
		p, err := w.Resume(t.Context())
		if err != nil || p.Lines != want {
			t.Fatalf("Resume: %+v, %v, want line %d", p, err, want)
		}
		if want > 0 && time.Since(p.Time).Abs() > time.Minute {
			t.Errorf("the last line is of %v", p.Time)
		}
	}
	position(2)
	if _, err := w.Write([]byte("three" + long)); err != nil { // parts of it are shown already
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	position(2)
	w.Close()
	closeLog(t, l)

	l = openLog(t, logs.Options{Dir: dir})
	w = writer(t, l, src, logs.Stdout, replica)
	position(2)
	if _, err := w.Write([]byte("three" + long + "!\nfour\n")); err != nil {
		t.Fatal(err)
	}
	position(4)
	lines, _ := everything(t, l, src)
	var got []string
	for _, line := range lines {
		if line.Continued {
			got[len(got)-1] += line.Message
		} else {
			got = append(got, line.Message)
		}
	}
	if d := cmp.Diff([]string{"one", long, "three" + long + "!", "four"}, got); d != "" {
		t.Errorf("%.200s", d)
	}
}

// Another program's output follows in the same stream, and is counted from its
// own first line, whether or not the log was closed in between.
func TestLinesOfARenewedStreamCountFromTheFirst(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	src := newSource()
	l := openLog(t, logs.Options{Dir: dir})
	position := func(w *logs.Writer, want int64) {
		t.Helper()
		if p, err := w.Resume(t.Context()); err != nil || p.Lines != want {
			t.Fatalf("Resume: %+v, %v, want line %d", p, err, want)
		}
	}
	renew := func(w *logs.Writer) {
		t.Helper()
		if err := w.Renew(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	w := writer(t, l, src, logs.Stdout, "")
	if _, err := w.Write([]byte("one\ntwo\nunfinished")); err != nil {
		t.Fatal(err)
	}
	renew(w)
	w = writer(t, l, src, logs.Stdout, "")
	position(w, 0)
	if _, err := w.Write([]byte("three\nfour\n")); err != nil {
		t.Fatal(err)
	}
	position(w, 2)
	if err := w.End(t.Context()); err != nil {
		t.Fatal(err)
	}
	w = writer(t, l, src, logs.Stdout, "")
	position(w, 2)
	renew(w)
	closeLog(t, l)

	l = openLog(t, logs.Options{Dir: dir})
	w = writer(t, l, src, logs.Stdout, "")
	position(w, 0)
	write(t, w, []byte("five\n"))
	position(w, 1)
	lines, gaps := everything(t, l, src)
	if d := cmp.Diff([]string{"one", "two", "unfinished", "three", "four", "five"}, messages(lines)); d != "" || len(gaps) > 0 {
		t.Errorf("gaps %v, lines (-want +got)\n%s", gaps, d)
	}
}

// What was handed in without asking where to go on begins a new line.
func TestOutputWithoutResumeBeginsALine(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	src := newSource()
	part := func(raw string, resume bool) {
		t.Helper()
		l := openLog(t, logs.Options{Dir: dir})
		defer closeLog(t, l)
		w := writer(t, l, src, logs.Build, "")
		if resume {
			if p, err := w.Resume(t.Context()); err != nil || p.Lines != 1 {
				t.Errorf("Resume: %+v, %v", p, err)
			}
		}
		if _, err := w.Write([]byte(raw)); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	part("step 1\nstep 2: half", false)
	part("again", false)
	part("again, and on\nstep 3\n", true)
	l := openLog(t, logs.Options{Dir: dir})
	lines, _ := everything(t, l, src)
	if d := cmp.Diff([]string{"step 1", "step 2: half", "again", ", and on", "step 3"}, messages(lines)); d != "" {
		t.Error(d)
	}
}

func TestGapsAreKept(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	src, replica := newSource(), newReplica()
	l := openLog(t, logs.Options{Dir: dir})
	w := writer(t, l, src, logs.Stdout, replica)
	live := follow(t, l, logs.FollowOptions{Source: src})
	write(t, w, []byte("one\n"))
	if err := w.Gap(41, logs.RateLimited); err != nil {
		t.Fatal(err)
	}
	write(t, w, []byte("two\n"))
	if err := w.Gap(0, logs.StoreUnavailable); err != nil {
		t.Fatal(err)
	}
	p, err := w.Resume(t.Context())
	if err != nil || p.Lines != 43 {
		t.Errorf("Resume: %+v, %v; lost lines that are known count", p, err)
	}
	check := func(name string, f *logs.Feed) {
		t.Helper()
		var got []string
		for len(got) < 4 {
			item, err := f.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			switch it := item.(type) {
			case *logs.Batch:
				got = append(got, messages(it.Lines)...)
			case *logs.Gap:
				got = append(got, fmt.Sprintf("gap %d %s", it.Dropped, it.Reason))
				page, err := l.Query(t.Context(), logs.Query{Source: src, After: it.From, Before: it.To})
				if err != nil || len(page.Lines) != 0 || len(page.Gaps) != 1 {
					t.Errorf("%s: between the gap's cursors: %+v, %v", name, page, err)
				}
			}
		}
		if d := cmp.Diff([]string{"one", "gap 41 RATE_LIMITED", "two", "gap 0 STORE_UNAVAILABLE"}, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	check("live", live)
	check("replayed", follow(t, l, logs.FollowOptions{Source: src, Tail: 100}))
	closeLog(t, l)
	l = openLog(t, logs.Options{Dir: dir})
	check("after a restart", follow(t, l, logs.FollowOptions{Source: src, Tail: 100}))
	if err := l.End(t.Context(), src, logs.DeploymentEnded); err != nil {
		t.Fatal(err)
	}
	settled(t, dir)
	check("from the store, whatever is searched", follow(t, l, logs.FollowOptions{Source: src, Tail: 100}))
}

// Lines may be missing in the middle of one: what is handed in again of that goes
// on, whoever does it.
func TestALineGoesOnBehindADoubt(t *testing.T) {
	t.Parallel()

	for _, again := range []bool{false, true} {
		l := openLog(t, logs.Options{Dir: t.TempDir()})
		src := newSource()
		w := writer(t, l, src, logs.Stdout, newReplica())
		write(t, w, []byte("one\n"))
		if _, err := w.Write([]byte("two, ")); err != nil {
			t.Fatal(err)
		}
		if p := w.Position(); p.Lines != 1 {
			t.Errorf("it is at %+v", p)
		}
		if err := w.Doubt(logs.EngineAway); err != nil {
			t.Fatal(err)
		}
		rest := "and on\n"
		if again {
			p, err := w.Resume(t.Context())
			if err != nil || p.Lines != 1 {
				t.Errorf("Resume: %+v, %v", p, err)
			}
			rest = "two, " + rest
		}
		if _, err := w.Write([]byte(rest)); err != nil {
			t.Fatal(err)
		}
		if err := w.End(t.Context()); err != nil {
			t.Fatal(err)
		}
		lines, gaps := everything(t, l, src)
		if d := cmp.Diff([]string{"one", "two, ", "and on"}, messages(lines)); d != "" || len(gaps) != 1 || gaps[0].Reason != logs.EngineAway {
			t.Errorf("gaps %+v, lines (-want +got)\n%s", gaps, d)
		}
	}
}

func TestSystemLinesCannotBeForged(t *testing.T) {
	t.Parallel()

	l := openLog(t, logs.Options{Dir: t.TempDir()})
	src := newSource()
	if _, err := l.Writer(t.Context(), src, logs.System, "", logs.WriterOptions{}); !fault.Is(err, fault.Invalid) {
		t.Errorf("a writer of the system's stream: %v", err)
	}
	if err := l.System(t.Context(), src, logs.SeverityWarn, "Health check failed:\nconnection refused\x1b]0;x\x07"); err != nil {
		t.Fatal(err)
	}
	if err := l.End(t.Context(), src, logs.DeploymentEnded); err != nil {
		t.Fatal(err)
	}
	lines, _ := everything(t, l, src)
	if d := cmp.Diff([]string{"Health check failed:", "connection refused"}, messages(lines)); d != "" {
		t.Fatal(d)
	}
	for _, line := range lines {
		if line.Stream.Kind != logs.System || line.Severity != logs.SeverityWarn {
			t.Errorf("%+v of %+v", line, line.Stream)
		}
	}
	if err := l.System(t.Context(), src, logs.SeverityInfo, "too late"); !fault.Is(err, fault.Conflict) {
		t.Errorf("a remark after the end: %v", err)
	}
}

func TestAStreamHasOneWriter(t *testing.T) {
	t.Parallel()

	l := openLog(t, logs.Options{Dir: t.TempDir()})
	src, replica := newSource(), newReplica()
	w := writer(t, l, src, logs.Stdout, replica)
	if _, err := l.Writer(t.Context(), src, logs.Stdout, replica, logs.WriterOptions{}); !fault.Is(err, fault.Conflict) {
		t.Errorf("a second writer: %v", err)
	}
	writer(t, l, src, logs.Stderr, replica)
	writer(t, l, src, logs.Stdout, newReplica())
	write(t, w, []byte("one\n"))
	w.Close()
	w.Close()
	w = writer(t, l, src, logs.Stdout, replica)
	write(t, w, []byte("two\n"))
	if err := w.End(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.End(t.Context()); err != nil {
		t.Errorf("ending twice: %v", err)
	}
	if _, err := w.Write([]byte("three\n")); !errors.Is(err, logs.ErrClosed) {
		t.Errorf("writing after the end: %v", err)
	}
	w = writer(t, l, src, logs.Stdout, replica) // a new stream of the same output
	if p, err := w.Resume(t.Context()); err != nil || p.Lines != 2 {
		t.Errorf("Resume after the end: %+v, %v", p, err)
	}
	write(t, w, []byte("once more\n"))
	if _, err := w.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	lines, _ := everything(t, l, src)
	if d := cmp.Diff([]string{"one", "two", "once more"}, messages(lines)); d != "" {
		t.Fatal(d)
	}
	if lines[2].Seq != 1 || lines[2].Stream.Number <= lines[1].Stream.Number {
		t.Errorf("the new stream begins with %+v of %+v", lines[2], lines[2].Stream)
	}
}

func TestSecretsAreHidden(t *testing.T) {
	t.Parallel()

	l := openLog(t, logs.Options{Dir: t.TempDir()})
	src := newSource()
	w, err := l.Writer(t.Context(), src, logs.Stdout, newReplica(), logs.WriterOptions{Mask: logs.NewMask("p4ssw0rd", "first line\nsecond line")})
	if err != nil {
		t.Fatal(err)
	}
	for _, piece := range []string{"DATABASE_URL=postgres://app:p4s", "sw0", "rd@db/app\nfirst", " line\nsecond line\n"} {
		if _, err := w.Write([]byte(piece)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.End(t.Context()); err != nil {
		t.Fatal(err)
	}
	lines, _ := everything(t, l, src)
	if d := cmp.Diff([]string{"DATABASE_URL=postgres://app:***@db/app", "***", "***"}, messages(lines)); d != "" {
		t.Error(d)
	}
}
