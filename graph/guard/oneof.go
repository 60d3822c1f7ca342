package guard

import (
	"reflect"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/davitdev/davit/internal/fault"
)

// oneOf checks the variables of op: an input object with the directive @oneOf
// has exactly one field, and that is not null. Literals are checked by
// validation, which does not see variables.
func (g *Guard) oneOf(op *graphql.OperationContext) *gqlerror.Error {
	for _, def := range op.Operation.VariableDefinitions {
		value, given := op.Variables[def.Variable]
		if !given {
			continue
		}
		path := ast.Path{ast.PathName("variable"), ast.PathName(def.Variable)}
		if err := g.oneOfIn(def.Type, reflect.ValueOf(value), path); err != nil {
			return err
		}
	}
	return nil
}

// oneOfIn looks through value, which the executor has made fit typ: objects
// are maps, lists are slices of whatever their items are.
func (g *Guard) oneOfIn(typ *ast.Type, value reflect.Value, path ast.Path) *gqlerror.Error {
	for value.Kind() == reflect.Interface {
		value = value.Elem()
	}
	if value.Kind() == reflect.Map {
		return g.oneOfObject(g.schema.Types[typ.Name()], value, path)
	}
	if value.Kind() != reflect.Slice {
		return nil
	}
	if typ.Elem != nil {
		typ = typ.Elem
	}
	for i := range value.Len() {
		if err := g.oneOfIn(typ, value.Index(i), append(path, ast.PathIndex(i))); err != nil {
			return err
		}
	}
	return nil
}

func (g *Guard) oneOfObject(def *ast.Definition, value reflect.Value, path ast.Path) *gqlerror.Error {
	if def == nil || def.Kind != ast.InputObject {
		return nil // a scalar may be an object too
	}
	single := def.Directives.ForName("oneOf") != nil
	if single && value.Len() != 1 {
		return invalid(path, "%s takes exactly one of its fields, not %d.", def.Name, value.Len())
	}
	for _, field := range def.Fields {
		child := value.MapIndex(reflect.ValueOf(field.Name))
		if !child.IsValid() {
			continue
		}
		path := append(path, ast.PathName(field.Name))
		if single && child.Kind() == reflect.Interface && child.IsNil() {
			return invalid(path, "The one field of %s that is given must not be null.", def.Name)
		}
		if err := g.oneOfIn(field.Type, child, path); err != nil {
			return err
		}
	}
	return nil
}

func invalid(path ast.Path, format string, args ...any) *gqlerror.Error {
	err := present(fault.New(fault.GraphQLValidation, format, args...))
	err.Path = append(ast.Path(nil), path...)
	return err
}
