package graph_test

import (
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/davitdev/davit/internal/principal"
	"github.com/davitdev/davit/internal/store/storetest"
)

const lacksRead = "This token lacks the scope READ."

// leadsToNode reports whether an object that has an id of its own is of a type,
// or can be come to from it.
func leadsToNode(s *ast.Schema, name string, seen map[string]bool) bool {
	def := s.Types[name]
	if seen[name] || def.IsLeafType() {
		return false
	}
	seen[name] = true
	for _, possible := range s.GetPossibleTypes(def) {
		for _, i := range possible.Interfaces {
			if i == "Node" {
				return true
			}
		}
		for _, f := range possible.Fields {
			if !strings.HasPrefix(f.Name, "__") && leadsToNode(s, f.Type.Name(), seen) {
				return true
			}
		}
	}
	return false
}

// Without READ a token sees of what it changes the objects of the payload, and
// nothing of what those lead to. The schema is walked, so that this holds of
// what will be added, too.
func TestATokenThatMayNotReadSeesWhatItChangesAlone(t *testing.T) {
	t.Parallel()
	w := newWalk(t, storetest.SQLite(t))
	blind := *w.stranger
	blind.token = w.token(w.stranger.User, principal.Write, principal.Deploy, principal.Logs, principal.Secrets)
	b := &builder{t: t, schema: w.schema, pick: everywhere(w.own)}
	further := 0
	for _, f := range w.schema.Mutation.Fields {
		if strings.HasPrefix(f.Name, "__") {
			continue
		}
		c := b.calls(w.schema.Mutation, f)[0]
		head, _, _ := strings.Cut(c.text, " { ")
		for _, object := range w.schema.Types[f.Type.Name()].Fields {
			def := w.schema.Types[object.Type.Name()]
			if def.IsLeafType() || f.Name == "createSession" {
				continue
			}
			for _, next := range def.Fields {
				if strings.HasPrefix(next.Name, "__") || w.schema.Types[next.Type.Name()].IsLeafType() {
					continue
				}
				args, ok := arguments(w.schema, next, 1)
				if !ok {
					continue
				}
				further++
				passed := ""
				if f.Arguments != nil {
					passed = "(input: $input)"
				}
				text := head + " { " + f.Name + passed + " { ... on " + f.Type.Name() + " { ...o } } } fragment o on " + f.Type.Name() +
					" { " + object.Name + " { " + next.Name + args + " { __typename } } }"
				a := blind.do(text, c.v)
				if a.code() != "FORBIDDEN" || a.Errors[0].Message != lacksRead || a.Data != nil {
					t.Errorf("%s shows %s.%s: %s", f.Name, def.Name, next.Name, a.raw)
				}
			}
		}
	}
	if further < 100 {
		t.Errorf("only %d fields were asked for", further)
	}
	for _, root := range []*ast.Definition{w.schema.Query, w.schema.Subscription} {
		for _, f := range root.Fields {
			if strings.HasPrefix(f.Name, "__") || f.Name == "viewer" || !leadsToNode(w.schema, f.Type.Name(), map[string]bool{}) {
				continue
			}
			if a := blind.send(b.calls(root, f)[0]); a.code() != "FORBIDDEN" {
				t.Errorf("%s.%s gives %s", root.Name, f.Name, a.raw)
			}
		}
	}
}

func TestATokenThatMayNotReadSeesNoValues(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.SQLite(t))
	tn := w.tenant("a")
	blind := *tn.owner
	blind.token = w.token(tn.owner.User, principal.Write)
	text := `mutation($t: ID!) { setVariables(input: { target: { projectId: $t }, variables: [{ name: "B", value: "b" }] }) { variables { name digest %s } } }`
	v := vars{"t": tn.project.ID}
	a := blind.do(strings.Replace(text, "%s", "", 1), v).ok()
	if n := len(a.list("setVariables.variables")); n != 3 {
		t.Errorf("%d variables: %s", n, a.raw)
	}
	a = blind.do(strings.Replace(text, "%s", "value", 1), v).fails("FORBIDDEN", "")
	for _, v := range a.list("setVariables.variables") {
		if dig(v, "value") != nil {
			t.Errorf("a value is shown: %s", a.raw)
		}
	}
	blind.do(`mutation($p: ID!) { updateProject(input: { projectId: $p, expectedVersion: 1, name: "x" }) { project { id slug name createdAt } } }`, vars{"p": tn.project.ID}).ok()
}
