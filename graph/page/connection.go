package page

import "context"

// Connection is a page of a list. Its methods are the fields of every
// …Connection type of the API.
type Connection[T any] struct {
	args  Args
	list  List[T]
	nodes []T
	more  bool
	total func() (int, error)
}

// Edge is an item of a page with its position.
type Edge[T any] struct {
	Cursor string
	Node   T
}

// Info says where a page lies in its list.
type Info struct {
	HasNextPage     bool
	HasPreviousPage bool
	StartCursor     *string
	EndCursor       *string
}

// Nodes are the items.
func (c *Connection[T]) Nodes() []T { return c.nodes }

// Edges are the items with their cursors.
func (c *Connection[T]) Edges() []*Edge[T] {
	out := make([]*Edge[T], len(c.nodes))
	for i, n := range c.nodes {
		out[i] = &Edge[T]{Cursor: c.cursor(n), Node: n}
	}
	return out
}

// PageInfo says where the page lies.
func (c *Connection[T]) PageInfo() *Info {
	i := &Info{HasNextPage: c.more, HasPreviousPage: c.args.After != ""}
	if n := len(c.nodes); n > 0 {
		first, last := c.cursor(c.nodes[0]), c.cursor(c.nodes[n-1])
		i.StartCursor, i.EndCursor = &first, &last
	}
	return i
}

// TotalCount counts the whole list.
func (c *Connection[T]) TotalCount(context.Context) (int, error) { return c.total() }

func (c *Connection[T]) cursor(row T) string {
	return c.args.cursor(position{value: c.list.ValueOf(row, c.args.By), id: c.list.IDOf(row)})
}
