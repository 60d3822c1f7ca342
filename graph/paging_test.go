package graph_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/davitdev/davit/ent/event"
	"github.com/davitdev/davit/internal/ident"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

// list is a connection of the schema below one parent.
type list struct {
	*world
	tn     *tenant
	def    *ast.Definition
	field  *ast.FieldDefinition
	parent string
	order  string // what it is sorted by, "" for the default
	made   int
}

// makers make a row of a type in a tenant; all of them at the same time.
var makers = map[string]func(l *list, n int) string{
	"Project": func(l *list, n int) string {
		at := time.Date(2026, 1, 1, 0, 0, n/3, 0, time.UTC) // three of each moment
		return l.db.Project.Create().SetWorkspace(l.tn.workspace).SetSlug(fmt.Sprint("p", n)).SetName(fmt.Sprint("name ", n%2)).
			SetCreatedAt(at).SetUpdatedAt(at).SaveX(l.system).ID
	},
	"Environment": func(l *list, n int) string {
		return l.db.Environment.Create().SetProject(l.tn.project).SetSlug(fmt.Sprint("e", n)).SetName("e").SetKind(spec.Staging).SetCreatedAt(moment).SaveX(l.system).ID
	},
	"Service": func(l *list, n int) string {
		return l.db.Service.Create().SetProject(l.tn.project).SetSlug(fmt.Sprint("s", n)).SetName("s").SetKind(spec.Web).SetSource(spec.Source{}).
			SetCreatedAt(moment).SaveX(l.system).ID
	},
	"Deployment": func(l *list, n int) string {
		return l.db.Deployment.Create().SetProject(l.tn.project).SetInstance(l.tn.instance).SetEnvironmentID(l.tn.environment.ID).SetServiceID(l.tn.service.ID).
			SetNumber(100 + n).SetTrigger(lifecycle.Manual).SetSource(spec.Source{}).SetSettings(spec.Settings{}).SetVariables(nil).SetCreatedAt(moment).
			SetStatus(lifecycle.Completed).SaveX(l.system).ID
	},
	"Event": func(l *list, _ int) string {
		subject := ident.New(ident.Project)
		l.record(store.Scope{
			WorkspaceID: l.tn.workspace.ID, ProjectID: l.tn.project.ID, EnvironmentID: l.tn.environment.ID,
			ServiceID: l.tn.service.ID, InstanceID: l.tn.instance.ID, DeploymentID: l.tn.deployment.ID,
		}, "test.done", subject)
		return l.db.Event.Query().Where(event.Message(subject)).OnlyIDX(l.system)
	},
}

var moment = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func (l *list) item() string { return strings.TrimSuffix(l.field.Type.Name(), "Connection") }

// add makes n more rows.
func (l *list) add(n int) (ids []string) {
	for range n {
		l.made++
		ids = append(ids, makers[l.item()](l, l.made))
	}
	return ids
}

// remove deletes a row.
func (l *list) remove(id string) {
	l.Helper()
	table := map[string]string{"Project": "projects", "Environment": "environments", "Service": "services", "Deployment": "deployments", "Event": "events"}[l.item()]
	n, err := l.db.Exec(l.system, "DELETE FROM "+table+" WHERE id = ?", id)
	if err != nil || n != 1 {
		l.Fatalf("deleted %d of %s: %v", n, id, err)
	}
}

// ask asks for a page.
func (l *list) ask(more vars) *answer {
	l.Helper()
	v := vars{"id": l.parent, "first": 20}
	for k, value := range more {
		v[k] = value
	}
	declared, passed, total := "", "", ""
	if l.order != "" {
		passed = ", orderBy: " + l.order
	}
	if _, filtered := v["filter"]; filtered {
		declared, passed = ", $filter: "+l.item()+"Filter", passed+", filter: $filter"
	}
	if l.counted() {
		total = " totalCount"
	}
	return l.tn.owner.do("query($id: ID!, $first: Int!, $after: Cursor"+declared+") { node(id: $id) { ... on "+l.def.Name+" { page: "+l.field.Name+
		"(first: $first, after: $after"+passed+") { nodes { id } edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"+total+" } } } }", v)
}

func (l *list) counted() bool {
	return sdl(l).Types[l.field.Type.Name()].Fields.ForName("totalCount") != nil
}

