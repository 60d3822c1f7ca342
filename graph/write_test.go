package graph_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/davitdev/davit/internal/ident"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

func TestProjectsAreMadeChangedAndDeleted(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		p := w.user("ann")
		ws := w.workspace("team", p)

		a := p.do(createProject, vars{"in": vars{"workspaceId": ws.ID, "name": "My Shop", "clientMutationId": "c1"}}).ok()
		id := a.text("createProject.project.id")
		if a.text("createProject.project.slug") != "my-shop" || a.text("createProject.clientMutationId") != "c1" {
			t.Errorf("made %s", a.raw)
		}
		a = p.do(updateProject, vars{"in": vars{"projectId": id, "expectedVersion": 1, "description": "what it sells"}}).ok()
		if a.text("updateProject.project.description") != "what it sells" || a.text("updateProject.project.name") != "My Shop" {
			t.Errorf("changed to %s", a.raw)
		}
		a = p.do(updateProject, vars{"in": vars{"projectId": id, "description": nil}}).ok()
		if a.at("updateProject.project.description") != nil {
			t.Errorf("null cleared nothing: %s", a.raw)
		}
		a = p.do(`mutation($in: CreateEnvironmentInput!) { createEnvironment(input: $in) { environment { id slug kind version } } }`,
			vars{"in": vars{"projectId": id, "name": "Staging", "kind": "STAGING"}}).ok()
		env := a.text("createEnvironment.environment.id")
		a = p.do(`mutation($in: UpdateEnvironmentInput!) { updateEnvironment(input: $in) { environment { slug name concurrency } } }`,
			vars{"in": vars{"environmentId": env, "name": "Rehearsal", "concurrency": "QUEUE"}}).ok()
		if a.text("updateEnvironment.environment.slug") != "staging" || a.text("updateEnvironment.environment.concurrency") != "QUEUE" {
			t.Errorf("changed to %s", a.raw)
		}
		a = p.do(`query { project(workspace: "team", slug: "my-shop") { environments { nodes { slug } totalCount } } }`, nil).ok()
		if n := len(a.list("project.environments.nodes")); n != 2 {
			t.Errorf("%d environments, want production and staging: %s", n, a.raw)
		}
		p.do(`mutation($in: DeleteEnvironmentInput!) { deleteEnvironment(input: $in) { operation { kind targetId } } }`,
			vars{"in": vars{"environmentId": env}}).ok()
		const remove = `mutation($in: DeleteProjectInput!) { deleteProject(input: $in) { operation { id status targetId } } }`
		p.do(remove, vars{"in": vars{"projectId": id, "confirmSlug": "shop"}}).fails("CONFIRMATION_FAILED", "confirmSlug")
		a = p.do(remove, vars{"in": vars{"projectId": id, "confirmSlug": "my-shop"}}).ok()
		if a.text("deleteProject.operation.targetId") != id {
			t.Errorf("deleting answers %s", a.raw)
		}
		if a := p.do(`query($id: ID!) { node(id: $id) { ... on Project { deleting } } }`, vars{"id": id}).ok(); a.at("node.deleting") != true {
			t.Errorf("the project says %s", a.raw)
		}
	})
}

func TestServicesAreMadeChangedAndDeleted(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		tn := w.tenant("a")
		p := tn.owner
		a := p.do(`mutation($in: CreateServiceInput!) { createService(input: $in) { service { id slug version instances { id url: routes { hostname url }
			settings { port replicas healthCheck { path } } variables { name value } } } deployments { number status trigger { kind } } } }`,
			vars{"in": vars{
				"projectId": tn.project.ID, "name": "Front", "source": vars{"image": vars{"image": "nginx:1.27"}}, "replicas": 2,
				"settings": vars{"port": 8080}, "variables": []any{vars{"name": "GREETING", "value": "hello"}},
			}}).ok()
		instance, service := a.text("createService.service.instances.0.id"), a.text("createService.service.id")
		if a.text("createService.deployments.0.status") != "QUEUED" || a.text("createService.service.instances.0.variables.0.value") != "hello" {
			t.Errorf("made %s", a.raw)
		}
		if !strings.HasSuffix(a.text("createService.service.instances.0.url.0.hostname"), ".example.test") {
			t.Errorf("no host name in %s", a.raw)
		}
		a = p.do(`mutation($in: UpdateServiceInstanceInput!) { updateServiceInstance(input: $in) { instance { version settings { port startCommand } } deployment { id } } }`,
			vars{"in": vars{"serviceInstanceId": instance, "settings": vars{"port": nil, "startCommand": "serve --all"}, "apply": "STAGE"}}).ok()
		if a.at("updateServiceInstance.instance.settings.port") != nil || a.text("updateServiceInstance.instance.settings.startCommand") != "serve --all" {
			t.Errorf("changed to %s", a.raw)
		}
		for _, words := range []any{[]any{}, nil} { // nothing, and what the source says
			a = p.do(`mutation($in: UpdateServiceInstanceInput!) { updateServiceInstance(input: $in) { instance { settings { preDeployCommand } } } }`,
				vars{"in": vars{"serviceInstanceId": instance, "settings": vars{"preDeployCommand": words}, "apply": "STAGE"}}).ok()
			if got := a.at("updateServiceInstance.instance.settings.preDeployCommand"); !cmp.Equal(got, words) {
				t.Errorf("%v became %v", words, got)
			}
		}
		p.do(`mutation($in: UpdateServiceInput!) { updateService(input: $in) { service { name } } }`, vars{"in": vars{"serviceId": service, "name": "Shop front"}}).ok()
		p.do(`mutation($in: ScaleServiceInput!) { scaleService(input: $in) { instance { id } } }`, vars{"in": vars{"serviceInstanceId": instance, "replicas": 51}}).
			fails("INVALID", "replicas")
		p.do(`mutation($in: DeleteServiceInput!) { deleteService(input: $in) { operation { id } } }`, vars{"in": vars{"serviceId": service}}).ok()
	})
}

