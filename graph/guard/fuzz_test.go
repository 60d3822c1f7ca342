package guard_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

// naive expands a document as a fool would, one node at a time, and stops
// once there are more fields than limit.
type naive struct {
	doc   *ast.QueryDocument
	limit int
	count int
}

func (n *naive) expand(set ast.SelectionSet) {
	for _, sel := range set {
		if n.count > n.limit {
			return
		}
		switch sel := sel.(type) {
		case *ast.Field:
			n.count++
			n.expand(sel.SelectionSet)
		case *ast.InlineFragment:
			n.expand(sel.SelectionSet)
		case *ast.FragmentSpread:
			if f := n.doc.Fragments.ForName(sel.Name); f != nil {
				n.expand(f.SelectionSet)
			}
		}
	}
}

// Whatever parses, the guard answers without a panic, and an operation it lets
// through is one that expands to no more fields than allowed.
func FuzzGuard(f *testing.F) {
	for _, seed := range []string{
		introspection,
		"{viewer{id}}",
		"query($s:Source,$n:Int=3){pick(source:$s) projects(first:$n){nodes{id}}}",
		"subscription{nothing}",
		"mutation A{a:login(name:\"x\"){id}} mutation B{login(name:\"y\"){friend{id}}}",
		"{viewer{...A}} fragment A on User{friend{...B}} fragment B on User{a:id b:id}",
		"{viewer{...A}} fragment A on User{friend{...A}}",
		"{viewer{...A}} fragment A on User{id} fragment A on User{name}",
		"{viewer{...A ...A @include(if:true)}} fragment A on User{...B ...B} fragment B on User{...C ...C} fragment C on User{id}",
		"{projects(first:99999999999999999999){edges{node{environments(first:-1){nodes{logs(limit:null){text}}}}}}}",
		"{nodes(ids:[\"a\",[\"b\"],$c]){id}}",
		"{a:b:c{}}",
		"fragment on on on{on}",
	} {
		f.Add(seed, `{"s":{"image":"a"},"n":2}`)
	}
	f.Add("query($s:Source){pick(source:$s)}", `{"s":{"git":{"url":"u","ref":{}}}}`)
	f.Add("query($l:[Source!]){pick(sources:$l)}", `{"l":{"image":[[{}]]}}`)

	es := load(f)
	f.Fuzz(func(t *testing.T, query, variables string) {
		g := house()
		exec := executor.New(es)
		exec.Use(g)
		params := &graphql.RawParams{Query: query}
		dec := json.NewDecoder(strings.NewReader(variables))
		dec.UseNumber()
		if dec.Decode(&params.Variables) != nil {
			params.Variables = nil
		}
		refused := g.MutateOperationParameters(t.Context(), params) != nil
		_, errs := exec.CreateOperationContext(graphql.StartOperationTrace(t.Context()), params)
		if refused && len(errs) == 0 {
			t.Error("refused alone, but not in the executor")
		}
		doc, err := parser.ParseQuery(&ast.Source{Input: query})
		if err != nil || refused {
			return
		}
		for _, op := range doc.Operations {
			n := naive{doc: doc, limit: g.Limits.Fields}
			if n.expand(op.SelectionSet); n.count > n.limit {
				t.Errorf("let through an operation of more than %d fields: %s", n.limit, query)
			}
		}
	})
}
