package guard

import (
	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/davitdev/davit/internal/fault"
)

// oneStream refuses a subscription to anything but one stream
// (https://spec.graphql.org/October2021/#sec-Single-root-field). Validation
// counts the fields by their names and does not see variables: it lets two
// aliases of one field pass, and one that is skipped.
func oneStream(op *graphql.OperationContext) *gqlerror.Error {
	if op.Operation.Operation != ast.Subscription {
		return nil
	}
	if n := len(graphql.CollectFields(op, op.Operation.SelectionSet, []string{"Subscription"})); n != 1 {
		return present(fault.New(fault.GraphQLValidation, "A subscription asks for exactly one stream; this one asks for %d.", n))
	}
	return nil
}
