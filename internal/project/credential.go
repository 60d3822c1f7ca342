package project

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/registrycredential"
	"github.com/davitdev/davit/internal/access"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/ident"
	"github.com/davitdev/davit/internal/lazy"
	"github.com/davitdev/davit/internal/secret"
	"github.com/davitdev/davit/internal/store"
)

// registryHost is a host name or address with an optional port.
var registryHost = lazy.Regexp(`^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?(:[0-9]{1,5})?$`)

// hasPort reports whether the port of a registry host, if there is one, can be.
func hasPort(host string) bool {
	_, port, said := strings.Cut(host, ":")
	n, err := strconv.ParseUint(port, 10, 16)
	return !said || err == nil && n > 0
}

// PutRegistryCredential stores, or replaces, what opens the private images of
// a registry host. The password is never returned.
func (s *Service) PutRegistryCredential(ctx context.Context, workspaceID, host, username, password string) (*ent.RegistryCredential, error) {
	w, err := access.Workspace(ctx, s.DB.Client, access.Write, workspaceID)
	if err != nil {
		return nil, err
	}
	host = strings.ToLower(host)
	if host == "index.docker.io" || host == "registry-1.docker.io" { // as an image says it
		host = "docker.io"
	}
	switch {
	case !registryHost().MatchString(host) || !hasPort(host):
		return nil, fault.At("host", fault.Invalid, "The host of a registry looks like ghcr.io or registry.example.com:5000.")
	case username == "" || len(username) > 255 || strings.Contains(username, ":") || strings.ContainsFunc(username, unicode.IsControl):
		return nil, fault.At("username", fault.Invalid, "The user name is empty, too long, or has a colon or a control character.")
	case password == "" || len(password) > 8192 || strings.ContainsFunc(password, unicode.IsControl):
		return nil, fault.At("password", fault.Invalid, "The password is empty, too long, or has a control character.")
	}
	var id string
	err = s.DB.Tx(ctx, func(tx *store.Tx) error {
		old, err := tx.RegistryCredential.Query().Where(registrycredential.WorkspaceID(w.ID), registrycredential.Host(host)).Only(ctx)
		if err != nil && !ent.IsNotFound(err) {
			return err
		}
		id = ident.New(ident.RegistryCredential)
		if old != nil {
			id = old.ID
		}
		sealed, err := s.Keys.Seal(secret.RegistryPlace(id), password)
		if err != nil {
			return err
		}
		if old != nil {
			err = tx.RegistryCredential.Update().Where(registrycredential.ID(id)).SetUsername(username).SetPassword(sealed).Exec(ctx)
		} else {
			err = tx.RegistryCredential.Create().SetID(id).SetWorkspaceID(w.ID).SetHost(host).SetUsername(username).SetPassword(sealed).Exec(ctx)
		}
		if err != nil {
			return store.Race(err)
		}
		return tx.Record(ctx, store.Event{
			Scope: store.Scope{WorkspaceID: w.ID}, Type: "registry_credential.put", SubjectID: id,
			Message: fmt.Sprintf("The credential for %s was stored.", host),
		})
	})
	if err != nil {
		return nil, err
	}
	return access.RegistryCredential(ctx, s.DB.Client, access.Write, id)
}

// RemoveRegistryCredential forgets a credential. Services that name it can no
// longer pull.
func (s *Service) RemoveRegistryCredential(ctx context.Context, id string) error {
	c, err := access.RegistryCredential(ctx, s.DB.Client, access.Write, id)
	if err != nil {
		return err
	}
	return s.DB.Tx(ctx, func(tx *store.Tx) error {
		n, err := tx.RegistryCredential.Delete().Where(registrycredential.ID(c.ID)).Exec(ctx)
		if err != nil {
			return fmt.Errorf("remove credential: %w", err)
		}
		if n == 0 {
			return access.Missing()
		}
		return tx.Record(ctx, store.Event{
			Scope: store.Scope{WorkspaceID: c.WorkspaceID}, Type: "registry_credential.removed", SubjectID: c.ID,
			Message: fmt.Sprintf("The credential for %s was removed.", c.Host),
		})
	})
}
