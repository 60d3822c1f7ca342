package project_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/variableversion"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/project"
	"github.com/davitdev/davit/internal/secret"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

func plain(name, value string) project.Value {
	return project.Value{Name: name, Value: value, Build: true, Runtime: true}
}

// many are n variables.
func many(n int) []project.Value {
	out := make([]project.Value, n)
	for i := range out {
		out[i] = plain(fmt.Sprintf("V%d", i), "x")
	}
	return out
}

// value is the value of a variable in force.
func (w *world) value(v *ent.Variable) string {
	w.t.Helper()
	sealed := w.DB.VariableVersion.GetX(w.sys, *v.CurrentID).Sealed
	return must(w.Keys.Open(secret.VariablePlace(v.ID), sealed))(w.t)
}

func TestSetVariables(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		p := w.project("Shop")
		at := project.Target{ProjectID: p.ID}
		got := must(w.SetVariables(w.editor, at, []project.Value{plain("B", "2"), plain("A", "1")}, false))(t)
		if len(got) != 2 || got[0].Name != "A" || got[0].Version != 1 || got[0].Scope != spec.ScopeProject || got[0].UpdatedByID == nil || w.value(got[0]) != "1" {
			t.Fatalf("got %+v", got)
		}
		if e := w.wantEvent("variables.changed", 1); e.Message != "Variables were changed: A, B." || *e.ProjectID != p.ID {
			t.Errorf("event %+v", e)
		}
		a := got[0]

		// Equal ones stay as they are; a changed one gets a version.
		got = must(w.SetVariables(w.owner, at, []project.Value{plain("A", "1"), plain("B", "3")}, false))(t)
		if got[0].Version != 1 || got[0].Digest != a.Digest || got[1].Version != 2 || w.value(got[1]) != "3" {
			t.Errorf("got %+v", got)
		}
		if e := w.wantEvent("variables.changed", 2); e.Message != "Variables were changed: B." {
			t.Errorf("event %+v", e)
		}
		must(w.SetVariables(w.owner, at, []project.Value{plain("A", "1")}, false))(t)
		w.wantEvent("variables.changed", 2)

		// The digest tells a change and nothing else.
		b := got[1]
		back := must(w.SetVariables(w.owner, at, []project.Value{plain("B", "2")}, false))(t)[1]
		if back.Digest == b.Digest || back.Version != 3 || slices.Contains([]string{a.Digest, b.Digest}, back.Digest) {
			t.Errorf("digests %s, then %s", b.Digest, back.Digest)
		}
		same := must(w.SetVariables(w.owner, at, []project.Value{plain("A", "2")}, false))(t)[0]
		if same.Digest == back.Digest {
			t.Error("two variables of one value have one digest: values can be compared")
		}

		// With replaceAll what is not named is unset.
		got = must(w.SetVariables(w.owner, at, []project.Value{plain("B", "2"), plain("C", "1")}, true))(t)
		if len(got) != 2 || got[0].Name != "B" || got[1].Name != "C" {
			t.Errorf("got %+v", got)
		}
		if got = must(w.SetVariables(w.owner, at, nil, true))(t); len(got) != 0 {
			t.Errorf("replacing all by nothing leaves %+v", got)
		}
		// Their versions stay, for those who roll back.
		if n := db.VariableVersion.Query().CountX(w.sys); n != 6 {
			t.Errorf("%d versions are kept, want 6", n)
		}
		if v := db.VariableVersion.Query().Where(variableversion.VariableID(a.ID)).CountX(w.sys); v != 2 {
			t.Errorf("A has %d versions, want 2", v)
		}
	})
}

func TestVariableTargets(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		p := w.project("Shop")
		i := w.instance(w.service(p, "Web"))
		targets := map[spec.Scope]project.Target{
			spec.ScopeProject: {ProjectID: p.ID}, spec.ScopeEnvironment: {EnvironmentID: i.EnvironmentID}, spec.ScopeService: {InstanceID: i.ID},
		}
		for scope, at := range targets {
			v := must(w.SetVariables(w.owner, at, []project.Value{plain("A", string(scope))}, false))(t)
			if len(v) != 1 || v[0].Scope != scope || w.value(v[0]) != string(scope) || v[0].ProjectID != p.ID ||
				(v[0].EnvironmentID != nil) != (scope == spec.ScopeEnvironment) || (v[0].InstanceID != nil) != (scope == spec.ScopeService) {
				t.Errorf("%s: %+v", scope, v)
			}
			_, err := w.SetVariables(w.viewer, at, []project.Value{plain("A", "x")}, false)
			wantCode(t, "a viewer sets", err, fault.Forbidden)
			_, err = w.SetVariables(w.stranger, at, []project.Value{plain("A", "x")}, false)
			wantCode(t, "a stranger sets", err, fault.NotFound)
			_, err = w.UnsetVariables(w.stranger, at, []string{"A"})
			wantCode(t, "a stranger unsets", err, fault.NotFound)
		}
		if e := w.wantEvent("variables.changed", 3); e.WorkspaceID != w.mine {
			t.Errorf("event %+v", e)
		}
		_, err := w.SetVariables(w.owner, project.Target{}, []project.Value{plain("A", "x")}, false)
		wantCode(t, "no target", err, fault.NotFound)
	})
}

