package logs_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/davitdev/davit/internal/logs"
)

const (
	crashDir     = "DAVIT_LOGS_CRASH_DIR"
	crashStreams = 4
	crashLines   = 12_000
	crashKills   = 25
)

var crashSource = logs.Source{Group: "ins_00000000000000000000000001", ID: "dep_00000000000000000000000001"}

func crashReplica(n int) string { return fmt.Sprintf("rep_%026d", n) }

// crashOutput is what replica n prints, as the engine's copy has it.
func crashOutput(n int) []byte {
	rng := rand.New(rand.NewPCG(uint64(n), 99))
	var b bytes.Buffer
	for i := range crashLines {
		fmt.Fprintf(&b, "replica %d line %d %s\n", n, i, strings.Repeat("x", rng.IntN(80)))
		if rng.IntN(2000) == 0 {
			fmt.Fprintf(&b, "a long one: %s\n", strings.Repeat("0123456789abcdef", 1000+rng.IntN(3000)))
		}
	}
	return b.Bytes()
}

// crashChild hands in the output of all replicas from where the log says, and
// is killed while it does. For each byte on its standard input it writes a
// little more, and after the last the rest. It says on its standard output
// when it begins to, and what it showed to somebody who follows: the replica
// and the seq of lines.
func crashChild(dir string) {
	fail := func(err error) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	ctx := context.Background()
	o := logs.Options{Dir: dir, Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))}.WithFiles(16<<10, 256<<10)
	l, err := logs.Open(ctx, o)
	if err != nil {
		fail(err)
	}
	f, err := l.Follow(ctx, logs.FollowOptions{Source: crashSource})
	if err != nil {
		fail(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			item, err := f.Next(ctx)
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				fail(err)
			}
			if batch, ok := item.(*logs.Batch); ok {
				last := batch.Lines[len(batch.Lines)-1]
				fmt.Println(last.Stream.Replica, last.Seq)
			}
		}
	})
	permits := make(chan struct{})
	go func() {
		defer close(permits)
		for in := bufio.NewReader(os.Stdin); ; permits <- struct{}{} {
			if _, err := in.ReadByte(); err != nil {
				return
			}
		}
	}()
	var writers sync.WaitGroup
	for n := range crashStreams {
		writers.Go(func() {
			w, err := l.Writer(ctx, crashSource, logs.Stdout, crashReplica(n), logs.WriterOptions{})
			if err != nil {
				fail(err)
			}
			raw := crashOutput(n)
			p, err := w.Resume(ctx)
			if err != nil {
				fail(err)
			}
			rest := fromLine(raw, p.Lines)
			rng := rand.New(rand.NewPCG(uint64(os.Getpid()), uint64(n)))
			for len(rest) > 0 {
				if _, limited := <-permits; limited {
					fmt.Println("writing")
				}
				took, err := w.Write(rest[:1+rng.IntN(min(len(rest), 5000))])
				rest = rest[took:]
				if errors.Is(err, logs.ErrBehind) {
					if p, err = w.Resume(ctx); err == nil {
						rest = fromLine(raw, p.Lines)
					}
				}
				if err != nil {
					fail(err)
				}
			}
			if err := w.End(ctx); err != nil {
				fail(err)
			}
		})
	}
	writers.Wait()
	if err := l.End(ctx, crashSource, logs.DeploymentEnded); err != nil {
		fail(err)
	}
	wg.Wait()
	fmt.Println("done")
	if err := l.Close(ctx); err != nil {
		fail(err)
	}
}

