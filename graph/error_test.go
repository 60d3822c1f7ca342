package graph_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/davitdev/davit/internal/ident"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

const (
	createProject = `mutation($in: CreateProjectInput!) { createProject(input: $in) { clientMutationId project { id slug name version } } }`
	updateProject = `mutation($in: UpdateProjectInput!) { updateProject(input: $in) { project { id slug name description version } } }`
	projectsPage  = `query($ws: String!, $first: Int! = 20, $after: Cursor, $filter: ProjectFilter, $by: ProjectOrder! = { field: UPDATED_AT, direction: DESC }) {
		workspace(slug: $ws) { projects(first: $first, after: $after, filter: $filter, orderBy: $by) {
			nodes { name } edges { cursor node { name } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } totalCount } } }`
)

func TestErrorsHaveOneShape(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		tn, stranger := w.tenant("a"), w.user("stranger")
		nobody := &person{world: w}
		liar := &person{world: w, token: "davit_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}
		eventCursor := tn.owner.do(`query($id: ID!) { node(id: $id) { ... on Event { cursor } } }`, vars{"id": tn.event.ID}).ok().text("node.cursor")
		project := func(v vars) vars { return vars{"in": v} }

		for name, c := range map[string]struct {
			who         *person
			query       string
			v           vars
			code, field string
			status      int
		}{
			"a field nobody knows":       {tn.owner, `{ viewr { id } }`, nil, "GRAPHQL_VALIDATION_FAILED", "", 400},
			"no token and a near miss":   {nobody, `{ viewr { id } }`, nil, "UNAUTHENTICATED", "", 401},
			"no GraphQL":                 {tn.owner, `{`, nil, "GRAPHQL_PARSE_FAILED", "", 400},
			"an id that is none":         {tn.owner, `{ deployment(id: "../etc") { id } }`, nil, "NOT_FOUND", "", 200},
			"an id of another kind":      {tn.owner, `query($id: ID!) { deployment(id: $id) { id } }`, vars{"id": tn.project.ID}, "NOT_FOUND", "", 200},
			"an id of nothing":           {tn.owner, `query($id: ID!) { node(id: $id) { id } }`, vars{"id": ident.New(ident.Project)}, "NOT_FOUND", "", 200},
			"a stranger":                 {stranger, `query($id: ID!) { node(id: $id) { id } }`, vars{"id": tn.project.ID}, "NOT_FOUND", "", 200},
			"no token":                   {nobody, `{ viewer { id } }`, nil, "UNAUTHENTICATED", "", 401},
			"a token nobody has":         {liar, `{ viewer { id } }`, nil, "UNAUTHENTICATED", "", 401},
			"no token and introspection": {nobody, `{ __schema { types { name } } }`, nil, "UNAUTHENTICATED", "", 401},
			"an empty name":              {tn.owner, createProject, project(vars{"workspaceId": tn.workspace.ID, "name": " "}), "NAME_INVALID", "name", 200},
			"a slug with a slash":        {tn.owner, createProject, project(vars{"workspaceId": tn.workspace.ID, "name": "x", "slug": "a/b"}), "NAME_INVALID", "slug", 200},
			"a slug somebody has":        {tn.owner, createProject, project(vars{"workspaceId": tn.workspace.ID, "name": "x", "slug": "a-prj"}), "NAME_TAKEN", "slug", 200},
			"an old version":             {tn.owner, updateProject, project(vars{"projectId": tn.project.ID, "expectedVersion": 7, "name": "x"}), "VERSION_CONFLICT", "expectedVersion", 200},
			"a page that is too long":    {tn.owner, projectsPage, vars{"ws": "a-ws", "first": 101}, "INVALID", "first", 200},
			"a page of less than none":   {tn.owner, projectsPage, vars{"ws": "a-ws", "first": -1}, "INVALID", "first", 200},
			"a cursor of another list":   {tn.owner, projectsPage, vars{"ws": "a-ws", "after": eventCursor}, "CURSOR_INVALID", "after", 200},
			"a cursor that is none":      {tn.owner, projectsPage, vars{"ws": "a-ws", "after": "\x00"}, "CURSOR_INVALID", "after", 200},
			"more objects than allowed": {
				tn.owner, `query($ids: [ID!]!) { nodes(ids: $ids) { id } }`,
				vars{"ids": strings.Split(strings.Repeat(tn.project.ID+" ", 101), " ")[:101]},
				"INVALID", "ids", 200,
			},
			"a variable of a wrong type": {tn.owner, projectsPage, vars{"ws": "a-ws", "first": "many"}, "GRAPHQL_VALIDATION_FAILED", "", 400},
			"a name with a NUL":          {tn.owner, `query { workspace(slug: "a\u0000b") { id } }`, nil, "INVALID", "slug", 200},
			"an id with a NUL":           {tn.owner, `query { node(id: "prj_\u0000") { id } }`, nil, "INVALID", "id", 200},
			"a NUL in an input":          {tn.owner, createProject, project(vars{"workspaceId": tn.workspace.ID, "name": "a\x00b"}), "INVALID", "name", 200},
			"a cursor with a NUL": {tn.owner, projectsPage, vars{
				"ws": "a-ws", "by": vars{"field": "NAME"}, "after": base64.RawURLEncoding.EncodeToString([]byte("name\x00" + tn.project.ID + "\x00a\x00b")),
			}, "CURSOR_INVALID", "after", 200},
		} {
			a := c.who.do(c.query, c.v)
			if a.code() != c.code || a.Errors[0].Extensions.Field != c.field || a.status != c.status {
				t.Errorf("%s: got %d %s, want %d %s at %q", name, a.status, a.raw, c.status, c.code, c.field)
				continue
			}
			if strings.Contains(a.raw, "viewer") {
				t.Errorf("%s: the schema is told: %s", name, a.raw)
			}
			if e := a.Errors[0]; e.Extensions.RequestID == "" || e.Extensions.Retryable == nil || !strings.HasSuffix(e.Message, ".") && c.status == 200 {
				t.Errorf("%s: the error is incomplete: %s", name, a.raw)
			}
		}
	})
}

func TestABodyIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.SQLite(t))
	p := w.user("a")
	p.post(`{"query":"{ viewer { id } }","variables":{"x":"`+strings.Repeat("x", 2<<20)+`"}}`, nil).fails("REQUEST_TOO_LARGE", "")
	p.post(`[{"query":"{ viewer { id } }"}]`, nil).fails("BAD_REQUEST", "")
	p.post(`{"query":`, nil).fails("BAD_REQUEST", "")
}
