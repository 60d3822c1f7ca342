package graph_test

import (
	"testing"

	"github.com/davitdev/davit/internal/principal"
	"github.com/davitdev/davit/internal/store/storetest"
)

// What also deploys asks whether it may before it changes anything.
func TestWhatIsForbiddenHasChangedNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.SQLite(t))
	tn := w.tenant("a")
	writes := *tn.owner
	writes.token = w.token(tn.owner.User, principal.Read, principal.Write)

	const create = `mutation($in: CreateServiceInput!) { createService(input: $in) { service { id instances { id } } } }`
	in := vars{"projectId": tn.project.ID, "name": "Front", "source": vars{"image": vars{"image": "nginx:1.27"}}}
	services := w.db.Service.Query().CountX(w.system)
	writes.do(create, vars{"in": in}).fails("FORBIDDEN", "")
	if n := w.db.Service.Query().CountX(w.system); n != services {
		t.Errorf("%d services, want %d", n, services)
	}
	in["deploy"] = false
	instance := writes.do(create, vars{"in": in}).ok().text("createService.service.instances.0.id")

	const update = `mutation($in: UpdateServiceInstanceInput!) { updateServiceInstance(input: $in) { instance { version } } }`
	in = vars{"serviceInstanceId": instance, "settings": vars{"port": 4321}, "apply": "REDEPLOY"}
	writes.do(update, vars{"in": in}).fails("FORBIDDEN", "")
	if i := w.db.ServiceInstance.GetX(w.system, instance); i.Settings.Port != 0 {
		t.Errorf("the settings were changed: %+v", i.Settings)
	}
	in["apply"] = "STAGE"
	writes.do(update, vars{"in": in}).ok()
}