func TestASecretNeverComesBack(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		tn := w.tenant("a")
		const fields = `id name scope secret value digest usedAt updatedAt updatedBy { id } version`
		const set = `mutation($in: SetVariablesInput!) { setVariables(input: $in) { variables { ` + fields + ` } } }`
		target := vars{"environmentId": tn.environment.ID}
		answers := []*answer{
			tn.owner.do(set, vars{"in": vars{"target": target, "variables": []any{vars{"name": "KEY", "value": "tops3cret", "secret": true}}}}).ok(),
			tn.owner.do(`query($id: ID!) { node(id: $id) { ... on Environment { variables { `+fields+` } events { nodes { message payload } } } } }`, vars{"id": tn.environment.ID}).ok(),
			tn.owner.do(`mutation($in: PutRegistryCredentialInput!) { putRegistryCredential(input: $in) { registryCredential { id host username createdAt lastUsedAt } } }`,
				vars{"in": vars{"workspaceId": tn.workspace.ID, "host": "ghcr.io", "username": "ann", "password": "tops3cret"}}).ok(),
			tn.owner.do(`{ workspace(slug: "a-ws") { registryCredentials { id host username createdAt lastUsedAt } events { nodes { message payload } } } }`, nil).ok(),
			tn.owner.do(set, vars{"in": vars{"target": target, "variables": []any{vars{"name": "KEY ", "value": "tops3cret", "secret": true}}}}),
			tn.owner.do(set, vars{"in": vars{"target": target, "variables": []any{vars{"name": "KEY", "value": "tops3cret", "secret": 7}}}}),
		}
		for _, a := range answers {
			if strings.Contains(a.raw, "tops3cret") {
				t.Errorf("the secret is in %s", a.raw)
			}
		}
		if v := answers[1].at("node.variables.0"); dig(v, "secret") != true || dig(v, "value") != nil || dig(v, "digest") == "" {
			t.Errorf("the variable is %v", v)
		}
		for _, table := range []string{"variable_versions", "registry_credentials", "events", "idempotency_keys"} {
			if dumped := dump(t, db, table); strings.Contains(dumped, "tops3cret") {
				t.Errorf("%s holds the secret as it is", table)
			}
		}
		a := tn.owner.do(`mutation($in: UnsetVariablesInput!) { unsetVariables(input: $in) { removed } }`, vars{"in": vars{"target": target, "names": []string{"KEY", "NONE"}}}).ok()
		if diff := cmp.Diff([]any{"KEY"}, a.list("unsetVariables.removed")); diff != "" {
			t.Error(diff)
		}
		const forget = `mutation($in: RemoveRegistryCredentialInput!) { removeRegistryCredential(input: $in) { removedId } }`
		id := answers[2].text("putRegistryCredential.registryCredential.id")
		if a := tn.owner.do(forget, vars{"in": vars{"credentialId": id}}).ok(); a.text("removeRegistryCredential.removedId") != id {
			t.Errorf("removed %s", a.raw)
		}
		tn.owner.do(forget, vars{"in": vars{"credentialId": id}}).fails("NOT_FOUND", "")
	})
}

func TestNamesThatCanBeHad(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.SQLite(t))
	tn := w.tenant("a")
	const ask = `query($kind: NameKind!, $name: String!, $scope: ID!) { nameAvailable(kind: $kind, name: $name, scopeId: $scope) { available reason suggestion } }`
	taken := tn.owner.do(ask, vars{"kind": "PROJECT", "name": "a-prj", "scope": tn.workspace.ID}).ok()
	if taken.at("nameAvailable.available") != false || taken.text("nameAvailable.reason") == "" || taken.text("nameAvailable.suggestion") == "" {
		t.Errorf("a taken name is answered by %s", taken.raw)
	}
	free := tn.owner.do(ask, vars{"kind": "SERVICE", "name": "free", "scope": tn.project.ID}).ok()
	if free.at("nameAvailable.available") != true || free.at("nameAvailable.suggestion") != nil {
		t.Errorf("a free name is answered by %s", free.raw)
	}
	tn.owner.do(ask, vars{"kind": "SERVICE", "name": "free", "scope": ident.New(ident.Project)}).fails("NOT_FOUND", "")
}