// page is one page, its parts compared with each other.
func (l *list) page(first int, after any) (ids []string, end any, more bool) {
	l.Helper()
	a := l.ask(vars{"first": first, "after": after}).ok()
	edges := a.list("node.page.edges")
	for i, n := range a.list("node.page.nodes") {
		id, _ := dig(n, "id").(string)
		ids = append(ids, id)
		if i >= len(edges) || dig(edges[i], "node.id") != id {
			l.Errorf("edge %d is not node %s: %s", i, id, a.raw)
		}
	}
	var start any
	if len(edges) > 0 {
		start, end = dig(edges[0], "cursor"), dig(edges[len(edges)-1], "cursor")
	}
	more, _ = a.at("node.page.pageInfo.hasNextPage").(bool)
	if a.at("node.page.pageInfo.startCursor") != start || a.at("node.page.pageInfo.endCursor") != end || len(edges) != len(ids) {
		l.Errorf("the cursors are not those of the edges: %s", a.raw)
	}
	if a.at("node.page.pageInfo.hasPreviousPage") != (after != nil) {
		l.Errorf("hasPreviousPage is wrong after %v: %s", after, a.raw)
	}
	return ids, end, more
}

// eachList runs test for every connection of rows of the schema, on both databases, in
// each of its orders, each below a tenant of its own.
func eachList(t *testing.T, test func(l *list)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w, s, seen := newWorld(t, db), sdl(t), 0
		for _, def := range s.Types {
			for _, f := range def.Fields {
				if !strings.HasSuffix(f.Type.Name(), "Connection") || def.Name == "Repository" { // its branches are no rows
					continue
				}
				for _, order := range orders(s, f) {
					seen++
					t.Run(def.Name+"."+f.Name+order, func(t *testing.T) {
						own := *w
						own.TB = t
						tn := own.tenant(fmt.Sprint("st", seen))
						test(&list{world: &own, tn: tn, def: def, field: f, parent: tn.ids()[prefixes[def.Name]], order: order})
					})
				}
			}
		}
		if seen < 17 {
			t.Errorf("only %d lists were looked at", seen)
		}
	})
}

// orders are what a connection can be sorted by, the default first.
func orders(s *ast.Schema, f *ast.FieldDefinition) []string {
	out := []string{""}
	by := f.Arguments.ForName("orderBy")
	if by == nil {
		return out
	}
	for _, field := range s.Types[s.Types[by.Type.Name()].Fields.ForName("field").Type.Name()].EnumValues {
		out = append(out, "{ field: "+field.Name+", direction: ASC }", "{ field: "+field.Name+", direction: DESC }")
	}
	return out
}

func TestAListIsTheSameInPagesOfAnySize(t *testing.T) {
	t.Parallel()
	eachList(t, func(l *list) {
		made := l.add(7)
		whole, _, more := l.page(100, nil)
		for _, id := range made {
			if !slices.Contains(whole, id) {
				l.Errorf("%s is missing", id)
			}
		}
		if more {
			l.Error("a page of all says that more follow")
		}
		if l.counted() {
			if got := fmt.Sprint(l.ask(vars{"first": 1}).ok().at("node.page.totalCount")); got != fmt.Sprint(len(whole)) {
				l.Errorf("%s in all, want %d", got, len(whole))
			}
		}
		for _, size := range []int{1, 2, 3, len(whole) - 1, len(whole)} {
			var got []string
			var after any
			for more := true; more; {
				var ids []string
				ids, after, more = l.page(size, after)
				if len(ids) > size || len(ids) == 0 {
					l.Fatalf("%d items on a page of %d", len(ids), size)
				}
				got = append(got, ids...)
			}
			if diff := cmp.Diff(whole, got); diff != "" {
				l.Errorf("in pages of %d: %s", size, diff)
			}
		}
		if ids, _, more := l.page(0, nil); len(ids) != 0 || !more {
			l.Errorf("a page of none has %v, more: %v", ids, more)
		}
		_, end, _ := l.page(100, nil)
		if ids, _, more := l.page(10, end); len(ids) != 0 || more {
			l.Errorf("after the last come %v, more: %v", ids, more)
		}
	})
}

