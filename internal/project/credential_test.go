package project_test

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/ident"
	"github.com/davitdev/davit/internal/secret"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

func TestRegistryCredentials(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		const password = "hunter2 hunter2"
		c := must(w.PutRegistryCredential(w.editor, w.mine, "GHCR.io", "bot", password))(t)
		if c.Host != "ghcr.io" || c.Username != "bot" {
			t.Errorf("got %+v", c)
		}
		sealed := func(id string) []byte { return db.RegistryCredential.GetX(w.sys, id).Password }
		first := sealed(c.ID)
		if bytes.Contains(first, []byte(password)) || bytes.Contains(first, []byte("hunter2")) {
			t.Error("the password lies open in the database")
		}
		if got := must(w.Keys.Open(secret.RegistryPlace(c.ID), first))(t); got != password {
			t.Errorf("opens as %q", got)
		}
		if strings.Contains(c.String(), password) || strings.Contains(c.String(), string(first)) {
			t.Errorf("printing it shows %s", c)
		}

		again := must(w.PutRegistryCredential(w.owner, w.mine, "ghcr.io", "robot", "other"))(t)
		if again.ID != c.ID || again.Username != "robot" || bytes.Equal(sealed(c.ID), first) {
			t.Errorf("replaced: %+v", again)
		}
		theirs := must(w.PutRegistryCredential(w.stranger, w.them, "ghcr.io", "bot", password))(t)
		if theirs.ID == c.ID || bytes.Equal(sealed(theirs.ID), first) {
			t.Error("two tenants share a credential")
		}
		if _, err := w.Keys.Open(secret.RegistryPlace(theirs.ID), sealed(c.ID)); err == nil {
			t.Error("a sealed password opens at another row")
		}
		if e := w.wantEvent("registry_credential.put", 3); strings.Contains(e.Message, password) {
			t.Errorf("event %+v", e)
		}

		long := strings.Repeat("x", 9000)
		for what, in := range map[string][4]string{
			"no host":                     {"", "u", "p", "host"},
			"a URL":                       {"https://ghcr.io", "u", "p", "host"},
			"a path":                      {"ghcr.io/team", "u", "p", "host"},
			"a host with a newline":       {"ghcr.io\n", "u", "p", "host"},
			"a flag":                      {"-x", "u", "p", "host"},
			"a host that is too long":     {strings.Repeat("a", 300), "u", "p", "host"},
			"no user":                     {"ghcr.io", "", "p", "username"},
			"a user with a colon":         {"ghcr.io", "a:b", "p", "username"},
			"a user that is too long":     {"ghcr.io", long, "p", "username"},
			"no password":                 {"ghcr.io", "u", "", "password"},
			"a password with a newline":   {"ghcr.io", "u", "p\n", "password"},
			"a password that is too long": {"ghcr.io", "u", long, "password"},
		} {
			_, err := w.PutRegistryCredential(w.owner, w.mine, in[0], in[1], in[2])
			wantField(t, what, err, fault.Invalid, in[3])
		}
		_, err := w.PutRegistryCredential(w.viewer, w.mine, "ghcr.io", "u", "p")
		wantCode(t, "a viewer", err, fault.Forbidden)
		_, err = w.PutRegistryCredential(w.stranger, w.mine, "ghcr.io", "u", "p")
		wantCode(t, "a stranger", err, fault.NotFound)

		wantCode(t, "a stranger removes", w.RemoveRegistryCredential(w.stranger, c.ID), fault.NotFound)
		wantCode(t, "a viewer removes", w.RemoveRegistryCredential(w.viewer, c.ID), fault.Forbidden)
		if err := w.RemoveRegistryCredential(w.editor, c.ID); err != nil {
			t.Error(err)
		}
		wantCode(t, "removing it twice", w.RemoveRegistryCredential(w.editor, c.ID), fault.NotFound)
		wantCode(t, "removing nothing", w.RemoveRegistryCredential(w.editor, ident.New(ident.RegistryCredential)), fault.NotFound)
		w.wantEvent("registry_credential.removed", 1)
	})
}

func TestPutRegistryCredentialAtOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				if _, err := w.PutRegistryCredential(w.owner, w.mine, "ghcr.io", "u", "p"); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := db.RegistryCredential.Query().CountX(w.sys); n != 1 {
			t.Errorf("%d credentials, want 1", n)
		}
	})
}
