package project

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/service"
	"github.com/davitdev/davit/ent/serviceinstance"
	"github.com/davitdev/davit/internal/access"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
)

// ChangeService describes what of a service to change; nil keeps.
type ChangeService struct {
	ID              string
	ExpectedVersion *int
	Name            *string
	Source          *spec.Source
	Access          GitAccess // to the repository of Source
}

// UpdateService changes a service. A new source counts from the next
// deployment on.
func (s *Service) UpdateService(ctx context.Context, in ChangeService) (*ent.Service, error) {
	svc, err := access.Service(ctx, s.DB.Client, access.Write, in.ID)
	if err != nil {
		return nil, err
	}
	if in.Name != nil {
		if err := spec.CheckName("name", *in.Name); err != nil {
			return nil, err
		}
	}
	if in.Source != nil {
		if err := s.checkSource(ctx, svc.Edges.Project.WorkspaceID, svc.ID, *in.Source, in.Access); err != nil {
			return nil, err
		}
		if err := checkKind(svc.Kind, *in.Source, 1); err != nil {
			return nil, err
		}
	}
	err = s.DB.Tx(ctx, func(tx *store.Tx) error {
		svc, err := access.LockService(ctx, tx, svc.ID)
		if err != nil {
			return err
		}
		_, err = tx.Once(ctx, "updateService", s.withoutToken(in), func() (string, error) { return svc.ID, s.updateService(ctx, tx, svc, in) })
		return err
	})
	if err != nil {
		return nil, err
	}
	return access.Service(ctx, s.DB.Client, access.Write, svc.ID)
}

// updateService changes a locked service.
func (s *Service) updateService(ctx context.Context, tx *store.Tx, svc *ent.Service, in ChangeService) error {
	if in.ExpectedVersion != nil && *in.ExpectedVersion != svc.Version {
		return stale(false)
	}
	u := tx.Service.Update().Where(service.ID(svc.ID)).AddVersion(1).SetNillableName(in.Name)
	if in.Source != nil {
		u.SetSource(*in.Source)
	}
	if err := u.Exec(ctx); err != nil {
		return fmt.Errorf("write service: %w", err)
	}
	if in.Source != nil {
		if err := s.open(ctx, tx, svc, *in.Source, in.Access); err != nil {
			return err
		}
	}
	return tx.Record(ctx, store.Event{
		Scope: serviceScope(svc), Type: "service.updated", SubjectID: svc.ID, Message: fmt.Sprintf("Service %s was changed.", svc.Name),
	})
}

// ChangeInstance describes new settings of an instance.
type ChangeInstance struct {
	ID              string
	ExpectedVersion *int
	// Apply returns the settings to be in force, given those that are. It is
	// called again if the transaction runs again, and changes nothing else.
	Apply func(spec.Settings) spec.Settings
	// Asked is what was asked for, in JSON: an idempotency key stands for that.
	Asked any
}

// UpdateInstance changes the settings of an instance. They count from the next
// deployment on.
func (s *Service) UpdateInstance(ctx context.Context, in ChangeInstance) (*ent.ServiceInstance, error) {
	if _, err := access.Instance(ctx, s.DB.Client, access.Write, in.ID); err != nil {
		return nil, err
	}
	asked, err := s.withoutAsked(in)
	if err != nil {
		return nil, err
	}
	err = s.DB.Tx(ctx, func(tx *store.Tx) error {
		i, err := access.LockInstance(ctx, tx, in.ID)
		if err != nil {
			return err
		}
		_, err = tx.Once(ctx, "updateServiceInstance", asked, func() (string, error) { return i.ID, s.updateInstance(ctx, tx, i, in) })
		return err
	})
	if err != nil {
		return nil, err
	}
	return access.Instance(ctx, s.DB.Client, access.Write, in.ID)
}

// updateInstance changes the settings of a locked instance.
func (s *Service) updateInstance(ctx context.Context, tx *store.Tx, i *ent.ServiceInstance, in ChangeInstance) (err error) {
	if in.ExpectedVersion != nil && *in.ExpectedVersion != i.Version {
		return stale(false)
	}
	settings := in.Apply(i.Settings)
	if err := settings.Validate("settings"); err != nil {
		return err
	}
	message := fmt.Sprintf("The settings of %s in %s were changed.", i.Edges.Service.Name, i.Edges.Environment.Name)
	if settings.ConfigFiles, err = s.sealFiles(ctx, tx, i.ProjectID, i.ID, settings.ConfigFiles, i.Settings.ConfigFiles); err != nil {
		return err
	}
	if paths := changedFiles(i.Settings.ConfigFiles, settings.ConfigFiles); len(paths) > 0 {
		message += " Config files that are others now: " + strings.Join(paths, ", ") + "."
	}
	u := tx.ServiceInstance.Update().Where(serviceinstance.ID(i.ID)).SetSettings(settings).AddVersion(1)
	if !slices.Equal(settings.Processes, i.Settings.Processes) { // says how many replicas, too
		u.ClearProcessReplicas()
	}
	if err := u.Exec(ctx); err != nil {
		return fmt.Errorf("write settings: %w", err)
	}
	return tx.Record(ctx, store.Event{
		Scope: store.InstanceScope(i), Type: "service.settings_changed", SubjectID: i.ID, Message: message,
	})
}
