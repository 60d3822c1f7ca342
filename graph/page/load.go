package page

import (
	"context"
	"fmt"
	"sync"

	"entgo.io/ent/dialect/sql"
)

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
	q := from().Where(P(l.below(parents)))
	for _, f := range l.Filter {
		q = q.Where(P(f))
	}
	counted := q.Clone()
	totals := sync.OnceValues(func() (map[string]int, error) {
		return countBy(ctx, counted.Where(P(l.group)).Aggregate(A(l.parentColumn), A(countAll)))
	})
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
