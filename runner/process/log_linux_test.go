package process

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/davitdev/davit/runner"
)

// put writes text as the shim would.
func put(w *logWriter, fd runner.Descriptor, text string) {
	w.write(fd, append(make([]byte, recordHeader), text...))
}

func newWriter(t *testing.T, dir string, limit int64) *logWriter {
	t.Helper()
	w, err := newLogWriter(dir, limit)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.close() })
	return w
}

// rest reads what there is, and where output is missing writes "!".
func rest(t *testing.T, r *logReader) string {
	t.Helper()
	var got bytes.Buffer
	for {
		rec, err := r.next()
		if errors.Is(err, errNoMore) {
			return got.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		if rec.lost {
			got.WriteByte('!')
		}
		fmt.Fprintf(&got, "%d:%s", rec.fd, rec.data)
	}
}

func TestTheCopyIsReadWhileItIsWritten(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	r := &logReader{dir: dir}
	defer r.close()
	if got := rest(t, r); got != "" {
		t.Errorf("before anything: %q", got)
	}
	w := newWriter(t, dir, 400) // four files of 100 bytes
	for i := range 50 {
		want := fmt.Sprintf("1:line %d\n2:half", i)
		put(w, runner.Stdout, fmt.Sprintf("line %d\n", i))
		put(w, runner.Stderr, "half")
		if got := rest(t, r); got != want {
			t.Fatalf("read %q, want %q", got, want)
		}
	}
	if all, err := listSegments(dir); err != nil || len(all) != segments || all[0] == 1 {
		t.Errorf("files %v, %v", all, err)
	}
	if r.lines != (lineCount{1: 50}) {
		t.Errorf("counted %v", r.lines)
	}
}

func TestAReaderThatIsTooSlowFindsAGap(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	w := newWriter(t, dir, 400)
	put(w, runner.Stdout, "first\n")
	r := &logReader{dir: dir}
	defer r.close()
	if got := rest(t, r); got != "1:first\n" {
		t.Errorf("read %q", got)
	}
	for i := range 100 {
		put(w, runner.Stdout, fmt.Sprintf("%05d\n", i))
	}
	got := rest(t, r)
	before, after, ok := bytes.Cut([]byte(got), []byte("!"))
	if !ok || !bytes.HasSuffix(after, []byte("1:00099\n")) || bytes.Contains(after, []byte("!")) || len(before) > 100 {
		t.Errorf("read %q", got)
	}
	if r.lines != (lineCount{1: 101}) {
		t.Errorf("counted %v", r.lines)
	}
}

func TestToFileFindsThePosition(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	w := newWriter(t, dir, 400)
	const lines = 100
	for i := range lines {
		put(w, runner.Stdout, fmt.Sprintf("%05d\n", i))
		put(w, runner.Stderr, "e\n")
	}
	first := &logReader{dir: dir}
	defer first.close()
	if err := first.toFile(lineCount{}); err != nil || first.lines[runner.Stdout] == 0 || !first.lost {
		t.Fatalf("from the beginning: %v, lost %t, %v", first.lines, first.lost, err)
	}
	for from := first.lines[runner.Stdout]; from <= lines; from++ {
		r := &logReader{dir: dir}
		if err := r.toFile(lineCount{runner.Stdout: from, runner.Stderr: from}); err != nil || r.lost || r.lines[runner.Stdout] > from || from-r.lines[runner.Stdout] > 5 {
			t.Errorf("from %d: begins at %v, lost %t, %v", from, r.lines, r.lost, err)
		}
		r.close()
	}
}

// Each run has a file of its own, also where the one before ended in a line.
func TestToFileFindsTheBeginningOfALine(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	put(newWriter(t, dir, 1<<20), runner.Stderr, "one\nhalf ")
	w := newWriter(t, dir, 1<<20)
	put(w, runner.Stdout, "two\n")
	put(w, runner.Stderr, "a line\n")
	r := &logReader{dir: dir}
	defer r.close()
	if err := r.toFile(lineCount{runner.Stderr: 1}); err != nil {
		t.Fatal(err)
	}
	if got := rest(t, r); got != "2:one\nhalf 1:two\n2:a line\n" {
		t.Errorf("read %q", got)
	}
}

func TestARecordThatWasCutOffIsAGap(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	w := newWriter(t, dir, 1<<20)
	put(w, runner.Stdout, "whole\n")
	put(w, runner.Stdout, "cut off\n")
	if err := os.Truncate(segmentPath(dir, 1), w.size-3); err != nil {
		t.Fatal(err)
	}
	r := &logReader{dir: dir}
	defer r.close()
	if got := rest(t, r); got != "1:whole\n" {
		t.Errorf("read %q", got)
	}
	again := newWriter(t, dir, 1<<20) // the next run's
	put(again, runner.Stdout, "later\n")
	if got := rest(t, r); got != "!1:later\n" {
		t.Errorf("then %q", got)
	}
	if again.lines != (lineCount{1: 2}) || again.n != 2 {
		t.Errorf("the next run counts %v in file %d", again.lines, again.n)
	}
}

func TestADamagedCopyIsAnError(t *testing.T) {
	t.Parallel()

	for what, text := range map[string]string{
		"no header":    "x",
		"no magic":     "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
		"a descriptor": logMagic + "0123456789abcdef" + "\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
		"a length":     logMagic + "0123456789abcdef" + "\x01\x00\x00\x00\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(segmentPath(dir, 1), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		r := &logReader{dir: dir}
		if rec, err := r.next(); !errors.Is(err, runner.ErrUnreadable) {
			t.Errorf("%s: %+v, %v", what, rec, err)
		}
		r.close()
		put(newWriter(t, dir, 1<<20), runner.Stdout, "later\n") // whatever is before it
		r = &logReader{dir: dir}
		if err := r.open(2); err != nil {
			t.Errorf("%s, then: %v", what, err)
		}
		if got := rest(t, r); got != "!1:later\n" {
			t.Errorf("%s, then: %q", what, got)
		}
		r.close()
	}
}

func TestAProcessIsOnlySignalledIfItIsTheSame(t *testing.T) {
	t.Parallel()

	h, err := handleOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if err := h.signal(0); err != nil {
		t.Errorf("itself: %v", err)
	}
	h.Start++
	if err := h.signal(sigKill); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("its successor: %v", err)
	}
	if err := (processHandle{PID: 1 << 22}).signal(sigKill); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("nobody: %v", err)
	}
}

