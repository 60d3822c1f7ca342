package graph_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/principal"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

// scans is a table that only grows read from end to end, by its own name or by
// one that a statement gives it.
var scans = regexp.MustCompile(`\b(?:SCAN|Seq Scan on) (?:deployments|replicas|builds|events|operations|page)\b`)

// open is a scan of an index that holds only what is not over.
var open = regexp.MustCompile(`INDEX \w+_(open|live|due|one_active|one_running)\b`)

// endless are the lists that grow for as long as an installation lives.
var endless = map[string]bool{"Deployment": true, "Event": true, "Operation": true}

// asked returns the queries that f makes of the database, each once.
func (w *world) asked(f func()) []string {
	seen := map[string]bool{}
	for _, s := range w.statements(f) {
		if strings.HasPrefix(s, "SELECT") || strings.HasPrefix(s, "WITH") {
			seen[s] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// unscanned fails for each statement that reads a table of the past from end to
// end.
func (w *world) unscanned(what string, statements []string) {
	w.Helper()
	for _, s := range statements {
		plan := storetest.Plan(w, w.db, s)
		for _, line := range plan {
			if scans.MatchString(line) && !open.MatchString(line) {
				w.Errorf("%s reads a table from end to end:\n%s\n%s", what, s, strings.Join(plan, "\n"))
				break
			}
		}
	}
}

// unsorted fails for each statement that sorts a list to cut a page from it. A
// statement for many lists may sort their pages.
func (w *world) unsorted(what string, statements []string) {
	w.Helper()
	for _, s := range statements {
		if !strings.Contains(s, "LIMIT") {
			continue
		}
		plan, cut := storetest.Plan(w, w.db, s), false
		for _, line := range plan {
			step := strings.TrimPrefix(strings.TrimSpace(line), "->  ")
			switch {
			case strings.HasPrefix(step, "Limit "):
				cut = true
			case cut && strings.HasPrefix(step, "Sort "),
				strings.HasPrefix(step, "USE TEMP B-TREE FOR ORDER BY") && (step != line || !strings.Contains(s, "parents")):
				w.Errorf("%s sorts more than a page:\n%s\n%s", what, s, strings.Join(plan, "\n"))
			}
		}
	}
}

// older gives what a tenant has a past, and PostgreSQL statistics of it, which
// nobody makes for SQLite.
func (w *world) older(tn *tenant) {
	w.Helper()
	w.record(store.Scope{
		WorkspaceID: tn.workspace.ID, ProjectID: tn.project.ID, EnvironmentID: tn.environment.ID,
		ServiceID: tn.service.ID, InstanceID: tn.instance.ID, DeploymentID: tn.deployment.ID,
	}, "test.done", tn.deployment.ID)
	check(w, storetest.Multiply(w.system, w.db, tn.deployment.ID, 1000))
	for range 200 {
		w.db.Operation.Create().SetWorkspace(tn.workspace).SetProjectID(tn.project.ID).SetKind(deploy.OpRun).SetTargetID(tn.instance.ID).
			SetActorID(tn.owner.ID).SetStatus(lifecycle.OperationSucceeded).ExecX(w.system)
	}
	if !w.db.Embedded() {
		_, err := w.db.Exec(w.system, "ANALYZE")
		check(w, err)
	}
}

// Whatever is asked of an object, or of several at once, takes as long with a
// past of many as with none: no table that only grows is read from end to end.
// What is asked is each field of the schema.
func TestNoFieldReadsThePastFromEndToEnd(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		tn, other, viewer := w.tenant("t0"), w.tenant("t1"), w.user("viewer")
		for _, of := range []*tenant{tn, other} {
			w.join(of.workspace, viewer, principal.Editor)
		}
		w.older(tn)
		s, fields := sdl(t), 0
		for _, def := range s.GetPossibleTypes(s.Types["Node"]) {
			kind := prefixes[def.Name]
			for _, f := range def.Fields {
				if strings.HasPrefix(f.Name, "__") || s.Types[f.Type.Name()].IsLeafType() && f.Arguments == nil && f.Name == "id" {
					continue
				}
				fields++
				text, v := ofMany(t, s, def, f, cast{"t0", tn.ids()})
				for _, ids := range [][]string{{tn.ids()[kind]}, {tn.ids()[kind], other.ids()[kind]}} {
					v["nodes"] = ids
					asked := w.asked(func() { viewer.do(text, v).ok() })
					w.unscanned(def.Name+"."+f.Name, asked)
					if endless[item(f)] {
						w.unsorted(fmt.Sprintf("%s.%s of %d", def.Name, f.Name, len(ids)), asked)
					}
				}
			}
		}
		if fields < 100 {
			t.Errorf("only %d fields were asked for", fields)
		}
	})
}

// item is what the list of a field holds, "" for no list.
func item(f *ast.FieldDefinition) string {
	if name, ok := strings.CutSuffix(f.Type.Name(), "Connection"); ok {
		return name
	}
	if f.Type.Elem != nil {
		return f.Type.Name()
	}
	return ""
}

// However far a page is from the beginning, the index leads to it.
func TestNoPageReadsThoseBeforeIt(t *testing.T) {
	t.Parallel()
	eachList(t, func(l *list) {
		if !endless[l.item()] {
			return
		}
		l.add(3)
		_, end, _ := l.page(2, nil)
		l.unscanned("the second page", l.asked(func() { l.page(2, end) }))
		l.unsorted("the second page", l.asked(func() { l.page(2, end) }))
	})
}
