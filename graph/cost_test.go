package graph_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/davitdev/davit/graph/generated"
	"github.com/davitdev/davit/graph/guard"
)

// arguments are the ones a field cannot do without, and first if it takes one.
// ok is false if one of them is an object.
func arguments(s *ast.Schema, f *ast.FieldDefinition, first int) (text string, ok bool) {
	var list []string
	for _, a := range f.Arguments {
		switch def := s.Types[a.Type.Name()]; {
		case a.Name == "first":
			list = append(list, fmt.Sprintf("first:%d", first))
		case !a.Type.NonNull || a.DefaultValue != nil:
		case def.Kind == ast.InputObject:
			return "", false
		case def.Kind == ast.Enum:
			list = append(list, a.Name+":"+def.EnumValues[0].Name)
		case def.Name == "Int":
			list = append(list, a.Name+":1")
		default:
			list = append(list, a.Name+`:"x"`)
		}
	}
	return brackets(list), true
}

// paths are, for every object that a query reaches, what leads to it.
func paths(s *ast.Schema) map[string]string {
	out := map[string]string{s.Query.Name: "{"}
	for queue := []*ast.Definition{s.Query}; len(queue) > 0; queue = queue[1:] {
		for _, f := range queue[0].Fields {
			def := s.Types[f.Type.Name()]
			args, ok := arguments(s, f, 1)
			if !ok || def.IsLeafType() || strings.HasPrefix(f.Name, "__") {
				continue
			}
			for _, to := range s.GetPossibleTypes(def) {
				if _, known := out[to.Name]; known {
					continue
				}
				out[to.Name] = out[queue[0].Name] + f.Name + args + "{...on " + to.Name + "{"
				queue = append(queue, to)
			}
		}
	}
	return out
}

// The guard knows a page by its arguments and the name of its type: no
// connection may be cheaper than what it can be asked for.
func TestEveryConnectionCostsWhatItsPageHas(t *testing.T) {
	t.Parallel()
	s := sdl(t)
	limits := guard.DefaultLimits()
	limits.Cost = 99
	g := &guard.Guard{Limits: limits, PageSize: 1, ListSize: 1, Known: guard.NewCache(10)}
	exec := executor.New(generated.NewExecutableSchema(generated.Config{}))
	exec.Use(g)
	refused := func(query string) any {
		_, errs := exec.CreateOperationContext(graphql.StartOperationTrace(context.WithoutCancel(t.Context())), &graphql.RawParams{Query: query})
		if len(errs) == 0 {
			return nil
		}
		return errs[0].Extensions["code"]
	}
	seen, path := 0, paths(s)
	for _, def := range s.Types {
		for _, f := range def.Fields {
			if !strings.HasSuffix(f.Type.Name(), "Connection") || def.Kind != ast.Object {
				continue
			}
			seen++
			page := func(n int) string {
				args, _ := arguments(s, f, n)
				open := path[def.Name] + f.Name + args + "{nodes{__typename}}"
				return open + strings.Repeat("}", strings.Count(open, "{")-strings.Count(open, "}"))
			}
			if code := refused(page(1)); code != nil {
				t.Errorf("one of %s.%s is refused: %v for %s", def.Name, f.Name, code, page(1))
			}
			if code := refused(page(100)); code != "QUERY_TOO_COMPLEX" {
				t.Errorf("a hundred of %s.%s cost less than a hundred: %v", def.Name, f.Name, code)
			}
		}
	}
	if seen < 10 {
		t.Errorf("only %d connections were looked at", seen)
	}
}