func TestRowsThatComeAndGoBetweenPagesShiftNothing(t *testing.T) {
	t.Parallel()
	eachList(t, func(l *list) {
		l.add(9)
		whole, _, _ := l.page(100, nil)
		seen, after, more := l.page(3, nil)
		gone := []string{whole[2], whole[5]} // what the cursor names, and one to come
		for _, id := range gone {
			if id != l.tn.ids()[prefixes[l.item()]] { // the rows of the tenant hold others
				l.remove(id)
			} else {
				gone = slices.DeleteFunc(gone, func(s string) bool { return s == id })
			}
		}
		fresh := l.add(3)
		for more {
			var ids []string
			ids, after, more = l.page(2, after)
			seen = append(seen, ids...)
		}
		old := slices.DeleteFunc(slices.Clone(seen), func(id string) bool { return slices.Contains(fresh, id) })
		want := slices.DeleteFunc(slices.Clone(whole), func(id string) bool {
			return slices.Contains(gone, id) && slices.Index(whole, id) >= 3
		})
		if diff := cmp.Diff(want, old); diff != "" {
			l.Error(diff)
		}
		slices.Sort(seen)
		if n := len(slices.Compact(slices.Clone(seen))); n != len(seen) {
			l.Errorf("%d of %d items came twice", len(seen)-n, len(seen))
		}
	})
}

func TestAPageIsChecked(t *testing.T) {
	t.Parallel()
	eachList(t, func(l *list) {
		l.add(1)
		_, own, _ := l.page(1, nil)
		other := map[string]string{"Event": "environments"}[l.item()]
		if other == "" {
			other = "events"
		}
		foreign := l.tn.owner.do(`query($id: ID!) { node(id: $id) { ... on Project { `+other+`(first: 1) { pageInfo { endCursor } } } } }`, vars{"id": l.tn.project.ID}).
			ok().text("node." + other + ".pageInfo.endCursor")
		for name, c := range map[string]struct {
			v           vars
			code, field string
		}{
			"fewer than none":               {vars{"first": -1}, "INVALID", "first"},
			"more than a page holds":        {vars{"first": 101}, "INVALID", "first"},
			"more than a number":            {vars{"first": 1 << 40}, "QUERY_TOO_COMPLEX", ""},
			"no number":                     {vars{"first": nil}, "GRAPHQL_VALIDATION_FAILED", ""},
			"a fraction":                    {vars{"first": 1.5}, "GRAPHQL_VALIDATION_FAILED", ""},
			"a cursor of another list":      {vars{"after": foreign}, "CURSOR_INVALID", "after"},
			"a cursor from nowhere":         {vars{"after": "nowhere"}, "CURSOR_INVALID", "after"},
			"a cursor with a bit more":      {vars{"after": fmt.Sprint(own, "AAAA")}, "CURSOR_INVALID", "after"},
			"a cursor of a quote":           {vars{"after": "JyBPUiAxPTEgLS0"}, "CURSOR_INVALID", "after"},
			"a cursor that is not base64":   {vars{"after": "\n$(id)`"}, "CURSOR_INVALID", "after"},
			"a cursor as long as a message": {vars{"after": strings.Repeat("A", 100_000)}, "CURSOR_INVALID", "after"},
		} {
			a := l.ask(c.v)
			if a.code() != c.code || a.Errors[0].Extensions.Field != c.field {
				l.Errorf("%s: got %.300s, want %s at %q", name, a.raw, c.code, c.field)
			}
		}
	})
}

// Whatever the order, it is one: by the field, then by the id, both ways.
func TestListsAreSorted(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		tn, s := w.tenant("st"), sdl(t)
		of := func(name, field, order string) *list {
			return &list{world: w, tn: tn, def: s.Types[name], field: s.Types[name].Fields.ForName(field), parent: tn.ids()[prefixes[name]], order: order}
		}
		made := of("Workspace", "projects", "").add(9)
		of("Project", "deployments", "").add(5)
		all := func(name, field, order string) []string {
			ids, _, _ := of(name, field, order).page(100, nil)
			return ids
		}
		for _, by := range []string{"NAME", "CREATED_AT", "UPDATED_AT"} {
			up, down := all("Workspace", "projects", "{ field: "+by+", direction: ASC }"), all("Workspace", "projects", "{ field: "+by+", direction: DESC }")
			slices.Reverse(down)
			if diff := cmp.Diff(up, down); diff != "" {
				t.Errorf("by %s: %s", by, diff)
			}
			want := append([]string{}, made...)
			if by == "NAME" { // "name 0" for even ones
				slices.SortStableFunc(want, func(a, b string) int { return (slices.Index(made, a)+1)%2 - (slices.Index(made, b)+1)%2 })
			}
			got := slices.DeleteFunc(up, func(id string) bool { return id == tn.project.ID })
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("by %s: %s", by, diff)
			}
		}
		for _, newest := range [][2]string{{"Project", "deployments"}, {"ServiceInstance", "deployments"}, {"Project", "events"}} {
			if ids := all(newest[0], newest[1], ""); !slices.IsSortedFunc(ids, func(a, b string) int { return strings.Compare(b, a) }) {
				t.Errorf("%v are not newest first: %v", newest, ids)
			}
		}
	})
}

