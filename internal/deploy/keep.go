package deploy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/artifact"
	"github.com/davitdev/davit/ent/deployment"
	"github.com/davitdev/davit/ent/predicate"
	"github.com/davitdev/davit/ent/serviceinstance"
	"github.com/davitdev/davit/internal/access"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
)

// DefaultKept is how many successful deployments of an instance can be rolled
// back to where nobody says otherwise.
const DefaultKept = 5

// UploadGrace is how long an upload that nothing needs is kept: whoever sent it
// may be about to deploy it.
const UploadGrace = time.Hour

// SiteGrace is how long the files of a static site stay that no row names yet:
// longer than a deployment may take to write them and then its row.
const SiteGrace = 2 * time.Hour

// keptIDs selects the ids of the deployments whose image and source are kept: of
// each instance the last successful ones, what serves, and what is under way.
const keptIDs = `SELECT id FROM (SELECT id, ROW_NUMBER() OVER (PARTITION BY instance_id ORDER BY number DESC) AS nth
		FROM deployments WHERE conclusion = 'SUCCEEDED') AS last WHERE nth <= ?
	UNION SELECT id FROM deployments WHERE is_active OR status <> 'COMPLETED'`

func (s *Service) keeps() int {
	if s.Kept == 0 {
		return DefaultKept
	}
	return s.Kept
}

// Needed is what of the world outside the rows is still needed.
type Needed struct {
	Images   map[string]bool // by their ID
	Bundles  map[string]bool // by their digest
	UnderWay map[string]bool // deployments that have not ended
	Building bool            // one of them may make an image whose ID no row has yet
}

// Needed reads what is needed. What is made later than that is made for a row
// that is older: look at the world first, then call this.
func (s *Service) Needed(ctx context.Context) (Needed, error) {
	out := Needed{Images: map[string]bool{}, Bundles: map[string]bool{}, UnderWay: map[string]bool{}}
	err := s.EachKept(ctx, func(d *ent.Deployment) {
		if d.Image != nil {
			out.Images[d.Image.ID] = true
		}
		if d.Bundle != nil {
			out.Bundles[d.Bundle.Digest] = true
		}
		if !d.Status.Final() {
			out.UnderWay[d.ID] = true
			out.Building = out.Building || d.Image == nil && d.Bundle == nil
		}
	})
	return out, err
}

// EachKept calls do for every deployment whose image and source are kept: of
// each instance the last successful ones, what serves, and what is under way.
func (s *Service) EachKept(ctx context.Context, do func(*ent.Deployment)) error {
	ids, err := s.DB.Strings(ctx, keptIDs, s.keeps())
	if err != nil {
		return fmt.Errorf("find kept deployments: %w", err)
	}
	for some := range slices.Chunk(ids, 500) {
		rows, err := s.DB.Deployment.Query().Where(deployment.IDIn(some...)).All(ctx)
		if err != nil {
			return fmt.Errorf("load kept deployments: %w", err)
		}
		for _, d := range rows {
			do(d)
		}
	}
	return nil
}

// ForgetUploads deletes the artifacts that no service and no kept deployment
// needs: those that were never sent and no longer can be, and those that were
// received longer than UploadGrace ago.
func (s *Service) ForgetUploads(ctx context.Context) error {
	now := clock()
	// Before what needs them: an artifact is older than the deployment of it.
	old, err := s.DB.Artifact.Query().Where(stale(now)).All(ctx)
	if err != nil {
		return fmt.Errorf("list artifacts: %w", err)
	}
	if len(old) == 0 {
		return nil
	}
	needed := map[string]bool{}
	err = s.EachKept(ctx, func(d *ent.Deployment) {
		if d.Source.Upload != nil {
			needed[d.Source.Upload.ArtifactID] = true
		}
	})
	if err != nil {
		return err
	}
	for _, a := range old {
		if needed[a.ID] {
			continue
		}
		if err := s.DB.Tx(ctx, func(tx *store.Tx) error { return s.forgetUpload(ctx, tx, a, now) }); err != nil {
			return err
		}
	}
	return nil
}

// stale selects the artifacts that were never sent and no longer can be, and
// those that were received longer than UploadGrace ago.
func stale(now time.Time) predicate.Artifact {
	return artifact.Or(
		artifact.And(artifact.ReceivedAtIsNil(), artifact.ExpiresAtLT(now)),
		artifact.ReceivedAtLT(now.Add(-UploadGrace)),
	)
}

