package graph

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/davitdev/davit/graph/transport"
	"github.com/davitdev/davit/internal/principal"
)

// scoped refuses a mutation that shows a token without the scope READ more than
// what the mutation is about: the objects of its payload with what they are
// themselves, but nothing that those lead to. It does so before anything has
// changed. Queries and subscriptions ask for the scope at their roots.
type scoped struct{ *Resolver }

func (scoped) ExtensionName() string                   { return "Scoped" }
func (scoped) Validate(graphql.ExecutableSchema) error { return nil }

func (s scoped) MutateOperationContext(ctx context.Context, op *graphql.OperationContext) *gqlerror.Error {
	p, err := principal.From(ctx)
	if err != nil || p.Allows(principal.Read) || op.Operation.Operation != ast.Mutation { // nobody can but sign in
		return nil //nolint:nilerr // without a principal there is only signing in
	}
	if !leadsOn(op.Operation.SelectionSet, 0) {
		return nil
	}
	return transport.Present(classify(ctx, s.Log, readable(ctx), nil))
}

// leadsOn reports whether a selection, so many fields below the root of a
// mutation, asks for more than the objects of payloads.
func leadsOn(set ast.SelectionSet, below int) bool {
	const object = 2 // of a payload, below it and the mutation
	for _, sel := range set {
		switch sel := sel.(type) {
		case *ast.Field:
			if len(sel.SelectionSet) > 0 && (below >= object || leadsOn(sel.SelectionSet, below+1)) {
				return true
			}
		case *ast.InlineFragment:
			if leadsOn(sel.SelectionSet, below) {
				return true
			}
		case *ast.FragmentSpread:
			if leadsOn(sel.Definition.SelectionSet, below) {
				return true
			}
		}
	}
	return false
}
