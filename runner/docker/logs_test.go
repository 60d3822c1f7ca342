package docker_test

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/davitdev/davit/runner"
	"github.com/davitdev/davit/runner/docker"
)

type addr = netip.Addr

func hex16(v uint64) string { return fmt.Sprintf("%016x", v) }

// frames reads the copy from the position.
func (p *place) frames(name string, from runner.Position) []runner.Frame {
	p.t.Helper()
	stream, err := p.Logs(p.t.Context(), name, from, false)
	if err != nil {
		p.t.Fatal(err)
	}
	defer stream.Close()
	var all []runner.Frame
	for {
		f, err := stream.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			p.t.Fatal(err)
		}
		f.Data = append([]byte(nil), f.Data...)
		all = append(all, f)
	}
}

// text is the copy's lines, put together again; a last one without an end
// counts.
func (p *place) text(name string, from runner.Position) []string {
	p.t.Helper()
	var all []string
	whole := true
	for _, f := range p.frames(name, from) {
		if whole {
			all = append(all, "")
		}
		all[len(all)-1] += string(f.Data)
		whole = f.Line
	}
	return all
}

func TestLogsCountNewlinesHoweverTheEngineSplits(t *testing.T) {
	p := newPlace(t)
	name := p.run(runner.Spec{Image: p.toolImage(), Command: []string{
		"/tool", "write", `40000*"x"`, `"\n\n\nlast of three\n"`, `16384*"y"`, `"\nno end"`,
	}})
	p.ended(name)
	long, exact := strings.Repeat("x", 40000), strings.Repeat("y", 16384)
	want := []string{long, "", "", "last of three", exact, "no end"}
	for from := range want {
		if diff := cmp.Diff(want[from:], p.text(name, runner.Position{Stdout: int64(from)})); diff != "" {
			t.Errorf("from %d (-want +got)\n%s", from, diff)
		}
	}
	// The next run goes on where the last one stopped, in the middle of a line.
	if err := p.Start(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	p.ended(name)
	got := p.text(name, runner.Position{Stdout: 5})
	if len(got) != 6 || got[0] != "no end"+long || got[5] != "no end" {
		t.Errorf("the second run begins with %.20q", got)
	}
}

// The engine deletes the beginning of its copy. Whoever had read to the
// middle of what is left gets exactly the rest, and learns that it cannot be
// known whether that is all, unless the last line it read can be told by its time.
func TestLogsNoticeThatTheCopyLostItsBeginning(t *testing.T) {
	p := newPlace(t, func(o *docker.Options) { o.LogSize, o.LogFiles = 128<<10, 2 })
	const total, width = 20_000, 60
	name := p.run(runner.Spec{Image: p.toolImage(), Command: []string{"/tool", "lines", fmt.Sprint(total), fmt.Sprint(width)}})
	p.ended(name)
	number := func(f runner.Frame) (n int) {
		if _, err := fmt.Sscanf(string(f.Data), "%d", &n); err != nil {
			t.Fatalf("%q: %v", f.Data, err)
		}
		return n
	}
	left := p.frames(name, runner.Position{})
	first := number(left[0])
	if first == 0 || number(left[len(left)-1]) != total-1 {
		t.Fatalf("%d to %d are left: nothing was rotated away", first, number(left[len(left)-1]))
	}
	middle := len(left) / 2
	tests := map[string]struct {
		read int       // lines
		at   time.Time // of the last of them
		last time.Time // the same if it is of the copy
		want int       // first line to come
		gap  bool
	}{
		"the position is in the copy":         {number(left[middle]) + 1, left[middle].Time, time.Time{}, number(left[middle]) + 1, true},
		"the position is before the copy":     {first / 2, left[0].Time.Add(-time.Millisecond), time.Time{}, first, true},
		"the last line is in the copy":        {number(left[middle]) + 1, left[middle].Time, left[middle].Time, number(left[middle]) + 1, false},
		"the last line is not there any more": {first / 2, left[0].Time.Add(-time.Millisecond), left[0].Time.Add(-time.Millisecond), first, true},
	}
	for what, tt := range tests {
		got := p.frames(name, runner.Position{Stdout: int64(tt.read), Time: tt.at, StdoutLast: tt.last})
		if len(got) != total-tt.want || number(got[0]) != tt.want || got[0].Gap != tt.gap || got[1].Gap {
			t.Errorf("%s: %d lines from %d, gap %t", what, len(got), number(got[0]), got[0].Gap)
		}
	}
}

// The engine begins a new file all the time, and tells who follows it one of
// them twice, or not at all.
func TestWhoFollowsWhileFilesAreRotated(t *testing.T) {
	for what, pause := range map[string]string{"at full speed": "0s", "in bursts": "10ms"} {
		t.Run(what, func(t *testing.T) {
			p := newPlace(t, func(o *docker.Options) { o.LogSize, o.LogFiles = 1<<20, 100 })
			const total = 200_000
			name := p.run(runner.Spec{Image: p.toolImage(), Command: []string{"/tool", "lines", fmt.Sprint(total), "60", pause}})
			stream, err := p.Logs(t.Context(), name, runner.Position{}, true)
			if err != nil {
				t.Fatal(err)
			}
			defer stream.Close()
			want := 0
			for {
				f, err := stream.Next()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				if n, err := strconv.Atoi(string(f.Data)); err != nil || n != want || f.Gap {
					t.Fatalf("got %q, want %d, gap %t", f.Data, want, f.Gap)
				}
				want++
			}
			if want != total {
				t.Errorf("%d lines, want %d", want, total)
			}
		})
	}
}

func TestLogsWithoutALossHaveNoGap(t *testing.T) {
	p := newPlace(t)
	name := p.run(runner.Spec{Image: p.toolImage(), Command: []string{"/tool", "lines", "1000", "10"}})
	p.ended(name)
	all := p.frames(name, runner.Position{})
	for _, read := range []int{1, 500, 999} {
		got := p.frames(name, runner.Position{Stdout: int64(read), Time: all[read-1].Time})
		if len(got) != 1000-read || got[0].Gap || string(got[0].Data) != string(all[read].Data) {
			t.Errorf("after %d: %d lines, first %+v", read, len(got), got[0])
		}
	}
}

// An attachment may be ahead of the copy, which is what the engine's times are
// of: the position is then older than lines that were read. They come neither
// again nor as a loss.
func TestLogsOfAReaderThatWasAheadOfTheCopy(t *testing.T) {
	p := newPlace(t)
	name := p.run(runner.Spec{Image: p.toolImage(), Command: []string{"/tool", "lines", "48000", "40"}})
	p.ended(name)
	all := p.frames(name, runner.Position{})
	for _, read := range []int{2, 10_000, 48_000} { // the last is nearly the 2e6 bytes that the engine's pipe may hold
		got := p.frames(name, runner.Position{Stdout: int64(read), Time: all[0].Time.Add(-time.Second)})
		if len(got) != len(all)-read || len(got) > 0 && (got[0].Gap || string(got[0].Data) != string(all[read].Data)) {
			t.Errorf("after %d: %d lines, want %d", read, len(got), len(all)-read)
		}
	}
}

// The engine's copier is between the application and the attachment: a reader
// who stops holds the application, and loses nothing by it.
func TestAttachWaitsForItsReader(t *testing.T) {
	p := newPlace(t)
	const total, width = 200_000, 50
	spec := runner.Spec{Name: p.network, Network: p.network, Image: p.toolImage(), Command: []string{"/tool", "lines", fmt.Sprint(total), fmt.Sprint(width)}}
	if _, err := p.Create(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	stream, err := p.Attach(t.Context(), spec.Name)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	p.run(spec)
	var seen int64
	for seen < total*(width+1) {
		f, err := stream.Next()
		if err != nil {
			t.Fatalf("after %d bytes: %v", seen, err)
		}
		if seen == 0 {
			<-time.After(500 * time.Millisecond)
			if c, err := p.Inspect(t.Context(), spec.Name); err != nil || c.State != runner.Running {
				t.Errorf("it did not wait: %+v, %v", c, err)
			}
		}
		seen += int64(len(f.Data))
	}
	if _, err := stream.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("Next: %v, want io.EOF", err)
	}
}
