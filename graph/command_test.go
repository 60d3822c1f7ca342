package graph_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/davitdev/davit/ent/variable"
	"github.com/davitdev/davit/internal/principal"
	"github.com/davitdev/davit/internal/project"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store/storetest"
)

// The words of a command may be secrets: only who may run commands and read logs
// sees them, and known values not even they.
func TestWhoSeesTheWordsOfACommand(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.SQLite(t))
	tn := w.tenant("a")
	_, err := w.projects.SetVariables(w.system, project.Target{InstanceID: tn.instance.ID}, []project.Value{{Name: "KEY", Value: "hunter2!", Secret: true, Runtime: true}}, false)
	check(t, err)
	v := w.db.Variable.Query().Where(variable.TargetID(tn.instance.ID), variable.Name("KEY")).OnlyX(w.system)
	d := w.db.Deployment.Create().SetProject(tn.project).SetInstance(tn.instance).SetEnvironmentID(tn.environment.ID).SetServiceID(tn.service.ID).
		SetNumber(2).SetTrigger("MANUAL").SetSource(tn.deployment.Source).SetSettings(tn.deployment.Settings).
		SetVariables([]spec.VariableRef{{VersionID: *v.CurrentID, Name: "KEY", Secret: true, Runtime: true}}).SaveX(w.system)
	op := w.db.Operation.Create().SetWorkspace(tn.workspace).SetKind("service.run").SetTargetID(tn.instance.ID).SetActorID(tn.owner.ID).
		SetDeploymentID(d.ID).SetCommand([]string{"login", "--key=hunter2!", "other"}).SaveX(w.system)

	viewer, editor, noLogs := w.user("viewer"), w.user("editor"), w.user("nologs")
	w.join(tn.workspace, viewer, principal.Viewer)
	w.join(tn.workspace, editor, principal.Editor)
	w.join(tn.workspace, noLogs, principal.Editor)
	noLogs.token = w.token(noLogs.User, principal.Read, principal.Deploy)
	for name, c := range map[string]struct {
		who  *person
		want any
	}{
		"an editor":            {editor, []any{"login", "--key=***", "other"}},
		"a viewer":             {viewer, nil},
		"a token without LOGS": {noLogs, nil},
	} {
		a := c.who.do(`query($id: ID!) { operation(id: $id) { id command } }`, vars{"id": op.ID}).ok()
		if diff := cmp.Diff(c.want, a.at("operation.command")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
