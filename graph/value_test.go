package graph_test

import (
	"testing"
	"time"

	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store/storetest"
)

func TestASnapshotWritesDurationsAsSettingsDo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.SQLite(t))
	tn := w.tenant("st")
	wanted := spec.Settings{DrainTimeout: 90 * time.Second, HealthCheck: &spec.HealthCheck{Kind: spec.CheckTCP, Interval: 1500 * time.Millisecond}}
	d := w.db.Deployment.Create().SetProject(tn.project).SetInstance(tn.instance).SetEnvironmentID(tn.environment.ID).SetServiceID(tn.service.ID).
		SetNumber(7).SetTrigger(lifecycle.Manual).SetSource(spec.Source{}).SetSettings(wanted).SetVariables(nil).SaveX(w.system)
	a := tn.owner.do(`query($id: ID!) { deployment(id: $id) { snapshot { settings } instance { settings { drainTimeout healthCheck { timeout startPeriod } } } } }`, vars{"id": d.ID}).ok()
	for path, want := range map[string]string{
		"drainTimeout": "PT1M30S", "healthCheck.interval": "PT1.5S",
		"healthCheck.timeout":     a.text("deployment.instance.settings.healthCheck.timeout"),
		"healthCheck.startPeriod": a.text("deployment.instance.settings.healthCheck.startPeriod"),
	} {
		if got := a.text("deployment.snapshot.settings." + path); got != want || got == "" {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
}
