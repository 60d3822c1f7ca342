package guard

import (
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/davitdev/davit/internal/fault"
)

// checkRoot counts the response keys at the root of op: each is a resolver
// call of its own, a thousand aliases of login as well.
func (l Limits) checkRoot(fragments map[string]*ast.FragmentDefinition, op *ast.OperationDefinition) *fault.Error {
	keys := map[string]bool{}
	repeats := map[string]int{}
	spread := map[string]bool{}
	var collect func(ast.SelectionSet)
	collect = func(set ast.SelectionSet) {
		for _, sel := range set {
			switch sel := sel.(type) {
			case *ast.Field:
				if !keys[sel.Alias] {
					keys[sel.Alias] = true
					repeats[sel.Name]++
				}
			case *ast.InlineFragment:
				collect(sel.SelectionSet)
			case *ast.FragmentSpread:
				if f := fragments[sel.Name]; f != nil && !spread[sel.Name] {
					spread[sel.Name] = true
					collect(f.SelectionSet)
				}
			}
		}
	}
	collect(op.SelectionSet)
	if len(keys) > l.RootFields {
		return fault.New(fault.QueryTooComplex, "The operation has %d root fields; at most %d are allowed.", len(keys), l.RootFields)
	}
	for name, n := range repeats {
		if n > l.Repeats {
			return fault.New(fault.QueryTooComplex, "The operation asks for %s %d times; at most %d times are allowed.", name, n, l.Repeats)
		}
	}
	return nil
}