func TestChanges(t *testing.T) {
	t.Parallel()

	c := func(id string, run int, st runner.State) map[string]seen {
		return map[string]seen{"web": {runner.Container{Name: "web", ID: id, State: st}, run}}
	}
	tests := []struct {
		name    string
		was, is map[string]seen
		want    string
	}{
		{"nothing", c("1", 1, runner.Running), c("1", 1, runner.Running), ""},
		{"created", nil, c("1", 0, runner.Created), ""},
		{"started", c("1", 0, runner.Created), c("1", 1, runner.Running), "STARTED "},
		{"exited", c("1", 1, runner.Running), c("1", 1, runner.Exited), "EXITED "},
		{"removed while it ran", c("1", 1, runner.Running), nil, "EXITED REMOVED "},
		{"removed after its end", c("1", 1, runner.Exited), nil, "REMOVED "},
		{"ran and ended in between", c("1", 0, runner.Created), c("1", 1, runner.Exited), "STARTED EXITED "},
		{"ended and began again", c("1", 1, runner.Running), c("1", 2, runner.Running), "EXITED STARTED "},
		{"replaced", c("1", 1, runner.Running), c("2", 1, runner.Running), "EXITED REMOVED STARTED "},
	}
	for _, tt := range tests {
		got := ""
		for _, ev := range changes(tt.was, tt.is) {
			got += string(ev.Kind) + " "
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
