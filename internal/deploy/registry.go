package deploy

import (
	"context"
	"fmt"

	"github.com/davitdev/davit/ent/registrycredential"
	"github.com/davitdev/davit/internal/spec"
)

// OpenedByOthers reports whether another workspace than this has what opens the
// registry of an image.
func (s *Service) OpenedByOthers(ctx context.Context, workspaceID, image string) (bool, error) {
	others, err := s.DB.RegistryCredential.Query().
		Where(registrycredential.Host(spec.ImageHost(image)), registrycredential.WorkspaceIDNEQ(workspaceID)).Exist(ctx)
	if err != nil {
		return false, fmt.Errorf("find registry credentials of others: %w", err)
	}
	return others, nil
}