// forgetUpload deletes a stale artifact unless it is its service's source, or
// that of a deployment that is kept by now. The service is locked, as by whoever
// makes it that, and then the artifact, as by whoever deploys it.
func (s *Service) forgetUpload(ctx context.Context, tx *store.Tx, a *ent.Artifact, now time.Time) error {
	svc, err := access.LockService(ctx, tx, a.ServiceID)
	if err != nil && !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.NotFound) {
		return err
	}
	if svc != nil && svc.Source.Upload != nil && svc.Source.Upload.ArtifactID == a.ID {
		return nil
	}
	if _, err := tx.Strings(ctx, "SELECT id FROM artifacts WHERE id = ? {lock}", a.ID); err != nil {
		return fmt.Errorf("lock artifact: %w", err)
	}
	kept, err := s.keptOf(ctx, tx, deployment.FieldServiceID, a.ServiceID)
	if err != nil {
		return err
	}
	for _, d := range kept {
		if d.Source.Upload != nil && d.Source.Upload.ArtifactID == a.ID {
			return nil
		}
	}
	if _, err := tx.Artifact.Delete().Where(artifact.ID(a.ID), stale(now)).Exec(ctx); err != nil {
		return fmt.Errorf("forget artifact: %w", err)
	}
	return nil
}

// keptOf loads the deployments of an instance or a service, whose id is in
// column, whose image and source are kept.
func (s *Service) keptOf(ctx context.Context, tx *store.Tx, column, id string) ([]*ent.Deployment, error) {
	ids, err := tx.Strings(ctx, "SELECT id FROM deployments WHERE "+column+" = ? AND id IN ("+keptIDs+")", id, s.keeps())
	if err != nil {
		return nil, fmt.Errorf("find kept deployments: %w", err)
	}
	kept, err := tx.Deployment.Query().Where(deployment.IDIn(ids...)).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("load kept deployments: %w", err)
	}
	return kept, nil
}

// UploadNeeded reports whether an artifact is, or is to become, the archive
// with this SHA-256.
func (s *Service) UploadNeeded(ctx context.Context, sum string) (bool, error) {
	return s.DB.Artifact.Query().Where(artifact.Sha256(sum)).Exist(ctx)
}

// InstanceExists reports whether an instance is there.
func (s *Service) InstanceExists(ctx context.Context, id string) (bool, error) {
	return s.DB.ServiceInstance.Query().Where(serviceinstance.ID(id)).Exist(ctx)
}

// stillKept fails with IMAGE_NOT_KEPT if the image, or the files, of a
// deployment may have been removed. An image of a registry can be pulled again.
func (s *Service) stillKept(ctx context.Context, tx *store.Tx, d *ent.Deployment) error {
	if d.Source.Image != nil {
		return nil
	}
	needed, err := tx.Deployment.Query().Where(deployment.ID(d.ID), deployment.Or(deployment.IsActive(true), Unfinished)).Exist(ctx)
	if err != nil {
		return fmt.Errorf("find deployment: %w", err)
	}
	if needed {
		return nil
	}
	rows, err := tx.Deployment.Query().
		Where(deployment.InstanceID(d.InstanceID), deployment.ConclusionEQ(lifecycle.Succeeded)).
		Order(ent.Desc(deployment.FieldNumber)).Limit(s.keeps()).All(ctx)
	if err != nil {
		return fmt.Errorf("list kept deployments: %w", err)
	}
	var numbers []string
	for _, r := range rows {
		if r.ID == d.ID {
			return nil
		}
		numbers = append(numbers, fmt.Sprintf("#%d", r.Number))
	}
	gone := notKept(d)
	if len(numbers) == 0 {
		return gone.WithHint("No deployment went live yet: deploy the source again.")
	}
	return gone.WithHint("Kept are those of %s. Roll back to one of them, or deploy the source again.", strings.Join(numbers, ", "))
}

// sourceKept fails with UPLOAD_EXPIRED if a source, which what names, is gone.
// If it is not, nobody forgets it before the end of the transaction: then the
// deployment of it is seen.
func sourceKept(ctx context.Context, tx *store.Tx, src spec.Source, what string) error {
	if src.Upload == nil {
		return nil
	}
	ids, err := tx.Strings(ctx, "SELECT id FROM artifacts WHERE id = ? AND received_at IS NOT NULL {lock}", src.Upload.ArtifactID)
	if err != nil {
		return fmt.Errorf("lock artifact: %w", err)
	}
	if len(ids) == 0 {
		return fault.New(fault.UploadExpired, "%s is no longer kept.", what).WithHint("Upload it again, and deploy that.")
	}
	return nil
}

// notKept says that what a deployment ran or served is gone.
func notKept(d *ent.Deployment) *fault.Error {
	if d.Bundle != nil {
		return fault.New(fault.ImageNotKept, "The files of deployment #%d are no longer kept.", d.Number)
	}
	return fault.New(fault.ImageNotKept, "The image of deployment #%d is no longer kept.", d.Number)
}
