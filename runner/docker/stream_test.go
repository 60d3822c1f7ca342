package docker

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/davitdev/davit/runner"
)

// multiplexed is the engine's framing of what was written.
func multiplexed(parts ...string) []byte {
	var b bytes.Buffer
	for _, p := range parts {
		fd, text := p[0]-'0', p[1:]
		b.Write([]byte{fd, 0, 0, 0})
		b.Write(binary.BigEndian.AppendUint32(nil, uint32(len(text))))
		b.WriteString(text)
	}
	return b.Bytes()
}

func attachmentOf(t *testing.T, r io.Reader) *attachment {
	return &attachment{r: bufio.NewReaderSize(r, 64), ending: endWith(t.Context(), func() error { return nil })}
}

func TestAttachmentDemultiplexes(t *testing.T) {
	t.Parallel()

	long := strings.Repeat("0123456789", 50) // does not fit into the buffer
	raw := multiplexed("1out", "2err", "1", "1"+long, "2\n")
	for name, r := range map[string]io.Reader{
		"at once": bytes.NewReader(raw), "byte by byte": iotest.OneByteReader(bytes.NewReader(raw)),
	} {
		a := attachmentOf(t, r)
		got := map[runner.Descriptor]string{}
		for {
			f, err := a.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil || len(f.Data) == 0 {
				t.Fatalf("%s: %+v, %v", name, f, err)
			}
			got[f.Descriptor] += string(f.Data)
		}
		if got[runner.Stdout] != "out"+long || got[runner.Stderr] != "err\n" {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestABrokenStreamEnds(t *testing.T) {
	t.Parallel()

	tests := map[string]struct {
		raw []byte
		eof bool
	}{
		"in the middle of a header":    {multiplexed("1out")[:5], true},
		"in the middle of a frame":     {multiplexed("1out")[:9], true},
		"with a word of the engine":    {multiplexed("3no such driver"), false},
		"with a descriptor of nothing": {multiplexed("9x"), false},
	}
	for name, tt := range tests {
		a := attachmentOf(t, bytes.NewReader(tt.raw))
		var err error
		for err == nil {
			_, err = a.Next()
		}
		if errors.Is(err, io.EOF) != tt.eof || errors.Is(err, runner.ErrUnreadable) == tt.eof {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLogEntriesOfAHostileEngine(t *testing.T) {
	t.Parallel()

	for name, raw := range map[string][]byte{
		"no time":           multiplexed("1notime"),
		"no such time":      multiplexed("1yesterday line\n"),
		"a length of a lie": {1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff},
		"a word of its own": multiplexed("3Error grabbing logs: invalid character '\\x00' looking for beginning of value\n"),
	} {
		l := &logStream{r: bufio.NewReader(bytes.NewReader(raw)), ending: endWith(t.Context(), func() error { return nil })}
		if f, err := l.Next(); !errors.Is(err, runner.ErrUnreadable) {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
	}
}

func TestLogsCountBothOutputsApart(t *testing.T) {
	t.Parallel()

	at := func(fd, second, text string) string { return fd + "2026-01-02T03:04:" + second + ".000000001Z " + text }
	raw := multiplexed(
		at("1", "01", "o1\n"), at("2", "01", "e1\n"), at("1", "02", "o2 "), at("2", "02", "e2\n"), at("1", "02", "end\n"), at("1", "03", "o3\n"),
	)
	second := func(s int) time.Time { return time.Date(2026, 1, 2, 3, 4, s, 1, time.UTC) }
	tests := map[string]struct {
		from runner.Position
		want string
		gap  bool
	}{
		"from the beginning":             {runner.Position{}, "o1. e1. o2 -e2. end. o3. ", false},
		"after one of each":              {runner.Position{Stdout: 1, Stderr: 1}, "o2 -e2. end. o3. ", false},
		"after a split line":             {runner.Position{Stdout: 2, Stderr: 1, Time: second(2)}, "e2. o3. ", false},
		"after all":                      {runner.Position{Stdout: 3, Stderr: 2, Time: second(3)}, "", false},
		"with lines that are gone":       {runner.Position{Stdout: 99, Stderr: 99, Time: second(1)}, "o2 -e2. end. o3. ", true},
		"with all lines gone":            {runner.Position{Stdout: 99, Stderr: 99, Time: second(0)}, "o1. e1. o2 -e2. end. o3. ", true},
		"with a count but no time":       {runner.Position{Stdout: 99}, "e1. e2. ", false},
		"with a clock that was set back": {runner.Position{Stdout: 99, Time: second(3).Add(time.Hour)}, "e1. e2. -", true},
		"whole, with a clock set back":   {runner.Position{Stdout: 2, Stderr: 1, Time: second(3).Add(time.Hour)}, "e2. o3. ", false},
		"not all of it there yet":        {runner.Position{Stdout: 4, Stderr: 2, Time: second(4)}, "", false},
		"with both last lines there":     {runner.Position{Stdout: 99, Stderr: 99, Time: second(2), StdoutLast: second(1), StderrLast: second(2)}, "o2 -end. o3. ", false},
		"with a last line of parts":      {runner.Position{Stdout: 99, Stderr: 1, Time: second(2), StdoutLast: second(2), StderrLast: second(1)}, "e2. o3. ", false},
		"with the last line at the end":  {runner.Position{Stdout: 99, Stderr: 99, Time: second(3), StdoutLast: second(3), StderrLast: second(2)}, "", false},
		"with one last line there":       {runner.Position{Stdout: 99, Stderr: 99, Time: second(1), StdoutLast: second(1), StderrLast: second(0)}, "o2 -end. o3. e2. ", true},
		"with gone lines on one only":    {runner.Position{Stdout: 99, Time: second(1)}, "e1. e2. o2 -end. o3. ", true},
	}
	for name, tt := range tests {
		l := streamFrom(tt.from)
		l.ending = endWith(t.Context(), func() error { return nil })
		l.open = func(string, bool) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil }
		if err := l.begin(""); err != nil {
			t.Fatal(err)
		}
		got, gap := "", false
		for {
			f, err := l.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			gap = gap || f.Gap
			got += string(f.Data) + map[bool]string{true: ". ", false: "-"}[f.Line]
		}
		if got != tt.want || gap != tt.gap {
			t.Errorf("%s: %q, gap %t, want %q, gap %t", name, got, gap, tt.want, tt.gap)
		}
	}
}
