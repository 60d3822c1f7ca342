package docker

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/davitdev/davit/runner"
)

// copies are what an engine answers to one question for its copy after another.
// It rings as long as there are more.
type copies struct {
	next  func() []string // nil when nothing more is printed
	last  []string
	ended bool
	asked int // entries
}

func (c *copies) open(tail string, follow bool) (io.ReadCloser, error) {
	if follow {
		if c.ended {
			return io.NopCloser(strings.NewReader("")), nil
		}
		return io.NopCloser(strings.NewReader("ring")), nil
	}
	if next := c.next(); next != nil {
		c.last = next
	} else {
		c.ended = true
	}
	entries := c.last
	if n, err := strconv.Atoi(tail); err == nil {
		entries = entries[max(0, len(entries)-n):]
	}
	c.asked += len(entries)
	return io.NopCloser(bytes.NewReader(multiplexed(entries...))), nil
}

// answering answers with one copy after another.
func answering(list [][]string) *copies {
	return &copies{next: func() (next []string) {
		if len(list) > 0 {
			next, list = list[0], list[1:]
		}
		return next
	}}
}

// follow reads all that c has, with an exclamation mark where there is a gap.
func (c *copies) follow(t *testing.T) []string {
	t.Helper()
	return c.followIn(t, &logStream{})
}

func (c *copies) followIn(t *testing.T, l *logStream) []string {
	t.Helper()
	l.follow = true
	return c.readIn(t, l)
}

func (c *copies) readIn(t *testing.T, l *logStream) []string {
	t.Helper()
	l.ending, l.open = endWith(t.Context(), func() error { return nil }), c.open
	if err := l.begin(""); err != nil {
		t.Fatal(err)
	}
	var got []string
	for {
		f, err := l.Next()
		if errors.Is(err, io.EOF) {
			return got
		}
		if err != nil {
			t.Fatal(err)
		}
		text := map[bool]string{true: "!"}[f.Gap] + string(f.Data)
		if f.Missing > 0 {
			text += fmt.Sprintf("-%d", f.Missing)
		}
		got = append(got, text)
	}
}

func entryAt(millisecond int, text string) string {
	return "1" + time.Date(2026, 1, 2, 3, 4, 0, millisecond*1e6, time.UTC).Format(time.RFC3339Nano) + " " + text
}

// The engine's times and files are not what one would wish for.
func TestWhoFollowsGetsEachLineOnce(t *testing.T) {
	t.Parallel()

	a, b, c, d := entryAt(11, "a\n"), entryAt(12, "b\n"), entryAt(13, "c\n"), entryAt(14, "d\n")
	part, end := entryAt(13, "x"), entryAt(13, "y\n")
	tests := map[string]struct {
		copies [][]string
		want   string
	}{
		"nothing":                          {[][]string{{}, {}}, ""},
		"nothing, then some":               {[][]string{{}, {}, {a, b}}, "ab"},
		"some, then more":                  {[][]string{{a}, {a, b}, {a, b}, {a, b, c, d}}, "abcd"},
		"a file comes twice":               {[][]string{{a, b}, {a, b, c, b, c}, {a, b, c, d}}, "abcd"},
		"a file comes twice at first":      {[][]string{{a, b, a, b}, {a, b}, {a, b, c}}, "abc"},
		"a file comes twice before news":   {[][]string{{a, b}, {a, b, a, b, c}, {a, b, c, d}}, "abcd"},
		"the parts of a line":              {[][]string{{a, part}, {a, part, part}, {a, part, part, end}, {a, part, part, end, d}}, "axxyd"},
		"the clock is set back":            {[][]string{{c}, {c, d, a}, {c, d, a, b}}, "cdab"},
		"the clock was set back":           {[][]string{{c, a}, {c, a, b}, {c, a, b, d}}, "cabd"},
		"the clock was set back twice":     {[][]string{{c, b, a}, {c, b, a, d}}, "cbad"},
		"the beginning is deleted":         {[][]string{{a, b, c}, {b, c, d}}, "abcd"},
		"all that is known is deleted":     {[][]string{{a, b}, {c, d}}, "ab!cd"},
		"all is deleted":                   {[][]string{{a, b}, {}, {c, d}}, "ab!cd"},
		"deleted, and a file comes twice":  {[][]string{{a}, {c, d, c, d}, {c, d}}, "a!cd"},
		"one line, and nothing before it":  {[][]string{{a}, {a}, {a}}, "a"},
		"two lines of one time, then more": {[][]string{{a, a}, {a, a, a}}, "aaa"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				engine := answering(tt.copies)
				if got := strings.Join(engine.follow(t), ""); got != tt.want {
					t.Errorf("got %s, want %s", got, tt.want)
				}
			})
		})
	}
}

