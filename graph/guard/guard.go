// Package guard refuses GraphQL operations that would cost too much, before
// any resolver runs and on every transport: it is an extension of the
// executor, not of a transport.
//
// All its checks take time linear in the size of the document. A fragment is
// measured once however often it is spread, so a kilobyte of fragments that
// spread one another a billion times is refused in microseconds. What the
// executor does with an accepted document stays bounded too, since the checks
// of the document run before its validation.
package guard

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/lexer"
	"github.com/vektah/gqlparser/v2/parser"

	"github.com/davitdev/davit/internal/fault"
)

// Guard is a gqlgen extension; give it to the executor's Use. Its fields are
// required and must not change after Validate; it is safe for concurrent use.
//
// A refused operation gets one error with the code QUERY_TOO_COMPLEX and the
// measured value beside the limit. The error wraps a *fault.Error.
//
// The cost of an operation is the sum over its fields: 1 for a field with a
// selection and 0 for a leaf, unless Weights says otherwise. Each item of a
// list of objects adds 1 and what is selected below it. The number of items is
// the largest of the arguments first, last and limit or the length of ids,
// where the field has such an argument; what they default to, or else PageSize,
// if the request leaves them out; and ListSize for lists that cannot be paged.
// The lists inside a page (edges and nodes of a connection) take the page's
// number.
type Guard struct {
	Limits   Limits
	Weights  map[string]int // own cost of a field by its coordinate, "Query.search"
	PageSize int
	ListSize int

	// Known is the executor's query cache. What is in it passed the checks of
	// the document, which are not repeated. See NewCache.
	Known graphql.Cache[*ast.QueryDocument]

	schema *ast.Schema
}

var _ interface {
	graphql.HandlerExtension
	graphql.OperationParameterMutator
	graphql.OperationContextMutator
} = (*Guard)(nil)

// ExtensionName is part of gqlgen's contract.
func (*Guard) ExtensionName() string { return "Guard" }

// Validate reports a missing limit and a weight of a field that does not
// exist. gqlgen panics with what it returns, at start.
func (g *Guard) Validate(es graphql.ExecutableSchema) error {
	errs := []error{g.Limits.validate()}
	if g.PageSize <= 0 || g.ListSize <= 0 {
		errs = append(errs, errors.New("guard: PageSize and ListSize must be set"))
	}
	if g.Known == nil {
		errs = append(errs, errors.New("guard: Known must be set"))
	}
	for coordinate := range g.Weights {
		typ, field, _ := strings.Cut(coordinate, ".")
		if def := es.Schema().Types[typ]; def == nil || def.Fields.ForName(field) == nil {
			errs = append(errs, fmt.Errorf("guard: there is no field %s to weigh", coordinate))
		}
	}
	g.schema = es.Schema()
	return errors.Join(errs...)
}

// MutateOperationParameters checks what can be known without the schema. It
// changes nothing. A document that does not parse is left to the executor,
// which says where.
func (g *Guard) MutateOperationParameters(ctx context.Context, params *graphql.RawParams) *gqlerror.Error {
	for _, v := range params.Variables {
		if tooDeep(v, g.Limits.InputDepth) {
			return refuse("The variables nest more than %d levels deep.", g.Limits.InputDepth)
		}
	}
	if _, known := g.Known.Get(ctx, params.Query); known {
		return nil
	}
	if n := len(params.Query); n > g.Limits.Bytes {
		return refuse("The document is %d bytes long; at most %d are allowed.", n, g.Limits.Bytes)
	}
	if n := tokens(params.Query); n > g.Limits.Tokens {
		return refuse("The document has %d tokens; at most %d are allowed.", n, g.Limits.Tokens)
	}
	doc, err := parser.ParseQuery(&ast.Source{Input: params.Query})
	if err != nil {
		return nil //nolint:nilerr // the executor parses again and reports it
	}
	if err := g.Limits.check(doc); err != nil {
		return present(err)
	}
	return nil
}

// MutateOperationContext checks what needs the schema and the variables. It
// changes nothing.
func (g *Guard) MutateOperationContext(_ context.Context, op *graphql.OperationContext) *gqlerror.Error {
	if err := g.oneOf(op); err != nil {
		return err
	}
	if err := oneStream(op); err != nil {
		return err
	}
	c := calculator{guard: g, variables: op.Variables, priced: map[*ast.FragmentDefinition]price{}}
	if cost := c.total(op.Operation.SelectionSet); cost > g.Limits.Cost {
		return refuse("The operation costs %s; at most %d is allowed. Ask for fewer items or fewer nested lists.",
			count(cost), g.Limits.Cost)
	}
	return nil
}

// tokens counts the tokens of document up to the first that is none.
func tokens(document string) int {
	lex := lexer.New(&ast.Source{Input: document})
	for n := 0; ; n++ {
		if tok, err := lex.ReadToken(); err != nil || tok.Kind == lexer.EOF {
			return n
		}
	}
}

// tooDeep reports whether v nests lists and objects more than limit levels.
func tooDeep(v any, limit int) bool {
	switch v := v.(type) {
	case map[string]any:
		for _, child := range v {
			if limit == 0 || tooDeep(child, limit-1) {
				return true
			}
		}
	case []any:
		for _, child := range v {
			if limit == 0 || tooDeep(child, limit-1) {
				return true
			}
		}
	}
	return false
}

func refuse(format string, args ...any) *gqlerror.Error {
	return present(fault.New(fault.QueryTooComplex, format, args...))
}

func present(err *fault.Error) *gqlerror.Error {
	return &gqlerror.Error{
		Err:        err,
		Message:    err.Message,
		Extensions: map[string]any{"code": string(err.Code)},
	}
}

// most is where sums stop growing, far above every sensible limit.
const most = 1_000_000_000

func add(a, b int) int { return min(a+b, most) }

func multiply(a, b int) int { return min(a*b, most) }

// count prints a measured number that may have stopped growing.
func count(n int) string {
	if n >= most {
		return fmt.Sprintf("more than %d", most)
	}
	return fmt.Sprint(n)
}
