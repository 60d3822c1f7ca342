package logs_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/davitdev/davit/internal/logs"
)

// A power cut may leave any part of what was written last. What is left is
// whole lines from the beginning on, and the stream goes on behind them.
func TestATornSpoolIsCut(t *testing.T) {
	t.Parallel()

	from := t.TempDir()
	src, replica := newSource(), newReplica()
	l := openLog(t, logs.Options{Dir: from})
	w := writer(t, l, src, logs.Stdout, replica)
	const lines = 12
	for i := range lines {
		write(t, w, fmt.Appendf(nil, "line %d\n", i))
	}
	if _, err := w.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	closeLog(t, l)
	paths, err := filepath.Glob(filepath.Join(from, src.Group, src.ID, "*.spool"))
	if err != nil || len(paths) != 1 {
		t.Fatalf("%v, %v", paths, err)
	}
	whole, err := os.ReadFile(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	was := 0
	for n := len(whole) % 11; n <= len(whole); n += 11 {
		for _, torn := range [][]byte{whole[:n], append(whole[:n:n], make([]byte, len(whole)-n)...), append(whole[:n:n], bytes.Repeat([]byte{0xff}, len(whole)-n)...)} {
			dir := t.TempDir()
			path := filepath.Join(dir, src.Group, src.ID, filepath.Base(paths[0]))
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, torn, 0o600); err != nil {
				t.Fatal(err)
			}
			l := openLog(t, logs.Options{Dir: dir})
			w := writer(t, l, src, logs.Stdout, replica)
			p, err := w.Resume(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if int(p.Lines) < was {
				t.Fatalf("%d bytes hold %d lines, fewer than before", n, p.Lines)
			}
			was = int(p.Lines)
			for i := was; i < lines; i++ {
				write(t, w, fmt.Appendf(nil, "line %d\n", i))
			}
			if _, err := w.Resume(t.Context()); err != nil {
				t.Fatal(err)
			}
			got, gaps := everything(t, l, src)
			for i, line := range got {
				if line.Message != fmt.Sprintf("line %d", i) || line.Seq != uint64(i+1) {
					t.Fatalf("with %d bytes, line %d is %+v", n, i, line)
				}
			}
			if len(got) != lines || len(gaps) > 0 {
				t.Fatalf("with %d bytes: %d lines and %d gaps", n, len(got), len(gaps))
			}
			closeLog(t, l)
		}
	}
	if was != lines {
		t.Errorf("the whole file holds %d lines", was)
	}
}

// Whole frames behind a damaged one, or of lines that are there already, do not
// come back later.
func TestFramesBehindADamagedOneAreGone(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	src, replica := newSource(), newReplica()
	say := func(lines ...string) {
		t.Helper()
		l := openLog(t, logs.Options{Dir: dir})
		defer closeLog(t, l)
		w := writer(t, l, src, logs.Stdout, replica)
		for _, line := range lines {
			write(t, w, []byte(line+"\n"))
			if _, err := w.Resume(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	expect := func(want ...string) {
		t.Helper()
		l := openLog(t, logs.Options{Dir: dir})
		defer closeLog(t, l)
		if lines, _ := everything(t, l, src); !cmp.Equal(want, messages(lines)) {
			t.Errorf("got %q, want %q", messages(lines), want)
		}
	}
	say("one", "two", "six", "ten")
	paths, err := filepath.Glob(filepath.Join(dir, src.Group, src.ID, "*.spool"))
	if err != nil || len(paths) != 1 {
		t.Fatalf("%v, %v", paths, err)
	}
	raw, err := os.ReadFile(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	frame := len(raw) / 4 // they are of one length
	damaged := bytes.Clone(raw)
	damaged[2*frame-2] ^= 1 // in the second
	if err := os.WriteFile(paths[0], damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	expect("one")
	say("new")
	expect("one", "new")
	if err := os.WriteFile(paths[0], append(raw, raw[frame:]...), 0o600); err != nil {
		t.Fatal(err)
	}
	expect("one", "two", "six", "ten")
}

// Lines a power cut took from the middle are announced.
func TestASpoolFileThatIsGoneIsAGap(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	src, replica := newSource(), newReplica()
	o := logs.Options{Dir: dir, Store: noStore{}}.WithFiles(1, 1) // a file for each batch, and none moves on
	l := openLog(t, o)
	w := writer(t, l, src, logs.Stdout, replica)
	for i := range 5 {
		write(t, w, fmt.Appendf(nil, "line %d\n", i))
	}
	if _, err := w.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	closeLog(t, l)
	paths, err := filepath.Glob(filepath.Join(dir, src.Group, src.ID, "*.3.spool"))
	if err != nil || len(paths) != 1 {
		t.Fatalf("%v, %v", paths, err)
	}
	if err := os.Remove(paths[0]); err != nil {
		t.Fatal(err)
	}
	l = openLog(t, o)
	lines, gaps := everything(t, l, src)
	if d := cmp.Diff([]string{"line 0", "line 1", "line 3", "line 4"}, messages(lines)); d != "" {
		t.Error(d)
	}
	if len(gaps) != 1 || gaps[0].Reason != logs.StoreUnavailable || gaps[0].Dropped != 1 {
		t.Errorf("gaps %+v", gaps)
	}
	back, err := l.Query(t.Context(), logs.Query{Source: src})
	if err != nil || len(back.Lines) != 4 || len(back.Gaps) != 1 {
		t.Errorf("backwards: %+v, %v", back, err)
	}
}

// A power cut may leave a file of which nothing is there, behind others that lost
// their last lines. What is handed in again has the numbers of those.
func TestAnEmptySpoolFileBehindAGap(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	src, replica := newSource(), newReplica()
	l := openLog(t, logs.Options{Dir: dir, Store: noStore{}}.WithFiles(1, 1)) // a file for each line
	w := writer(t, l, src, logs.Stdout, replica)
	line := func(i int) { write(t, w, fmt.Appendf(nil, "line %d\n", i)) }
	for i := range 5 {
		line(i)
	}
	if _, err := w.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	closeLog(t, l)
	file := func(first int) string {
		paths, err := filepath.Glob(filepath.Join(dir, src.Group, src.ID, fmt.Sprintf("*.%d.spool", first)))
		if err != nil || len(paths) != 1 {
			t.Fatalf("%v, %v", paths, err)
		}
		return paths[0]
	}
	for _, gone := range []int{3, 4} {
		if err := os.Remove(file(gone)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Truncate(file(5), 0); err != nil {
		t.Fatal(err)
	}
	l = openLog(t, logs.Options{Dir: dir})
	w = writer(t, l, src, logs.Stdout, replica)
	if p, err := w.Resume(t.Context()); err != nil || p.Lines != 2 {
		t.Fatalf("Resume: %+v, %v", p, err)
	}
	for i := 2; i < 9; i++ {
		line(i)
	}
	check := func(when string) {
		t.Helper()
		lines, gaps := everything(t, l, src)
		if len(lines) != 9 || len(gaps) > 0 {
			t.Errorf("%s: %q, gaps %+v", when, messages(lines), gaps)
		}
		for i := range lines {
			if lines[i].Seq != uint64(i+1) || lines[i].Message != fmt.Sprintf("line %d", i) {
				t.Errorf("%s: line %d is %+v", when, i, lines[i])
			}
		}
	}
	if err := l.End(t.Context(), src, logs.DeploymentEnded); err != nil {
		t.Fatal(err)
	}
	check("at first")
	settled(t, dir)
	check("from the store")
}

// A file that is damaged under a server that runs holds up neither readers nor
// its stream: what comes before the damage is shown, and moves on.
func TestASpoolFileThatIsDamagedMeanwhileIsAGap(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	src, replica := newSource(), newReplica()
	l := openLog(t, logs.Options{Dir: dir})
	w := writer(t, l, src, logs.Stdout, replica)
	for _, line := range []string{"one", "two", "six", "ten"} {
		write(t, w, []byte(line+"\n"))
		if _, err := w.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	paths, err := filepath.Glob(filepath.Join(dir, src.Group, src.ID, "*.spool"))
	if err != nil || len(paths) != 1 {
		t.Fatalf("%v, %v", paths, err)
	}
	raw, err := os.ReadFile(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)*3/4-2] ^= 1 // in the third frame of four
	if err := os.WriteFile(paths[0], raw, 0o600); err != nil {
		t.Fatal(err)
	}
	check := func(when string) {
		t.Helper()
		lines, gaps := everything(t, l, src)
		if want := []string{"one", "two"}; !cmp.Equal(want, messages(lines)) || len(gaps) != 1 || gaps[0].Dropped != 2 || gaps[0].Reason != logs.StoreUnavailable {
			t.Errorf("%s: lines %q, gaps %+v", when, messages(lines), gaps)
		}
		back, err := l.Query(t.Context(), logs.Query{Source: src})
		if err != nil || !cmp.Equal(messages(lines), messages(back.Lines)) || len(back.Gaps) != 1 {
			t.Errorf("%s, backwards: %+v, %v", when, back, err)
		}
	}
	check("in the spool")
	w.Close()
	end(t, l, src)
	settled(t, dir)
	check("in the store")
	closeLog(t, l)
	l = openLog(t, logs.Options{Dir: dir})
	check("after a restart")
}