// A clock that was set back, and a copy that lost lines: nothing of it is later than
// what was read, and which lines were cannot be told.
func TestWhoFollowsWhatCannotBeCounted(t *testing.T) {
	t.Parallel()

	a, b, c := entryAt(11, "a\n"), entryAt(12, "b\n"), entryAt(13, "c\n")
	for name, tt := range map[string]struct {
		copies [][]string
		want   string
	}{
		"and goes on":        {[][]string{{a, b}, {a, b, c}}, "!c"},
		"and does not go on": {[][]string{{a, b}}, "!"},
	} {
		synctest.Test(t, func(t *testing.T) {
			engine := answering(tt.copies)
			l := streamFrom(runner.Position{Stdout: 99, Time: time.Date(2026, 1, 2, 5, 0, 0, 0, time.UTC)})
			if got := strings.Join(engine.followIn(t, l), ""); got != tt.want {
				t.Errorf("%s: got %s, want %s", name, got, tt.want)
			}
		})
	}
}

// A copy has lost its beginning, and where the reader was is known by the time of the
// last line alone, if only that one can have it.
func TestWhoFollowsFromALandmark(t *testing.T) {
	t.Parallel()

	a, b, c, d := entryAt(11, "a\n"), entryAt(12, "b\n"), entryAt(13, "c\n"), entryAt(14, "d\n")
	b1, b2 := entryAt(12, "b1\n"), entryAt(12, "b2\n")
	part, end := entryAt(12, "x"), entryAt(12, "y\n")
	for name, tt := range map[string]struct {
		copies [][]string
		want   string
	}{
		"in the middle":                 {[][]string{{a, b, c}, {a, b, c, d}}, "cd"},
		"at the end, and more comes":    {[][]string{{a, b}, {a, b, c}, {b, c, d}}, "cd"},
		"at the end":                    {[][]string{{a, b}}, ""},
		"of parts":                      {[][]string{{a, part, end, c}}, "c"},
		"a file comes twice":            {[][]string{{a, b, c, a, b, c}, {a, b, c, d}}, "cd"},
		"several lines have its time":   {[][]string{{a, b1, b2, c}}, "!c"},
		"a clock was set back after it": {[][]string{{a, b, entryAt(10, "z\n"), c}}, "!c"},
		"it is gone":                    {[][]string{{c, d}}, "!cd"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				engine := answering(tt.copies)
				at := time.Date(2026, 1, 2, 3, 4, 0, 12e6, time.UTC)
				l := streamFrom(runner.Position{Stdout: 99, Time: at, StdoutLast: at})
				if got := strings.Join(engine.followIn(t, l), ""); got != tt.want {
					t.Errorf("got %s, want %s", got, tt.want)
				}
			})
		})
	}
}

// The engine has not written yet what the reader got from an attachment. Of a copy
// that may have lost its beginning, or that does not grow, that cannot be believed.
func TestWhoFollowsACopyThatIsBehind(t *testing.T) {
	t.Parallel()

	a, b, c, d := entryAt(11, "a\n"), entryAt(12, "b\n"), entryAt(13, "c\n"), entryAt(14, "d\n")
	still := slices.Repeat([][]string{{a, b}}, 200)
	for name, tt := range map[string]struct {
		copies [][]string
		least  int64 // size of a copy that lost something
		want   string
	}{
		"it catches up":               {[][]string{{a, b}, {a, b}, {a, b, c}, {a, b, c, d}}, 1 << 20, "d"},
		"it has nothing that is late": {[][]string{{a}, {a, b}, {a, b, c}, {a, b, c, d}}, 1 << 20, "d"},
		"it stands still":             {append(still, []string{a, b, c}), 1 << 20, "!bc"},
		"it may have lost lines":      {[][]string{{a, b}, {a, b, c}, {a, b, c, d}}, 200, "!bcd"},
		"nobody knows what it keeps":  {[][]string{{a, b}, {a, b, c}, {a, b, c, d}}, 0, "!bcd"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				engine := answering(tt.copies)
				l := streamFrom(runner.Position{Stdout: 3, Time: time.Date(2026, 1, 2, 3, 4, 0, 11e6, time.UTC)})
				l.least = tt.least
				if got := strings.Join(engine.followIn(t, l), ""); got != tt.want {
					t.Errorf("got %s, want %s", got, tt.want)
				}
			})
		})
	}
}

