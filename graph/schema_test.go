package graph_test

import (
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/davitdev/davit/schema"
)

// sdl is the public schema, parsed.
func sdl(t testing.TB) *ast.Schema {
	t.Helper()
	text, err := schema.SDL()
	check(t, err)
	s, err := gqlparser.LoadSchema(&ast.Source{Name: "schema", Input: text})
	check(t, err)
	return s
}

func TestEverythingInTheSchemaIsDescribed(t *testing.T) {
	t.Parallel()
	seen := 0
	told := func(text, what string) {
		seen++
		if !strings.HasSuffix(strings.TrimSpace(text), ".") {
			t.Errorf("%s has no description that is a sentence: %q", what, text)
		}
	}
	for name, def := range sdl(t).Types {
		if def.BuiltIn {
			continue
		}
		told(def.Description, name)
		for _, f := range def.Fields {
			if strings.HasPrefix(f.Name, "__") {
				continue
			}
			told(f.Description, name+"."+f.Name)
			for _, a := range f.Arguments {
				told(a.Description, name+"."+f.Name+"("+a.Name+")")
			}
		}
		for _, v := range def.EnumValues {
			told(v.Description, name+"."+v.Name)
		}
	}
	if seen < 500 {
		t.Errorf("only %d things were looked at", seen)
	}
}

func TestConnectionsAreRelays(t *testing.T) {
	t.Parallel()
	s := sdl(t)
	for name, def := range s.Types {
		item, is := strings.CutSuffix(name, "Connection")
		if !is {
			continue
		}
		for field, want := range map[string]string{"edges": "[" + item + "Edge!]!", "nodes": "[" + item + "!]!", "pageInfo": "PageInfo!"} {
			if f := def.Fields.ForName(field); f == nil || f.Type.String() != want {
				t.Errorf("%s has no %s: %s", name, field, want)
			}
		}
		edge := s.Types[item+"Edge"]
		if edge == nil || edge.Fields.ForName("node").Type.String() != item+"!" || edge.Fields.ForName("cursor").Type.String() != "Cursor!" {
			t.Errorf("%sEdge is none", item)
		}
	}
	for _, def := range s.Types {
		for _, f := range def.Fields {
			if !strings.HasSuffix(f.Type.Name(), "Connection") {
				continue
			}
			first, after := f.Arguments.ForName("first"), f.Arguments.ForName("after")
			if first == nil || first.DefaultValue == nil || first.DefaultValue.Raw != "20" || after == nil || after.Type.String() != "Cursor" {
				t.Errorf("%s.%s takes no first: Int! = 20, after: Cursor", def.Name, f.Name)
			}
		}
	}
}

func TestMutationsTakeOneInputAndEchoTheirID(t *testing.T) {
	t.Parallel()
	s := sdl(t)
	for _, f := range s.Mutation.Fields {
		name := strings.ToUpper(f.Name[:1]) + f.Name[1:]
		if len(f.Arguments) != 1 || f.Arguments[0].Name != "input" || f.Arguments[0].Type.String() != name+"Input!" || f.Type.String() != name+"Payload!" {
			t.Errorf("%s does not take one %sInput and return a %sPayload", f.Name, name, name)
			continue
		}
		for _, def := range []string{name + "Input", name + "Payload"} {
			if s.Types[def].Fields.ForName("clientMutationId") == nil {
				t.Errorf("%s has no clientMutationId", def)
			}
		}
	}
}