// One key stands for a change of settings and what it deploys.
func TestSettingsAreChangedAndDeployedOnceUnderOneKey(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		tn := w.tenant("a")
		w.deployment(tn, 500)
		tn.instance.Update().SetLastNumber(500).SetSettings(spec.Settings{}).ExecX(w.system)
		update := func(settings vars, clientID string) *answer {
			body := toJSON(t, vars{
				"query":     `mutation($in: UpdateServiceInstanceInput!) { updateServiceInstance(input: $in) { clientMutationId instance { version } deployment { id } } }`,
				"variables": vars{"in": vars{"serviceInstanceId": tn.instance.ID, "settings": settings, "clientMutationId": clientID}},
			})
			return tn.owner.post(string(body), map[string]string{"Idempotency-Key": "k"})
		}
		first, again := update(vars{"port": 8080}, "1").ok(), update(vars{"port": 8080}, "2").ok()
		const id, version = "updateServiceInstance.deployment.id", "updateServiceInstance.instance.version"
		if first.text(id) == "" || first.text(id) != again.text(id) || first.at(version) != again.at(version) || again.text("updateServiceInstance.clientMutationId") != "2" {
			t.Errorf("%s, and again %s", first.raw, again.raw)
		}
		for what, settings := range map[string]vars{"another port": {"port": 9090}, "null": {"port": nil}, "something more": {"port": 8080, "timeZone": nil}} {
			if a := update(settings, "1"); a.code() != "IDEMPOTENCY_KEY_REUSED" {
				t.Errorf("%s under the same key: %s", what, a.raw)
			}
		}
	})
}

// The header of the upgrade request says nothing of the operations on a socket.
func TestAnIdempotencyKeyIsThatOfOneOperation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.SQLite(t))
	p := w.user("ann")
	ws := w.workspace("team", p)
	f := p.connect("Idempotency-Key", "k")
	for _, name := range []string{"One", "Two"} {
		f.begin(name, createProject, vars{"in": vars{"workspaceId": ws.ID, "name": name}})
		if got := f.next().ok().text("createProject.project.name"); got != name {
			t.Errorf("%s made %s", name, got)
		}
		f.completes()
	}
}

func TestARegistryCredentialIsChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.SQLite(t))
	tn := w.tenant("a")
	const put = `mutation($in: PutRegistryCredentialInput!) { putRegistryCredential(input: $in) { registryCredential { id } } }`
	for _, c := range []struct{ host, username, password, field string }{
		{"ghcr.io:99999", "u", "p", "host"},
		{"ghcr.io:0", "u", "p", "host"},
		{"https://ghcr.io", "u", "p", "host"},
		{"ghcr.io", "u\u0001", "p", "username"},
		{"ghcr.io", "u:v", "p", "username"},
		{"ghcr.io", "u", "p\u001b", "password"},
	} {
		in := vars{"workspaceId": tn.workspace.ID, "host": c.host, "username": c.username, "password": c.password}
		tn.owner.do(put, vars{"in": in}).fails("INVALID", c.field)
	}
	if n := w.db.RegistryCredential.Query().CountX(w.system); n != 1 {
		t.Errorf("%d credentials, want the tenant's one", n)
	}
}

func TestARetryIsMadeOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		p := w.user("ann")
		ws := w.workspace("team", p)
		in := vars{"workspaceId": ws.ID, "name": "Shop", "idempotencyKey": "k1"}
		first, again := p.do(createProject, vars{"in": in}).ok(), p.do(createProject, vars{"in": in}).ok()
		if first.text("createProject.project.id") != again.text("createProject.project.id") {
			t.Error("the retry made another project")
		}
		in["name"] = "Another"
		p.do(createProject, vars{"in": in}).fails("IDEMPOTENCY_KEY_REUSED", "idempotencyKey")

		body := string(toJSON(t, vars{"query": createProject, "variables": vars{"in": vars{"workspaceId": ws.ID, "name": "Second"}}}))
		header := map[string]string{"Idempotency-Key": "k2"}
		first, again = p.post(body, header).ok(), p.post(body, header).ok()
		if first.text("createProject.project.id") != again.text("createProject.project.id") {
			t.Error("the retry by header made another project")
		}
		header = map[string]string{"Idempotency-Key": strings.Repeat("k", 4000)}
		body = string(toJSON(t, vars{"query": createProject, "variables": vars{"in": vars{"workspaceId": ws.ID, "name": "Third"}}}))
		first, again = p.post(body, header).ok(), p.post(body, header).ok()
		if first.text("createProject.project.id") != again.text("createProject.project.id") {
			t.Error("the retry by a long header made another project")
		}
	})
}
