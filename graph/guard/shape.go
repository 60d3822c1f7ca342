package guard

import (
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/davitdev/davit/internal/fault"
)

// shape is what a selection expands to.
type shape struct {
	depth         int // of fields
	introspection int // of fields from an introspection field on
	fields        int
	aliases       int
}

func (s shape) beside(t shape) shape {
	return shape{
		depth:         max(s.depth, t.depth),
		introspection: max(s.introspection, t.introspection),
		fields:        add(s.fields, t.fields),
		aliases:       add(s.aliases, t.aliases),
	}
}

// surveyor measures the selections of one document. It looks at each node
// once, because it keeps the shape of every fragment.
type surveyor struct {
	fragments map[string]*ast.FragmentDefinition
	measured  map[string]shape
	under     map[string]bool // fragments being measured

	mentions   int    // definitions and spreads of fragments, seen so far
	duplicates int    // seen so far
	directives int    // seen so far
	inputDepth int    // deepest literal so far
	cycle      string // a fragment that spreads itself
	deferred   bool
}

// check measures doc and compares it with the limits.
func (l Limits) check(doc *ast.QueryDocument) *fault.Error {
	s := surveyor{
		fragments: make(map[string]*ast.FragmentDefinition, len(doc.Fragments)),
		measured:  make(map[string]shape, len(doc.Fragments)),
		under:     map[string]bool{},
		mentions:  len(doc.Fragments),
	}
	for _, f := range doc.Fragments {
		s.look(f.Directives)
		if s.fragments[f.Name] == nil { // of two with one name the first counts, as in validation
			s.fragments[f.Name] = f
		}
	}
	var widest shape
	for _, op := range doc.Operations {
		s.look(op.Directives)
		for _, v := range op.VariableDefinitions {
			s.look(v.Directives)
			s.literal(v.DefaultValue, 0)
		}
		widest = widest.beside(s.selection(op.SelectionSet))
		if err := l.checkRoot(s.fragments, op); err != nil {
			return err
		}
	}
	for _, f := range doc.Fragments { // also what no operation spreads
		if s.fragments[f.Name] == f {
			s.fragment(f.Name)
		} else {
			s.selection(f.SelectionSet)
		}
	}
	if s.cycle != "" {
		return fault.New(fault.QueryTooComplex, "The fragment %s contains itself, so the query would never end.", s.cycle)
	}
	if s.deferred {
		return fault.New(fault.GraphQLValidation, "The directive @defer is not supported.")
	}
	return l.compare(widest, s)
}

func (l Limits) compare(widest shape, s surveyor) *fault.Error {
	for _, c := range []struct {
		n, limit int
		format   string
	}{
		{widest.depth, l.Depth, "The query nests fields %s levels deep; at most %d are allowed."},
		{widest.introspection, l.IntrospectionDepth, "The introspection nests fields %s levels deep; at most %d are allowed."},
		{widest.fields, l.Fields, "The query has %s fields once its fragments are expanded; at most %d are allowed."},
		{widest.aliases, l.Aliases, "The query has %s aliases once its fragments are expanded; at most %d are allowed."},
		{s.mentions, l.Fragments, "The document defines and spreads %s fragments; at most %d are allowed."},
		{s.duplicates, l.Duplicates, "The document repeats %s fields in the same selections; at most %d are allowed."},
		{s.directives, l.Directives, "The document has %s directives; at most %d are allowed."},
		{s.inputDepth, l.InputDepth, "An argument nests %s levels deep; at most %d are allowed."},
	} {
		if c.n > c.limit {
			return fault.New(fault.QueryTooComplex, c.format, count(c.n), c.limit)
		}
	}
	return nil
}

func (s *surveyor) selection(set ast.SelectionSet) shape {
	var sum shape
	keys := make(map[string]struct{}, len(set))
	fields := 0
	for _, sel := range set {
		switch sel := sel.(type) {
		case *ast.Field:
			fields++
			keys[sel.Alias] = struct{}{}
			sum = sum.beside(s.field(sel))
		case *ast.InlineFragment:
			s.mentions++
			s.look(sel.Directives)
			sum = sum.beside(s.selection(sel.SelectionSet))
		case *ast.FragmentSpread:
			s.mentions++
			s.look(sel.Directives)
			sum = sum.beside(s.fragment(sel.Name))
		}
	}
	s.duplicates += fields - len(keys)
	return sum
}

func (s *surveyor) field(f *ast.Field) shape {
	s.look(f.Directives)
	s.arguments(f.Arguments)
	out := s.selection(f.SelectionSet)
	out.depth++
	out.fields = add(out.fields, 1)
	if f.Alias != f.Name {
		out.aliases = add(out.aliases, 1)
	}
	if f.Name == "__schema" || f.Name == "__type" {
		out.introspection = max(out.introspection, out.depth)
		out.depth = 1
	}
	return out
}

func (s *surveyor) fragment(name string) shape {
	if known, ok := s.measured[name]; ok {
		return known
	}
	f := s.fragments[name]
	if f == nil {
		return shape{} // validation says so
	}
	if s.under[name] {
		s.cycle = name
		return shape{}
	}
	s.under[name] = true
	out := s.selection(f.SelectionSet)
	delete(s.under, name)
	s.measured[name] = out
	return out
}

func (s *surveyor) look(list ast.DirectiveList) {
	s.directives += len(list)
	for _, d := range list {
		s.deferred = s.deferred || d.Name == "defer"
		s.arguments(d.Arguments)
	}
}

func (s *surveyor) arguments(list ast.ArgumentList) {
	for _, a := range list {
		s.literal(a.Value, 0)
	}
}

func (s *surveyor) literal(v *ast.Value, depth int) {
	if v == nil {
		return
	}
	s.inputDepth = max(s.inputDepth, depth)
	for _, child := range v.Children {
		s.literal(child.Value, depth+1)
	}
}
