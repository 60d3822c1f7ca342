package page

import (
	"testing"
	"time"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/ident"
)

// Whatever a client hands in as a cursor is refused as one, or is a position
// that is written the way it is read.
func FuzzCursor(f *testing.F) {
	columns := []string{"id", "name", "created_at", "seq", "number"}
	values := []any{"", "Shop \u00e9\n", time.Date(2026, 1, 2, 3, 4, 5, 678_901_000, time.UTC), int64(-12), int64(7)}
	for i, by := range columns {
		a := Args{By: by, Kind: ident.Project}
		f.Add(a.cursor(position{value: values[i], id: ident.New(ident.Project)}), byte(i))
		f.Add(a.cursor(position{value: values[i], id: ident.New(ident.Service)}), byte(i))
		f.Add(a.cursor(position{value: "no such value", id: ident.New(ident.Project)}), byte(i))
	}
	for _, cursor := range []string{"", "!", "bmFtZQ", "bmFtZQAAAA"} {
		f.Add(cursor, byte(1))
	}
	f.Fuzz(func(t *testing.T, cursor string, column byte) {
		by := columns[int(column)%len(columns)]
		a, err := New(Max, &cursor, ident.Project, by, false)
		if err != nil {
			if !fault.Is(err, fault.CursorInvalid) {
				t.Fatal(err)
			}
			return
		}
		p, err := a.position()
		if err != nil {
			t.Fatalf("New takes %q, and the page does not: %v", cursor, err)
		}
		if p == nil {
			if cursor != "" {
				t.Errorf("%q is the beginning", cursor)
			}
			return
		}
		if !ident.Is(p.id, ident.Project) {
			t.Errorf("%q is the position of %q", cursor, p.id)
		}
		a.After = a.cursor(*p)
		again, err := a.position()
		if err != nil || again.id != p.id {
			t.Fatalf("%q was read as %v, which is written %q and not read: %v", cursor, *p, a.After, err)
		}
		if at, ok := p.value.(time.Time); ok {
			if other, ok := again.value.(time.Time); !ok || !other.Equal(at) {
				t.Errorf("%v comes back as %v", p.value, again.value)
			}
		} else if by != "id" && again.value != p.value {
			t.Errorf("%v comes back as %v", p.value, again.value)
		}
	})
}
