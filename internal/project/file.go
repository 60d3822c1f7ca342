package project

import (
	"context"
	"fmt"
	"slices"

	"github.com/davitdev/davit/ent/fileversion"
	"github.com/davitdev/davit/internal/ident"
	"github.com/davitdev/davit/internal/secret"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
)

// sealFiles returns files as settings of an instance keep them: what each holds
// is a version of its own, unless it is what before has at the same path.
func (s *Service) sealFiles(ctx context.Context, tx *store.Tx, projectID, instanceID string, files, before []spec.ConfigFile) ([]spec.ConfigFile, error) {
	out := slices.Clone(files)
	for n, f := range out {
		if f.Content == nil {
			continue
		}
		f.Digest = s.Keys.Digest(secret.Place{Table: "file_versions", Row: instanceID, Field: f.Path}, *f.Content)
		f.Size = len(*f.Content)
		at := slices.IndexFunc(before, func(b spec.ConfigFile) bool { return b.Path == f.Path && b.Digest == f.Digest })
		there := false // a row that was lost is made anew
		if at >= 0 {
			var err error
			if there, err = tx.FileVersion.Query().Where(fileversion.ID(before[at].VersionID)).Exist(ctx); err != nil {
				return nil, fmt.Errorf("find file version: %w", err)
			}
		}
		if there {
			f.VersionID = before[at].VersionID
		} else {
			f.VersionID = ident.New(ident.FileVersion)
			sealed, err := s.Keys.Seal(secret.FilePlace(f.VersionID), *f.Content)
			if err != nil {
				return nil, err
			}
			err = tx.FileVersion.Create().SetID(f.VersionID).SetProjectID(projectID).SetInstanceID(instanceID).SetSealed(sealed).Exec(ctx)
			if err != nil {
				return nil, fmt.Errorf("create file version: %w", store.Race(err))
			}
		}
		f.Content = nil
		out[n] = f
	}
	return out, nil
}

// changedFiles are the paths of the config files that differ.
func changedFiles(before, after []spec.ConfigFile) []string {
	old := map[string]spec.ConfigFile{}
	for _, f := range before {
		old[f.Path] = f
	}
	var changed []string
	for _, f := range after {
		if old[f.Path] != f {
			changed = append(changed, f.Path)
		}
		delete(old, f.Path)
	}
	for p := range old {
		changed = append(changed, p)
	}
	slices.Sort(changed)
	return changed
}