// The process that writes is killed again and again, between any two
// instructions. In the end every line is there once, in order; and a reader who
// went on with its cursor after each crash has seen the same.
func TestKilledWhileWriting(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(31, 32))
	l := openLog(t, logs.Options{Dir: dir})
	cursor, seen := query(t, l, logs.Query{Source: crashSource}).EndCursor, map[string][]string{}
	closeLog(t, l)
	for range crashKills {
		shown, done := runCrashChild(t, dir, rng.IntN(45))
		if done {
			t.Fatal("done before it was killed often enough")
		}
		cursor = readOn(t, dir, cursor, seen, shown)
	}
	shown, done := runCrashChild(t, dir, -1)
	if !done {
		t.Fatal("not done, and not killed")
	}
	readOn(t, dir, cursor, seen, shown)

	for n := range crashStreams {
		want := string(crashOutput(n))
		got := strings.Join(seen[crashReplica(n)], "")
		if got != want {
			t.Errorf("replica %d: %d bytes seen, %d written, %s", n, len(got), len(want), firstDifference(want, got))
		}
	}
	l = openLog(t, logs.Options{Dir: dir})
	lines, gaps := everything(t, l, crashSource)
	all := map[string][]string{}
	for i := range lines {
		noteLine(all, &lines[i])
	}
	if d := cmp.Diff(seen, all); d != "" || len(gaps) > 0 {
		t.Errorf("read at once it is not the same, and has %d gaps", len(gaps))
	}
}

// runCrashChild runs the child and kills it while it writes for the nth time;
// never if that is negative. It returns the last seq the child showed of each replica,
// and whether it was done.
func runCrashChild(t *testing.T, dir string, nth int) (shown map[string]uint64, done bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), crashDir+"="+dir)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if nth >= 0 {
		in, err := cmd.StdinPipe() // stays open, so that the child waits for more
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		if _, err := in.Write(make([]byte, nth+5)); err != nil {
			t.Fatal(err)
		}
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	shown = map[string]uint64{}
	reports := bufio.NewScanner(out)
	for n := 0; reports.Scan(); {
		switch reports.Text() {
		case "writing":
			if n == nth {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
			n++
			continue
		case "done":
			done = true
			continue
		}
		replica, seq, _ := strings.Cut(reports.Text(), " ")
		if shown[replica], err = strconv.ParseUint(seq, 10, 64); err != nil {
			t.Fatalf("the child says %q", reports.Text())
		}
	}
	err = cmd.Wait()
	if done && err != nil || !done && cmd.ProcessState.ExitCode() >= 0 {
		t.Fatalf("the child failed: %v\n%s", err, errs.String())
	}
	if errs.Len() > 0 {
		t.Errorf("the child complains:\n%s", errs.String())
	}
	return shown, done
}

// readOn follows the source from the cursor to its present end, where what was
// shown has to be.
func readOn(t *testing.T, dir, cursor string, seen map[string][]string, shown map[string]uint64) string {
	t.Helper()
	l := openLog(t, logs.Options{Dir: dir})
	defer closeLog(t, l)
	all, _ := everything(t, l, crashSource)
	last := map[string]uint64{}
	for i := range all {
		last[all[i].Stream.Replica] = all[i].Seq
	}
	for replica, seq := range shown {
		if last[replica] < seq {
			t.Errorf("line %d of %s was shown, but %d is the last that is there", seq, replica, last[replica])
		}
	}
	unseen := len(all)
	for _, m := range seen {
		unseen -= len(m)
	}
	f := follow(t, l, logs.FollowOptions{Source: crashSource, After: cursor})
	for unseen > 0 {
		item, err := f.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		batch, ok := item.(*logs.Batch)
		if !ok {
			t.Fatalf("got %+v", item)
		}
		for i := range batch.Lines {
			noteLine(seen, &batch.Lines[i])
		}
		unseen -= len(batch.Lines)
		cursor = batch.Cursor()
	}
	return cursor
}

// noteLine puts the messages of a raw line together.
func noteLine(seen map[string][]string, line *logs.Line) {
	m := line.Message
	if !line.Truncated {
		m += "\n"
	}
	seen[line.Stream.Replica] = append(seen[line.Stream.Replica], m)
}

func firstDifference(a, b string) string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("at %d: %.100q instead of %.100q", i, b[i:], a[i:])
		}
	}
	return "one is longer"
}
