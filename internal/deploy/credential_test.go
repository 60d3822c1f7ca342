package deploy

import (
	"strings"
	"testing"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/ident"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

// What opens a registry goes to no other, whatever image somebody deploys.
func TestACredentialStaysWithItsRegistry(t *testing.T) {
	t.Parallel()

	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		mine := must(w.projects.PutRegistryCredential(w.ctx, w.project.WorkspaceID, "registry.test", "bot", "hunter2"))(t)
		w.instance = w.service("private", spec.Source{Image: &spec.ImageSource{Image: "registry.test/app:v1", CredentialID: mine.ID}})
		for image, want := range map[string]string{
			"registry.test/other:v2": mine.ID, "evil.test/app:v1": "", "registry.test.evil.test/app": "", "app:v1": "",
		} {
			order := w.order()
			order.Image = image
			d := must(w.Request(w.ctx, order))(t)
			if got := d.Source.Image.CredentialID; got != want {
				t.Errorf("%s is deployed with the credential %q, want %q", image, got, want)
			}
			login := must(w.OpenCredential(w.ctx, w.project.WorkspaceID, d.Source.Image))(t)
			if (login != nil) != (want != "") {
				t.Errorf("%s is opened with %v", image, login)
			}
		}
		_, err := w.OpenCredential(w.ctx, w.project.WorkspaceID, &spec.ImageSource{Image: "evil.test/app:v1", CredentialID: mine.ID})
		wantFault(t, "a credential named for another registry", err, fault.ImageUnauthorized)
	})
}

func TestARegistryThatOthersOpenIsKnown(t *testing.T) {
	t.Parallel()

	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		must(w.projects.PutRegistryCredential(w.ctx, w.project.WorkspaceID, "registry.test", "bot", "hunter2"))(t)
		sum := "@sha256:" + strings.Repeat("0", 64)
		for _, image := range []string{"registry.test/app", "registry.test/app:v1", "registry.test/app" + sum, "Registry.test/app:v1" + sum} {
			if got := must(w.OpenedByOthers(w.ctx, w.project.WorkspaceID, image))(t); got {
				t.Errorf("%s is opened by others than who has the only credential", image)
			}
			if got := must(w.OpenedByOthers(w.ctx, ident.New(ident.Workspace), image))(t); !got {
				t.Errorf("nobody else opens %s", image)
			}
		}
		if got := must(w.OpenedByOthers(w.ctx, ident.New(ident.Workspace), "app:v1"))(t); got {
			t.Error("a credential opens another registry")
		}
	})
}
