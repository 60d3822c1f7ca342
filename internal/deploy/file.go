package deploy

import (
	"context"
	"fmt"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/deployment"
	"github.com/davitdev/davit/ent/fileversion"
	"github.com/davitdev/davit/ent/serviceinstance"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/secret"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
)

// OpenFiles returns what config files hold, in their order. Only the worker
// calls it.
func (s *Service) OpenFiles(ctx context.Context, files []spec.ConfigFile) ([]string, error) {
	if len(files) == 0 {
		return nil, nil
	}
	rows, err := s.DB.FileVersion.Query().Where(fileversion.IDIn(versionsOf(files)...)).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("load config files: %w", err)
	}
	sealed := make(map[string][]byte, len(rows))
	for _, v := range rows {
		sealed[v.ID] = v.Sealed
	}
	out := make([]string, len(files))
	for n, f := range files {
		if sealed[f.VersionID] == nil {
			return nil, fault.New(fault.Conflict, "What %s held in this deployment is no longer kept: deploy anew.", f.Path)
		}
		out[n], err = s.Keys.Open(secret.FilePlace(f.VersionID), sealed[f.VersionID])
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// filesKept fails with CONFLICT if what the config files of a deployment held is
// gone.
func filesKept(ctx context.Context, tx *store.Tx, d *ent.Deployment) error {
	want := map[string]bool{}
	for _, id := range versionsOf(d.Settings.ConfigFiles) {
		want[id] = true
	}
	if len(want) == 0 {
		return nil
	}
	n, err := tx.FileVersion.Query().Where(fileversion.IDIn(versionsOf(d.Settings.ConfigFiles)...)).Count(ctx)
	if err != nil {
		return fmt.Errorf("find config files: %w", err)
	}
	if n < len(want) {
		return fault.New(fault.Conflict, "The config files of deployment #%d are no longer kept.", d.Number).
			WithHint("Redeploy it: that takes the config files of today.")
	}
	return nil
}

func versionsOf(files []spec.ConfigFile) []string {
	ids := make([]string, len(files))
	for n, f := range files {
		ids[n] = f.VersionID
	}
	return ids
}

// ForgetFiles deletes the versions of config files that neither the settings of
// an instance nor a kept deployment has.
func (s *Service) ForgetFiles(ctx context.Context) error {
	// Before what needs them: settings take only versions that are in force, or
	// made with them.
	rows, err := s.DB.FileVersion.Query().Select(fileversion.FieldID, fileversion.FieldInstanceID).All(ctx)
	if err != nil {
		return fmt.Errorf("list config files: %w", err)
	}
	if len(rows) == 0 {
		return nil
	}
	needed := map[string]bool{}
	need := func(files []spec.ConfigFile) {
		for _, id := range versionsOf(files) {
			needed[id] = true
		}
	}
	instances, err := s.DB.ServiceInstance.Query().All(ctx)
	if err != nil {
		return fmt.Errorf("list instances: %w", err)
	}
	for _, i := range instances {
		need(i.Settings.ConfigFiles)
	}
	if err := s.EachKept(ctx, func(d *ent.Deployment) { need(d.Settings.ConfigFiles) }); err != nil {
		return err
	}
	old := map[string][]string{} // by instance
	for _, v := range rows {
		if !needed[v.ID] {
			old[v.InstanceID] = append(old[v.InstanceID], v.ID)
		}
	}
	for id, versions := range old {
		if err := s.DB.Tx(ctx, func(tx *store.Tx) error { return s.forgetFiles(ctx, tx, id, versions) }); err != nil {
			return err
		}
	}
	return nil
}

// forgetFiles deletes versions of an instance's config files that no setting
// has, unless a deployment that is kept by now does. The instance is locked, as
// by whoever rolls back to one.
func (s *Service) forgetFiles(ctx context.Context, tx *store.Tx, instanceID string, versions []string) error {
	if _, err := hold(ctx, tx, serviceinstance.Table, instanceID); err != nil {
		return unlessMissing(err)
	}
	kept, err := s.keptOf(ctx, tx, deployment.FieldInstanceID, instanceID)
	if err != nil {
		return err
	}
	var needed []string
	for _, d := range kept {
		needed = append(needed, versionsOf(d.Settings.ConfigFiles)...)
	}
	_, err = tx.FileVersion.Delete().Where(fileversion.IDIn(versions...), fileversion.IDNotIn(needed...)).Exec(ctx)
	if err != nil {
		return fmt.Errorf("forget config files: %w", err)
	}
	return nil
}
