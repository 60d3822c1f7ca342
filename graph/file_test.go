package graph_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

func TestWhatAConfigFileHoldsNeverComesBack(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		tn := w.tenant("a")
		made := tn.owner.do(`mutation($in: CreateServiceInput!) { createService(input: $in) { service { instances { id settings { configFiles { path } } } } } }`,
			vars{"in": vars{
				"projectId": tn.project.ID, "name": "Front", "source": vars{"image": vars{"image": "nginx:1.27"}}, "idempotencyKey": "once",
				"settings": vars{"configFiles": []any{vars{"path": "/etc/old", "content": "tops3cret"}}},
			}}).ok()
		if made.text("createService.service.instances.0.settings.configFiles.0.path") != "/etc/old" {
			t.Errorf("made %s", made.raw)
		}
		instance := made.text("createService.service.instances.0.id")
		set := func(files ...any) *answer {
			return tn.owner.do(`mutation($in: UpdateServiceInstanceInput!) { updateServiceInstance(input: $in) {
				instance { settings { configFiles { path mode size digest } } events { nodes { message payload } } } deployment { snapshot { settings } } } }`,
				vars{"in": vars{"serviceInstanceId": instance, "settings": vars{"configFiles": files}}})
		}
		paths := func(a *answer) (out []string) {
			for _, f := range a.list("updateServiceInstance.instance.settings.configFiles") {
				out = append(out, dig(f, "path").(string))
			}
			return out
		}
		first := set(vars{"path": "/etc/b", "content": "tops3cret"}, vars{"path": "/etc/a", "content": "tops3cret", "mode": 256}).ok()
		if diff := cmp.Diff([]string{"/etc/a", "/etc/b"}, paths(first)); diff != "" {
			t.Error(diff)
		}
		if f := first.at("updateServiceInstance.instance.settings.configFiles.0"); fmt.Sprintf("%v %v", dig(f, "mode"), dig(f, "size")) != "256 9" || dig(f, "digest") == "" {
			t.Errorf("the file is %v", f)
		}
		if !strings.Contains(first.raw, "/etc/a, /etc/b, /etc/old") {
			t.Errorf("nobody learns which files changed: %s", first.raw)
		}
		const files = "updateServiceInstance.instance.settings.configFiles"
		same := set(vars{"path": "/etc/b"}, vars{"path": "/etc/a"}).ok()
		if diff := cmp.Diff(first.list(files), same.list(files)); diff != "" {
			t.Errorf("what says nothing of itself changed: %s", diff)
		}
		closed := set(vars{"path": "/etc/b"}, vars{"path": "/etc/a", "content": "another"}).ok()
		if mode := dig(closed.at(files+".0"), "mode"); fmt.Sprint(mode) != "256" {
			t.Errorf("who changes what a file holds opens it: its mode is %v", mode)
		}
		kept := set(vars{"path": "/etc/b", "mode": 420}).ok()
		if a, b := first.at("updateServiceInstance.instance.settings.configFiles.1"), kept.at("updateServiceInstance.instance.settings.configFiles.0"); !cmp.Equal(a, b) {
			t.Errorf("without content %v became %v", a, b)
		}
		answers := []*answer{
			made, first, kept, set(vars{"path": "/proc/x", "content": "tops3cret"}), set(vars{"path": "/x", "content": "tops3cret", "mode": "tops3cret"}),
			set(vars{"path": "/x", "content": "tops3cret\x00"}),
		}
		for _, a := range answers {
			if strings.Contains(a.raw, "tops3cret") {
				t.Errorf("the content is in %s", a.raw)
			}
		}
		answers[3].fails("INVALID", "settings.configFiles")
		for _, table := range []string{"file_versions", "service_instances", "deployments", "events", "idempotency_keys"} {
			if strings.Contains(dump(t, db, table), "tops3cret") {
				t.Errorf("%s holds the content as it is", table)
			}
		}
	})
}
