package graph_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
)

// builder makes operations of the schema with the values of examples.
type builder struct {
	t      testing.TB
	schema *ast.Schema
	// pick says whose objects the value at a coordinate names.
	pick func(coordinate string) cast
	// named are the coordinates of ids that were used.
	named []string
}

// call is an operation with its variables.
type call struct {
	name, text string
	v          vars
}

// calls are the operations of a root field, one for each value to try.
func (b *builder) calls(root *ast.Definition, f *ast.FieldDefinition) []call {
	declared, passed, lists := []string{}, []string{}, map[string][]any{}
	for _, a := range f.Arguments {
		values := b.values(a.Type, root.Name+"."+f.Name+"."+a.Name, a.Name, a.DefaultValue != nil)
		if len(values) == 0 {
			continue
		}
		declared = append(declared, fmt.Sprintf("$%s: %s", a.Name, a.Type))
		passed = append(passed, fmt.Sprintf("%s: $%s", a.Name, a.Name))
		lists[a.Name] = values
	}
	text := strings.ToLower(root.Name) + brackets(declared) + " { " + f.Name + brackets(passed) + b.selection(f.Type.Name(), 2) + " }"
	var out []call
	for _, v := range combine(lists) {
		out = append(out, call{root.Name + "." + f.Name, text, v})
	}
	return out
}

func brackets(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return "(" + strings.Join(list, ", ") + ")"
}

// combine takes the first value of each list, and then, one at a time, the
// others.
func combine(lists map[string][]any) []vars {
	first := vars{}
	for k, l := range lists {
		first[k] = l[0]
	}
	out := []vars{first}
	for _, k := range slices.Sorted(maps.Keys(lists)) { // the same order for every cast
		for _, v := range lists[k][1:] {
			next := maps.Clone(first)
			next[k] = v
			out = append(out, next)
		}
	}
	return out
}

// values are what to try at a coordinate; none leaves it out.
func (b *builder) values(typ *ast.Type, coordinate, name string, hasDefault bool) []any {
	b.t.Helper()
	if ex, ok := examples[coordinate]; ok {
		if typ.Name() == "ID" {
			b.named = append(b.named, coordinate)
		}
		return listed(typ, ex(b.pick(coordinate)))
	}
	def := b.schema.Types[typ.Name()]
	switch {
	case def.Kind == ast.InputObject:
		return listed(typ, b.objects(def))
	case def.Kind == ast.Enum:
		return listed(typ, []any{def.EnumValues[0].Name})
	case name == "clientMutationId" || name == "idempotencyKey" || hasDefault:
		return nil
	case typ.Name() == "ID" || typ.Name() == "String" || typ.NonNull:
		b.t.Errorf("%s has no example: it may name an object of somebody else", coordinate)
	}
	return nil
}

// listed wraps values that are to be in a list and are none.
func listed(typ *ast.Type, values []any) []any {
	for i, v := range values {
		if _, is := v.([]any); typ.Elem != nil && !is {
			values[i] = []any{v}
		}
	}
	return values
}

func (b *builder) objects(def *ast.Definition) []any {
	lists := map[string][]any{}
	var out []any
	for _, f := range def.Fields {
		values := b.values(f.Type, def.Name+"."+f.Name, f.Name, f.DefaultValue != nil)
		if len(values) == 0 {
			continue
		}
		if def.Directives.ForName("oneOf") != nil {
			for _, v := range values {
				out = append(out, vars{f.Name: v})
			}
			continue
		}
		lists[f.Name] = values
	}
	if out != nil {
		return out
	}
	for _, v := range combine(lists) {
		out = append(out, v)
	}
	return out
}

// selection selects what a type has down to a depth.
func (b *builder) selection(name string, depth int) string {
	def := b.schema.Types[name]
	if def.IsLeafType() {
		return ""
	}
	if !def.IsAbstractType() {
		return " { " + b.fields(def, depth, map[string]string{}) + " }"
	}
	parts, shapes := []string{"__typename"}, map[string]string{}
	for _, possible := range b.schema.GetPossibleTypes(def) {
		parts = append(parts, "... on "+possible.Name+" { "+b.fields(possible, 1, shapes)+" }")
	}
	return " { " + strings.Join(parts, " ") + " }"
}

// fields selects the fields of an object. One that has another type than one of
// that name in shapes gets another name.
func (b *builder) fields(def *ast.Definition, depth int, shapes map[string]string) string {
	parts := []string{"__typename"}
	for _, f := range def.Fields {
		below := b.schema.Types[f.Type.Name()]
		needs := slices.ContainsFunc(f.Arguments, func(a *ast.ArgumentDefinition) bool { return a.Type.NonNull && a.DefaultValue == nil })
		if strings.HasPrefix(f.Name, "__") || needs || !below.IsLeafType() && (depth <= 1 || below.IsAbstractType()) {
			continue
		}
		alias := ""
		if shape, taken := shapes[f.Name]; taken && shape != f.Type.String() {
			alias = strings.ToLower(def.Name) + "_" + f.Name + ": "
		} else {
			shapes[f.Name] = f.Type.String()
		}
		parts = append(parts, alias+f.Name+b.selection(f.Type.Name(), depth-1))
	}
	return strings.Join(parts, " ")
}
