package logs

import (
	"encoding/base64"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/davitdev/davit/internal/fault"
)

// freshID returns the id of a source that no other test has, nor an earlier run.
func freshID() string { return testID("dep", int(time.Now().UnixNano())) }

func testID(kind string, n int) string { return fmt.Sprintf("%s_%026d", kind, n) }

func randomPosition(rng *rand.Rand, scope Source) *position {
	p := &position{last: scope.ID, next: uint64(rng.IntN(5000))}
	sources := []string{scope.ID}
	if scope.ID == "" {
		sources = nil
		for i := range rng.IntN(4) {
			sources = append(sources, testID("dep", i*3))
		}
		p.last = testID("dep", rng.IntN(12))
	}
	number := uint64(0)
	for _, src := range sources {
		number /= 2
		for range 1 + rng.IntN(5) {
			number += 1 + uint64(rng.IntN(300))
			p.marks = append(p.marks, mark{src, number, rng.Uint64() >> (1 + rng.IntN(63))})
		}
	}
	if len(p.marks) > 0 && rng.IntN(2) == 0 {
		p.own = p.marks[rng.IntN(len(p.marks))].number
	}
	return p
}

func TestACursorIsItsPosition(t *testing.T) {
	t.Parallel()

	rng := rand.New(rand.NewPCG(9, 10))
	group := Source{Group: testID("ins", 1)}
	for i := range 2000 {
		scope := group
		if i%2 == 0 {
			scope.ID = testID("dep", 1)
		}
		p := randomPosition(rng, scope)
		cursor := p.encode(scope)
		got, err := decodeCursor(scope, cursor, "after")
		if err != nil {
			t.Fatalf("%+v: %v", p, err)
		}
		if d := cmp.Diff(p, got, cmp.AllowUnexported(position{}, mark{})); d != "" {
			t.Fatal(d)
		}
	}
}

func TestACursorOfAnotherScopeIsRefused(t *testing.T) {
	t.Parallel()

	rng := rand.New(rand.NewPCG(11, 12))
	scopes := []Source{{testID("ins", 1), testID("dep", 1)}, {testID("ins", 1), testID("dep", 2)}, {testID("ins", 2), testID("dep", 1)}, {Group: testID("ins", 1)}, {Group: testID("ins", 2)}}
	for _, made := range scopes {
		cursor := randomPosition(rng, made).encode(made)
		for _, used := range scopes {
			_, err := decodeCursor(used, cursor, "after")
			if (made == used) != (err == nil) || err != nil && !fault.Is(err, fault.CursorInvalid) {
				t.Errorf("cursor of %v used for %v: %v", made, used, err)
			}
		}
		for i := range cursor {
			bad := []byte(cursor)
			bad[i] ^= 1
			if _, err := decodeCursor(made, string(bad), "after"); !fault.Is(err, fault.CursorInvalid) {
				t.Errorf("cursor with character %d changed: %v", i, err)
			}
		}
		for n := 1; n < len(cursor); n++ {
			if _, err := decodeCursor(made, cursor[:n], "after"); !fault.Is(err, fault.CursorInvalid) {
				t.Errorf("cursor cut to %d characters: %v", n, err)
			}
		}
	}
}

func TestACursorOfTwentyReplicasIsSmall(t *testing.T) {
	t.Parallel()

	scope := Source{testID("ins", 1), testID("dep", 1)}
	p := &position{last: scope.ID, next: 100_000}
	for i := range 42 {
		p.marks = append(p.marks, mark{scope.ID, uint64(99_000 + i), 10_000_000})
	}
	if n := len(p.encode(scope)); n > 320 {
		t.Errorf("%d characters", n)
	}
}

// A cursor full of streams that are not there does not come back from each
// line.
func TestAMadeUpCursorIsNotRepeated(t *testing.T) {
	t.Parallel()

	scope := Source{testID("ins", 1), testID("dep", 1)}
	l, err := Open(t.Context(), Options{Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close(t.Context())
	w, err := l.Writer(t.Context(), scope, Build, "", WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	w.Write([]byte("one\ntwo\n"))
	if err := w.End(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := &position{last: scope.ID, next: 1 << 60}
	for i := range 5000 {
		p.marks = append(p.marks, mark{scope.ID, uint64(1_000_000 + i), 1 << 40})
	}
	p.marks = append([]mark{{scope.ID, 1, 0}}, p.marks...)
	cursor := p.encode(scope)
	page, err := l.Query(t.Context(), Query{Source: scope, After: cursor})
	if err == nil && len(page.Lines) == 2 {
		for _, c := range append(page.Cursors(), page.StartCursor, page.EndCursor) {
			if len(c) > 100 {
				t.Errorf("a cursor of %d characters, asked with one of %d", len(c), len(cursor))
			}
		}
	} else {
		t.Errorf("%+v, %v", page, err)
	}
}

// FuzzCursor hands in whatever a client could, with a right checksum so that
// the reader looks at the rest.
func FuzzCursor(f *testing.F) {
	rng := rand.New(rand.NewPCG(13, 14))
	scopes := []Source{{testID("ins", 1), testID("dep", 1)}, {Group: testID("ins", 1)}}
	for i := range 20 {
		scope := scopes[i%2]
		b, _ := cursorEncoding.DecodeString(randomPosition(rng, scope).encode(scope))
		f.Add(b[cursorHeader:], i%2 == 1)
	}
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0}, false)
	f.Add([]byte{1, 0, 30}, true)
	f.Fuzz(func(t *testing.T, payload []byte, group bool) {
		scope := scopes[0]
		if group {
			scope = scopes[1]
		}
		sum := cursorSum(scope, payload)
		raw := append([]byte{cursorVersion, byte(sum), byte(sum >> 8), byte(sum >> 16), byte(sum >> 24)}, payload...)
		cursor := base64.RawURLEncoding.EncodeToString(raw)
		p, err := decodeCursor(scope, cursor, "after")
		if err != nil {
			if !fault.Is(err, fault.CursorInvalid) {
				t.Fatal(err)
			}
			return
		}
		if again := p.encode(scope); again != cursor {
			t.Errorf("%q was read, but is written %q", cursor, again)
		}
		p.at(testID("dep", 1), 7)
		p.before(testID("dep", 1), p.own)
	})
}
