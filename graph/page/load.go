package page

import (
	"context"
	"fmt"
	"sync"
	"time"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql"
)

// countLimit bounds how long the lists of a page are counted.
const countLimit = 30 * time.Second

// Query is what this package asks of ent's query builder Q of a type T.
type Query[Q any, P, O ~func(*sql.Selector), A ~func(*sql.Selector) string, S Scanner, T any] interface {
	Where(...P) Q
	Order(...O) Q
	Limit(int) Q
	All(context.Context) ([]T, error)
	Aggregate(...A) S
	Clone() Q
}

// Scanner reads the rows of a query that is no longer one of entities.
type Scanner interface {
	Scan(context.Context, any) error
}

// List describes a list of rows below a parent.
type List[T any] struct {
	// Parent is the column that names the parent.
	Parent   string
	ParentOf func(T) string
	IDOf     func(T) string
	// ValueOf returns a row's value of the column by.
	ValueOf func(row T, by string) any
	Filter  []func(*sql.Selector)
}

// Load returns the wanted page below each parent, in one query. One more counts
// the lists of all parents, once somebody wants to know. from makes a fresh
// query of all rows.
func Load[Q Query[Q, P, O, A, S, T], P, O ~func(*sql.Selector), A ~func(*sql.Selector) string, S Scanner, T any](ctx context.Context, from func() Q, l List[T], parents []string, a Args) (map[string]*Connection[T], error) {
	p, err := a.position()
	if err != nil {
		return nil, err
	}
	totals := sync.OnceValues(func() (map[string]int, error) {
		// It is asked for after the page: whoever loads for several ends ctx by then.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), countLimit)
		defer cancel()
		return countBy(ctx, from().Where(P(l.below(parents)), P(l.filter), P(l.group)).Aggregate(A(l.parentColumn), A(countAll)))
	})
	q := from()
	if len(parents) > 1 {
		q = q.Where(P(l.firstOfEach(parents, a, p)))
	} else {
		q = q.Where(P(l.below(parents)), P(l.filter), P(a.from(p))).Limit(a.more())
	}
	rows, err := q.Order(O(func(s *sql.Selector) { s.OrderBy(a.order(s)...) })).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("load page: %w", err)
	}
	out := make(map[string]*Connection[T], len(parents))
	for _, parent := range parents {
		out[parent] = &Connection[T]{args: a, list: l, total: func() (int, error) {
			counts, err := totals()
			return counts[parent], err
		}}
	}
	for _, r := range rows {
		c := out[l.ParentOf(r)]
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
		ids := make([]any, len(parents))
		for i, id := range parents {
			ids[i] = id
		}
		s.Where(sql.In(s.C(l.Parent), ids...))
	}
}

// filter keeps the rows that are wanted.
func (l List[T]) filter(s *sql.Selector) {
	for _, f := range l.Filter {
		f(s)
	}
}

// The columns of a count.
const parentAs, countAs = "parent", "n"

func (l List[T]) group(s *sql.Selector) { s.GroupBy(s.C(l.Parent)) }

func (l List[T]) parentColumn(s *sql.Selector) string { return sql.As(s.C(l.Parent), parentAs) }

func countAll(*sql.Selector) string { return sql.As(sql.Count("*"), countAs) }

// countBy reads how many rows each parent has; one without rows is missing.
func countBy(ctx context.Context, q Scanner) (map[string]int, error) {
	var rows []struct {
		Parent string `sql:"parent"`
		N      int    `sql:"n"`
	}
	if err := q.Scan(ctx, &rows); err != nil {
		return nil, fmt.Errorf("count: %w", err)
	}
	out := make(map[string]int, len(rows))
	for _, r := range rows {
		out[r.Parent] = r.N
	}
	return out, nil
}

// firstOfEach keeps the first rows of each parent, and one more. It looks at no
// others, however many there are: the page of each parent is a query of its
// own, in which the index of the order ends at the limit.
func (l List[T]) firstOfEach(parents []string, a Args, p *position) func(*sql.Selector) {
	return func(s *sql.Selector) {
		rows := sql.Table(s.TableName())
		one := sql.Dialect(s.Dialect()).Select(rows.C("id")).From(rows)
		one.Where(sql.P(func(b *sql.Builder) { b.Ident(one.C(l.Parent)).WriteString(" = parents.column1") }))
		l.filter(one)
		a.from(p)(one)
		one.OrderBy(a.order(one)...).Limit(a.more())
		s.Where(sql.P(func(b *sql.Builder) {
			b.Ident(s.C("id")).WriteString(" IN (SELECT page.id FROM (VALUES ")
			for i, id := range parents {
				if i > 0 {
					b.Comma()
				}
				b.Wrap(func(b *sql.Builder) { b.Arg(id) })
			}
			b.WriteString(") AS parents CROSS JOIN ")
			if s.Dialect() == dialect.Postgres {
				b.WriteString("LATERAL ").Wrap(func(b *sql.Builder) { b.Join(one) }).WriteString(" AS page)")
				return
			}
			// SQLite has no LATERAL, and joins what is crossed from left to right.
			b.Ident(s.TableName()).WriteString(" AS page WHERE page.id IN ").Wrap(func(b *sql.Builder) { b.Join(one) }).WriteByte(')')
		}))
	}
}