func TestFiltersKeepWhatTheySay(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		tn, s := w.tenant("st"), sdl(t)
		deployments := &list{world: w, tn: tn, def: s.Types["ServiceInstance"], field: s.Types["ServiceInstance"].Fields.ForName("deployments"), parent: tn.instance.ID}
		made := deployments.add(3) // COMPLETED, of nobody
		first := tn.deployment.ID  // SUCCEEDED, of the owner
		waits := w.deployment(tn, 500).ID
		projects := &list{world: w, tn: tn, def: s.Types["Workspace"], field: s.Types["Workspace"].Fields.ForName("projects"), parent: tn.workspace.ID}
		others := projects.add(2)
		abroad := db.Project.Create().SetWorkspace(tn.workspace).SetSlug("overview").SetName("Größte Übersicht").SaveX(w.system).ID
		made = append(made, first)
		for name, c := range map[string]struct {
			l      *list
			filter vars
			want   []string
		}{
			"a status":            {deployments, vars{"status": []string{"QUEUED"}}, []string{waits}},
			"several statuses":    {deployments, vars{"status": []string{"QUEUED", "COMPLETED"}}, append([]string{waits}, made...)},
			"no status":           {deployments, vars{"status": []string{}}, nil},
			"a conclusion":        {deployments, vars{"conclusion": []string{"SUCCEEDED"}}, []string{first}},
			"an environment":      {deployments, vars{"environmentId": tn.environment.ID}, append([]string{waits}, made...)},
			"another environment": {deployments, vars{"environmentId": ident.New(ident.Environment)}, nil},
			"a service":           {deployments, vars{"serviceId": tn.service.ID, "status": []string{"QUEUED"}}, []string{waits}},
			"an author":           {deployments, vars{"createdById": tn.owner.ID}, []string{first}},
			"after a moment":      {deployments, vars{"createdAfter": "2026-01-01T01:00:00+01:00"}, append([]string{waits}, made...)},
			"before a moment":     {deployments, vars{"createdBefore": "2026-01-01T00:00:00Z"}, nil},
			"between":             {deployments, vars{"createdAfter": "2025-01-01T00:00:00Z", "createdBefore": "2026-01-01T00:00:00.000001Z"}, made[:3]},
			"nothing":             {deployments, vars{}, append([]string{waits}, made...)},
			"null":                {deployments, nil, append([]string{waits}, made...)},
			"part of a name":      {projects, vars{"query": "AME 1"}, others[:1]},
			"letters of others":   {projects, vars{"query": "Übersicht"}, []string{abroad}},
			"a slug":              {projects, vars{"query": "P2"}, others[1:]},
			"a percent sign":      {projects, vars{"query": "%"}, nil},
			"an underscore":       {projects, vars{"query": "_"}, nil},
			"a backslash":         {projects, vars{"query": "\\"}, nil},
			"a quote":             {projects, vars{"query": "' OR ''='"}, nil},
		} {
			a := c.l.ask(vars{"first": 100, "filter": c.filter}).ok()
			var got []string
			for _, n := range a.list("node.page.nodes") {
				got = append(got, dig(n, "id").(string))
			}
			slices.Sort(got)
			want := slices.Clone(c.want)
			slices.Sort(want)
			if diff := cmp.Diff(want, got); diff != "" && len(want)+len(got) > 0 {
				t.Errorf("%s: %s", name, diff)
			}
			if total := fmt.Sprint(a.at("node.page.totalCount")); total != fmt.Sprint(len(want)) {
				t.Errorf("%s: %s in all, want %d", name, total, len(want))
			}
		}
	})
}