// Of a container that does not run, the whole copy: an engine that was killed had handed
// on more than it kept.
func TestLogsOfACopyThatLostItsEnd(t *testing.T) {
	t.Parallel()

	a, b := entryAt(11, "a\n"), entryAt(12, "b\n")
	for name, tt := range map[string]struct {
		entries []string
		read    int64
		least   int64
		want    string
	}{
		"a line":                         {[]string{a, b}, 3, 1 << 20, "-1"},
		"all":                            {nil, 3, 1 << 20, "-3"},
		"none":                           {[]string{a, b}, 2, 1 << 20, ""},
		"none, and there is more":        {[]string{a, b}, 1, 1 << 20, "b"},
		"or it was its beginning, once":  {[]string{a, b}, 3, 200, ""},
		"nobody knows what the copy has": {[]string{a, b}, 3, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := streamFrom(runner.Position{Stdout: tt.read, Time: time.Date(2026, 1, 2, 3, 4, 0, 13e6, time.UTC)})
			l.least = tt.least
			engine := &copies{last: tt.entries, next: func() []string { return nil }}
			if got := strings.Join(engine.readIn(t, l), ""); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// Two outputs, parts of lines, bursts of any size, files that come twice.
func TestWhoFollowsGetsWhateverIsPrinted(t *testing.T) {
	t.Parallel()

	for seed := range uint64(16) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 1))
			var printed []string
			clock := 0
			add := func() {
				fd := string('1' + rune(r.IntN(2)))
				clock++
				for range 1 + r.IntN(3) {
					printed = append(printed, fd+entryAt(clock, strconv.Itoa(len(printed)))[1:])
				}
				printed[len(printed)-1] += "\n"
			}
			looks, deleted := 0, 0
			engine := &copies{next: func() []string {
				if looks++; looks == 40 {
					return printed[deleted:]
				} else if looks > 40 {
					return nil
				}
				for range r.IntN(4) * r.IntN(700) {
					add()
				}
				deleted += r.IntN(max(1, (len(printed)-deleted)/8))
				there := printed[deleted:]
				if n := len(there); n > 100 && r.IntN(3) == 0 {
					from := n/2 - r.IntN(n/3)
					return append(append([]string(nil), there...), there[from:n-r.IntN(n/4)]...)
				}
				return append([]string(nil), there...)
			}}
			synctest.Test(t, func(t *testing.T) {
				want := 0
				for _, text := range engine.follow(t) {
					n, err := strconv.Atoi(strings.TrimPrefix(text, "!"))
					if err != nil || n < want || n > want && want > 0 && text[0] != '!' {
						t.Fatalf("got %s, want %d", text, want)
					}
					want = n + 1
				}
				if want != len(printed) {
					t.Errorf("the last is %d, of %d", want, len(printed))
				}
			})
		})
	}
}

// Each look reads little more than what is new.
func TestWhoFollowsReadsTheEndAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const total, burst = 100_000, 100
		there := make([]string, 0, total)
		engine := &copies{next: func() []string {
			if len(there) == total {
				return nil
			}
			for range burst {
				there = append(there, entryAt(len(there), "x\n"))
			}
			return there
		}}
		if got := engine.follow(t); len(got) != total {
			t.Errorf("%d lines, want %d", len(got), total)
		}
		if engine.asked > 6*total {
			t.Errorf("%d entries were asked for, to get %d", engine.asked, total)
		}
	})
}
