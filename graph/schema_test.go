package graph_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
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

// undescribed are the types, fields, arguments, enum values and directives of s
// without a description in the style of the house: sentences or short phrases
// that begin with a capital, a digit or a name in backquotes, end with a full
// stop, and say more than the name does. It returns how many it looked at, too.
func undescribed(s *ast.Schema) (wrong []string, seen int) {
	told := func(text, name string, path ...string) {
		seen++
		text = strings.TrimSpace(text)
		switch first, _ := utf8.DecodeRuneInString(text); {
		case text == "":
			wrong = append(wrong, strings.Join(path, "")+name+" has no description")
		case !strings.HasSuffix(text, ".") || !unicode.IsUpper(first) && !unicode.IsDigit(first) && first != '`':
			wrong = append(wrong, fmt.Sprintf("%s%s has a description that is no sentence: %q", strings.Join(path, ""), name, text))
		case strings.EqualFold(strings.Trim(text, "`."), name):
			wrong = append(wrong, fmt.Sprintf("%s%s is described by its name", strings.Join(path, ""), name))
		}
	}
	for name, def := range s.Types {
		if def.BuiltIn {
			continue
		}
		told(def.Description, name)
		for _, f := range def.Fields {
			if strings.HasPrefix(f.Name, "__") {
				continue
			}
			told(f.Description, f.Name, name, ".")
			for _, a := range f.Arguments {
				told(a.Description, a.Name, name, ".", f.Name, ", ")
			}
		}
		for _, v := range def.EnumValues {
			told(v.Description, v.Name, name, ".")
		}
	}
	for name, def := range s.Directives {
		if def.Position.Src.BuiltIn {
			continue
		}
		told(def.Description, name, "@")
		for _, a := range def.Arguments {
			told(a.Description, a.Name, "@", name, ", ")
		}
	}
	slices.Sort(wrong)
	return wrong, seen
}

func TestEverythingInTheSchemaIsDescribed(t *testing.T) {
	t.Parallel()
	wrong, seen := undescribed(sdl(t))
	for _, w := range wrong {
		t.Error(w)
	}
	if seen < 500 {
		t.Errorf("only %d things were looked at", seen)
	}
}

func TestWhatIsNotDescribedIsFound(t *testing.T) {
	t.Parallel()
	s, err := gqlparser.LoadSchema(&ast.Source{Name: "bad", Input: `
type Query { "fine but for its capital." a("Which." b: Int, c: Int): E }
"An input." input I @oneOf { "Field." x: Int  y: Int }
"Values." enum E { "No stop" A B }
"A union." union U = V
"One." type V { "V." v: Int "Of 1." w: Int "` + "`null`" + ` if unknown." z: Int }
directive @d("How." e: Int, f: Int) on FIELD
`})
	check(t, err)
	got, _ := undescribed(s)
	want := []string{
		"@d has no description", "@d, f has no description", `E.A has a description that is no sentence: "No stop"`, "E.B has no description",
		"I.y has no description", "Query has no description", "Query.a has a description that is no sentence: \"fine but for its capital.\"",
		"Query.a, c has no description", "V.v is described by its name",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
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