func TestUnsetVariables(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		at := project.Target{ProjectID: w.project("Shop").ID}
		old := must(w.SetVariables(w.owner, at, []project.Value{plain("A", "1"), plain("B", "2")}, false))(t)[0]
		removed := must(w.UnsetVariables(w.editor, at, []string{"A", "A", "none", "\x00"}))(t)
		if !slices.Equal(removed, []string{"A"}) {
			t.Errorf("removed %v", removed)
		}
		w.wantEvent("variables.changed", 2)
		if removed = must(w.UnsetVariables(w.owner, at, []string{"A"}))(t); len(removed) != 0 {
			t.Errorf("removed %v again", removed)
		}
		w.wantEvent("variables.changed", 2)
		again := must(w.SetVariables(w.owner, at, []project.Value{plain("A", "1")}, false))(t)[0]
		if again.ID == old.ID || again.Version != 1 || w.value(again) != "1" {
			t.Errorf("set again: %+v", again)
		}
	})
}

func TestSecretsStaySecret(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		at := project.Target{ProjectID: w.project("Shop").ID}
		const value = "correct horse battery staple"
		hidden := plain("A", value)
		hidden.Secret = true
		v := must(w.SetVariables(w.owner, at, []project.Value{hidden, plain("B", "public")}, false))(t)
		_, err := w.Reveal(v[0], db.VariableVersion.GetX(w.sys, *v[0].CurrentID))
		wantCode(t, "revealing a secret", err, fault.Forbidden)
		if shown := must(w.Reveal(v[1], db.VariableVersion.GetX(w.sys, *v[1].CurrentID)))(t); shown != "public" {
			t.Errorf("a plain value is shown as %q", shown)
		}
		_, err = w.Reveal(v[1], db.VariableVersion.GetX(w.sys, *v[0].CurrentID))
		wantCode(t, "revealing a secret as another variable", err, fault.Forbidden)

		_, err = w.SetVariables(w.owner, at, []project.Value{plain("A", "x")}, false)
		wantCode(t, "making a secret plain", err, fault.Conflict)
		_, err = w.SetVariables(w.owner, at, []project.Value{plain("A", value)}, false)
		wantCode(t, "making a secret plain by repeating it", err, fault.Conflict)
		if v := must(w.SetVariables(w.owner, at, []project.Value{{Name: "B", Value: "public", Secret: true, Build: true}}, false))(t)[1]; !v.Secret || v.Runtime || v.Version != 2 {
			t.Errorf("a plain one made secret: %+v", v)
		}
		must(w.UnsetVariables(w.owner, at, []string{"A"}))(t)
		if v := must(w.SetVariables(w.owner, at, []project.Value{plain("A", "x")}, false))(t)[0]; v.Secret {
			t.Error("unset and set again, it is still a secret")
		}

		for _, s := range db.VariableVersion.Query().AllX(w.sys) {
			if bytes.Contains(s.Sealed, []byte(value)) || bytes.Contains(s.Sealed, []byte("public")) {
				t.Error("a value lies open in the database")
			}
		}
		for _, e := range db.Event.Query().AllX(w.sys) {
			if strings.Contains(e.Message+fmt.Sprint(e.Payload), value) {
				t.Errorf("an event tells the secret: %+v", e)
			}
		}
	})
}

func TestVariableLimits(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		at := project.Target{ProjectID: w.project("Shop").ID}
		for what, tt := range map[string]struct {
			values []project.Value
			code   fault.Code
			field  string
		}{
			"a bad name":     {[]project.Value{plain("A", "1"), plain("a b", "1")}, fault.NameInvalid, "variables.1.name"},
			"Davit's name":   {[]project.Value{plain("PORT", "1")}, fault.NameInvalid, "variables.0.name"},
			"a name twice":   {[]project.Value{plain("A", "1"), plain("A", "2")}, fault.Invalid, "variables.1.name"},
			"a long value":   {[]project.Value{plain("A", strings.Repeat("x", 64<<10+1))}, fault.Invalid, "variables.0.value"},
			"a NUL":          {[]project.Value{plain("A", "a\x00b")}, fault.Invalid, "variables.0.value"},
			"used nowhere":   {[]project.Value{{Name: "A", Value: "1"}}, fault.Invalid, "variables.0.usedAt"},
			"more than many": {many(501), fault.Invalid, "variables"},
		} {
			for _, all := range []bool{false, true} {
				_, err := w.SetVariables(w.owner, at, tt.values, all)
				wantField(t, what, err, tt.code, tt.field)
			}
		}
		if n := db.Variable.Query().CountX(w.sys); n != 0 {
			t.Errorf("what was refused made %d variables", n)
		}
		must(w.SetVariables(w.owner, at, many(500), false))(t)
		must(w.SetVariables(w.owner, at, many(500), false))(t) // the same ones
		_, err := w.SetVariables(w.owner, at, []project.Value{plain("ANOTHER", "1")}, false)
		wantField(t, "one too many", err, fault.Invalid, "variables")
		if v := must(w.SetVariables(w.owner, at, []project.Value{plain("ANOTHER", strings.Repeat("x", 64<<10))}, true))(t); len(v) != 1 {
			t.Errorf("%d variables", len(v))
		}
	})
}

// Whatever order they come in, nobody waits for the other in a circle and no
// version is lost.
func TestSetVariablesAtOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		at := project.Target{ProjectID: w.project("Shop").ID}
		var wg sync.WaitGroup
		for n := range 6 {
			wg.Go(func() {
				values := []project.Value{plain("A", fmt.Sprint(n)), plain("B", fmt.Sprint(n))}
				if n%2 == 1 {
					slices.Reverse(values)
				}
				if _, err := w.SetVariables(w.owner, at, values, false); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		vars := db.Variable.Query().Order(ent.Asc("name")).AllX(w.sys)
		if len(vars) != 2 || vars[0].Version != 6 || vars[1].Version != 6 || w.value(vars[0]) != w.value(vars[1]) {
			t.Errorf("got %+v", vars)
		}
	})
}
