// Package page cuts lists of rows into pages: Relay connections by keyset, for
// one parent or for many parents in one query.
package page

import (
	"context"
	"encoding/base64"
	"fmt"
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
}

// New checks what a client asked for.
func New(first int, after *string, by string, desc bool) (Args, error) {
	if first < 0 || first > Max {
		return Args{}, fault.At("first", fault.Invalid, "Ask for 0 to %d items at a time; this asks for %d.", Max, first)
	}
	a := Args{First: first, By: by, Desc: desc}
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
	if _, ok := ident.KindOf(part[1]); !ok {
		return nil, bad
	}
	p := &position{id: part[1], value: part[2]}
	switch {
	case strings.HasSuffix(a.By, "_at"):
		p.value, err = time.Parse(time.RFC3339Nano, part[2])
	case a.By == "seq":
		p.value, err = strconv.ParseInt(part[2], 10, 64)
	}
	if err != nil {
		return nil, bad
	}
	return p, nil
}

// order sorts s.
func (a Args) order(s *sql.Selector) []string {
	dir := sql.Asc
	if a.Desc {
		dir = sql.Desc
	}
	if a.By == "id" {
		return []string{dir(s.C("id"))}
	}
	return []string{dir(s.C(a.By)), dir(s.C("id"))}
}

// beyond keeps the rows after p.
func (a Args) beyond(p *position) func(*sql.Selector) {
	return func(s *sql.Selector) {
		further := sql.GT
		if a.Desc {
			further = sql.LT
		}
		if a.By == "id" {
			s.Where(further(s.C("id"), p.id))
			return
		}
		s.Where(sql.Or(further(s.C(a.By), p.value), sql.And(sql.EQ(s.C(a.By), p.value), further(s.C("id"), p.id))))
	}
}

// Query is what this package asks of ent's query builder Q of a type T.
type Query[Q any, P, O ~func(*sql.Selector), T any] interface {
	Where(...P) Q
	Order(...O) Q
	Limit(int) Q
	All(context.Context) ([]T, error)
	Count(context.Context) (int, error)
	Clone() Q
}

// List describes a list of rows below a parent.
type List[T any] struct {
	// Parent is the column that names the parent, "" for a list without one.
	Parent   string
	ParentOf func(T) string
	IDOf     func(T) string
	// ValueOf returns a row's value of the column by.
	ValueOf func(row T, by string) any
	Filter  []func(*sql.Selector)
}

// Load returns the wanted page below each parent, in one query. from makes a
// fresh query of all rows.
func Load[Q Query[Q, P, O, T], P, O ~func(*sql.Selector), T any](ctx context.Context, from func() Q, l List[T], parents []string, a Args) (map[string]*Connection[T], error) {
	p, err := a.position()
	if err != nil {
		return nil, err
	}
	q := from().Where(P(l.below(parents)))
	for _, f := range l.Filter {
		q = q.Where(P(f))
	}
	counted := q.Clone()
	if p != nil {
		q = q.Where(P(a.beyond(p)))
	}
	if len(parents) > 1 {
		q = q.Where(P(l.window(parents, a, p)))
	} else {
		q = q.Limit(a.First + 1) // one more tells whether there are more
	}
	rows, err := q.Order(O(func(s *sql.Selector) { s.OrderBy(a.order(s)...) })).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("load page: %w", err)
	}
	out := make(map[string]*Connection[T], len(parents))
	for _, parent := range parents {
		out[parent] = &Connection[T]{args: a, list: l, total: func(ctx context.Context) (int, error) {
			return counted.Clone().Where(P(l.below([]string{parent}))).Count(ctx)
		}}
	}
	for _, r := range rows {
		parent := parents[0]
		if l.Parent != "" {
			parent = l.ParentOf(r)
		}
		c := out[parent]
		if len(c.nodes) == a.First {
			c.more = true
			continue
		}
		c.nodes = append(c.nodes, r)
	}
	return out, nil
}

// below keeps the rows of parents.
func (l List[T]) below(parents []string) func(*sql.Selector) {
	return func(s *sql.Selector) {
		if l.Parent == "" {
			return
		}
		ids := make([]any, len(parents))
		for i, id := range parents {
			ids[i] = id
		}
		s.Where(sql.In(s.C(l.Parent), ids...))
	}
}

// window keeps the first rows of each parent, and one more.
func (l List[T]) window(parents []string, a Args, p *position) func(*sql.Selector) {
	return func(s *sql.Selector) {
		t := sql.Table(s.TableName())
		inner := sql.Dialect(s.Dialect()).Select(t.C("id")).From(t)
		l.below(parents)(inner)
		for _, f := range l.Filter {
			f(inner)
		}
		if p != nil {
			a.beyond(p)(inner)
		}
		inner.AppendSelectExprAs(sql.RowNumber().PartitionBy(inner.C(l.Parent)).OrderBy(a.order(inner)...), "nth")
		w := inner.As("w")
		s.Where(sql.In(s.C("id"), sql.Dialect(s.Dialect()).Select("id").From(w).Where(sql.LTE("nth", a.First+1))))
	}
}
