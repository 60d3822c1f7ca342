package deploy

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/deployment"
	"github.com/davitdev/davit/internal/spec"
)

// recipe is all that the image of a build depends on and that the rows know.
type recipe struct {
	Source    string
	Settings  spec.Settings
	Variables []spec.VariableRef
}

// BuildKey names what the image of a deployment is made of: two with the same
// key make the same image, apart from what their base images and the network
// hold by then. It is "" as long as the commit of a repository is not known.
func (s *Service) BuildKey(ctx context.Context, d *ent.Deployment) (string, error) {
	var r recipe
	switch src := d.Source; {
	case src.Upload != nil:
		sum, err := s.ArtifactSum(ctx, src.Upload.ArtifactID)
		if err != nil {
			return "", err
		}
		r.Source = sum
	case src.Git != nil && d.Commit != nil:
		r.Source = d.Commit.SHA + " " + src.Git.RootDirectory
	default:
		return "", nil
	}
	r.Settings = d.Settings
	// What only matters once an image runs. What is not named here counts.
	r.Settings.HealthCheck, r.Settings.Resources, r.Settings.DrainTimeout = nil, spec.Resources{}, 0
	r.Settings.RestartPolicy, r.Settings.RestartMaxRetries = "", 0
	r.Settings.PreDeployCommand, r.Settings.Processes, r.Settings.ConfigFiles = nil, nil, nil
	r.Settings.Cron, r.Settings.TimeZone, r.Settings.CronOverlap = "", "", ""
	for _, v := range d.Variables {
		if v.Build {
			r.Variables = append(r.Variables, spec.VariableRef{Name: v.Name, Digest: v.Digest, Secret: v.Secret})
		}
	}
	text, err := json.Marshal(r)
	if err != nil {
		return "", fmt.Errorf("build key: %w", err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// SameBuild returns the latest deployment of the same service whose image or
// static site was built of what key names and is kept, nil if there is none.
func (s *Service) SameBuild(ctx context.Context, c *Claim, key string) (*ent.Deployment, error) {
	ids, err := s.DB.Strings(ctx, `SELECT d.id FROM builds b JOIN deployments d ON d.id = b.deployment_id
		WHERE b.recipe = ? AND b.status = 'SUCCEEDED' AND d.service_id = ? AND d.id <> ? AND (d.is_active OR d.status <> 'COMPLETED' OR d.conclusion = 'SUCCEEDED'
			AND (SELECT COUNT(*) FROM (SELECT 1 FROM deployments n WHERE n.instance_id = d.instance_id AND n.number > d.number
				AND n.conclusion = 'SUCCEEDED' LIMIT ?) AS newer) < ?) ORDER BY d.id DESC LIMIT 1`,
		key, c.Row.ServiceID, c.ID, s.keeps(), s.keeps())
	if err != nil {
		return nil, fmt.Errorf("find the same build: %w", err)
	}
	if len(ids) == 0 {
		return nil, nil //nolint:nilnil // there is none
	}
	d, err := s.DB.Deployment.Query().Where(deployment.ID(ids[0]), deployment.Or(deployment.ImageNotNil(), deployment.BundleNotNil())).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, nil //nolint:nilnil // likewise
	}
	if err != nil {
		return nil, fmt.Errorf("load the same build: %w", err)
	}
	return d, nil
}
