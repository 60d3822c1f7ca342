package guard

import (
	"encoding/json"
	"math"
	"reflect"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// price of a selection: once for the object it is selected on, and for each
// item of those of the object's lists that have no size of their own. The two
// are kept apart so that a fragment is priced once though it is spread on
// pages of different sizes.
type price struct{ once, item int }

// calculator prices one operation of a validated document. It looks at each
// node once.
type calculator struct {
	guard     *Guard
	variables map[string]any
	priced    map[*ast.FragmentDefinition]price
}

// total is the price of a selection on an object that is no page.
func (c *calculator) total(set ast.SelectionSet) int {
	return c.selection(set).of(c.guard.ListSize)
}

// of is what p comes to where the lists have n items each.
func (p price) of(n int) int { return add(p.once, multiply(n, p.item)) }

func (c *calculator) selection(set ast.SelectionSet) price {
	var sum price
	for _, sel := range set {
		var p price
		switch sel := sel.(type) {
		case *ast.Field:
			p = c.field(sel)
		case *ast.InlineFragment:
			p = c.selection(sel.SelectionSet)
		case *ast.FragmentSpread:
			p = c.fragment(sel.Definition)
		}
		sum = price{add(sum.once, p.once), add(sum.item, p.item)}
	}
	return sum
}

func (c *calculator) fragment(f *ast.FragmentDefinition) price {
	if f == nil {
		return price{}
	}
	p, known := c.priced[f]
	if !known {
		c.priced[f] = price{} // ends a cycle, which validation refuses
		p = c.selection(f.SelectionSet)
		c.priced[f] = p
	}
	return p
}

func (c *calculator) field(f *ast.Field) price {
	own := c.weight(f)
	if len(f.SelectionSet) == 0 || f.Definition == nil {
		return price{once: own}
	}
	below := c.selection(f.SelectionSet)
	n, sized := c.items(f)
	list := f.Definition.Type.Elem != nil
	switch {
	case list && sized:
		return price{once: add(own, multiply(n, add(1, below.of(c.guard.ListSize))))}
	case list:
		return price{once: own, item: add(1, below.of(c.guard.ListSize))}
	case sized:
		return price{once: add(own, below.of(n))}
	default:
		return price{once: add(own, below.of(c.guard.ListSize))}
	}
}

func (c *calculator) weight(f *ast.Field) int {
	if f.ObjectDefinition != nil {
		if w, ok := c.guard.Weights[f.ObjectDefinition.Name+"."+f.Name]; ok {
			return w
		}
	}
	if len(f.SelectionSet) > 0 {
		return 1
	}
	return 0
}

// items returns how many items f asks for, and whether f is sized at all: has
// an argument that says so, or is a connection.
func (c *calculator) items(f *ast.Field) (n int, sized bool) {
	sized = strings.HasSuffix(f.Definition.Type.Name(), "Connection")
	asked, fallback := -1, -1
	for _, name := range []string{"first", "last", "limit", "ids"} {
		def := f.Definition.Arguments.ForName(name)
		if def == nil {
			continue
		}
		sized = true
		if arg := f.Arguments.ForName(name); arg != nil {
			asked = max(asked, c.size(arg.Value))
		}
		fallback = max(fallback, c.size(def.DefaultValue))
	}
	switch {
	case asked >= 0:
		return asked, sized
	case fallback >= 0:
		return fallback, sized
	}
	return c.guard.PageSize, sized
}

// size is the number v stands for: an integer, or the length of a list; -1 if
// v is absent, null or negative.
func (c *calculator) size(v *ast.Value) int {
	if v == nil {
		return -1
	}
	if v.Kind == ast.Variable {
		return sizeOf(c.variables[v.Raw])
	}
	if v.Kind == ast.IntValue {
		return sizeOf(json.Number(v.Raw))
	}
	if v.Kind == ast.ListValue {
		return len(v.Children)
	}
	if v.Kind == ast.StringValue || v.Kind == ast.BlockValue {
		return 1 // one id where a list of them is expected
	}
	return -1
}

func sizeOf(v any) int {
	switch v := v.(type) {
	case string:
		return 1
	case int64:
		return clamp(float64(v))
	case int:
		return clamp(float64(v))
	case float64:
		return clamp(v)
	case json.Number:
		f, err := strconv.ParseFloat(v.String(), 64)
		if err != nil {
			return most // out of range, or no number: nothing cheap
		}
		return clamp(f)
	}
	if list := reflect.ValueOf(v); list.Kind() == reflect.Slice {
		return list.Len() // []any, or []string of a single value made a list
	}
	return -1
}

func clamp(f float64) int {
	if f < 0 {
		return -1
	}
	return int(math.Min(f, most))
}
