// Package page cuts lists of rows into pages: Relay connections by keyset, for
// one parent or for many parents in one query.
package page

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"entgo.io/ent/dialect/sql"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/ident"
)

// Max is the largest page.
const Max = 100

// Args says which page of a list is wanted. It is comparable.
type Args struct {
	First int    // 0 … Max
	After string // cursor, "" for the first page
	By    string // column of the order; "id" sorts by age
	Desc  bool
	Kind  ident.Kind // of the rows
}

// New checks what a client asked for.
func New(first int, after *string, kind ident.Kind, by string, desc bool) (Args, error) {
	if first < 0 || first > Max {
		return Args{}, fault.At("first", fault.Invalid, "Ask for 0 to %d items at a time; this asks for %d.", Max, first)
	}
	a := Args{First: first, By: by, Desc: desc, Kind: kind}
	if after != nil {
		a.After = *after
	}
	_, err := a.position()
	return a, err
}

// position is where a page begins: after the row with this value and id.
type position struct {
	value any
	id    string
}

// cursor writes the position of a row in the order of a.
func (a Args) cursor(p position) string {
	text := fmt.Sprint(p.value)
	if t, ok := p.value.(time.Time); ok {
		text = t.UTC().Format(time.RFC3339Nano)
	}
	if a.By == "id" {
		text = ""
	}
	return base64.RawURLEncoding.EncodeToString([]byte(a.By + "\x00" + p.id + "\x00" + text))
}

// position reads a.After, nil if there is none. It fails with CURSOR_INVALID
// for a cursor of another order and for anything that is none of ours.
func (a Args) position() (*position, error) {
	if a.After == "" {
		return nil, nil //nolint:nilnil // the beginning of the list
	}
	bad := fault.At("after", fault.CursorInvalid, "This cursor does not belong to this list: begin without one.")
	raw, err := base64.RawURLEncoding.DecodeString(a.After)
	if err != nil || len(raw) > 1024 {
		return nil, bad
	}
	part := strings.SplitN(string(raw), "\x00", 3)
	if len(part) != 3 || part[0] != a.By || strings.Contains(part[2], "\x00") || !utf8.ValidString(part[2]) {
		return nil, bad
	}
	if !ident.Is(part[1], a.Kind) {
		return nil, bad
	}
	p := &position{id: part[1], value: part[2]}
	switch {
	case strings.HasSuffix(a.By, "_at"):
		p.value, err = time.Parse(time.RFC3339Nano, part[2])
	case slices.Contains(counted, a.By):
		p.value, err = strconv.ParseInt(part[2], 10, 64)
	}
	if err != nil {
		return nil, bad
	}
	return p, nil
}

// counted are the columns that number the rows below a parent.
var counted = []string{"number", "seq"}

// unique reports whether no two rows below a parent are equal in the order.
func (a Args) unique() bool { return a.By == "id" || slices.Contains(counted, a.By) }

// order sorts s.
func (a Args) order(s *sql.Selector) []string {
	dir := sql.Asc
	if a.Desc {
		dir = sql.Desc
	}
	if a.unique() {
		return []string{dir(s.C(a.By))}
	}
	return []string{dir(s.C(a.By)), dir(s.C("id"))}
}

// more is how many rows a page is read from: one more than it has tells whether
// there are more.
func (a Args) more() int { return a.First + 1 }

// from keeps the rows after p, all if that is nil. It compares as the rows are sorted, so that an
// index leads to the first of them, however far that is from the beginning.
func (a Args) from(p *position) func(*sql.Selector) {
	return func(s *sql.Selector) {
		if p == nil {
			return
		}
		further, both := sql.GT, sql.CompositeGT
		if a.Desc {
			further, both = sql.LT, sql.CompositeLT
		}
		switch {
		case a.By == "id":
			s.Where(further(s.C("id"), p.id))
		case a.unique():
			s.Where(further(s.C(a.By), p.value))
		default:
			s.Where(both([]string{s.C(a.By), s.C("id")}, p.value, p.id))
		}
	}
}
