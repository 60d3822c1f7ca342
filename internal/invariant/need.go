package invariant

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/artifact"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/runner"
)

// The promises about what the deployments that are kept need.
const (
	keepsImages  = "The image of a deployment that serves, or that can be rolled back to, is kept."
	keepsSites   = "The files of a static site that serves, or that can be rolled back to, are kept."
	keepsUploads = "A source that was received is kept as long as its row."
	deployAnew   = "Deploy its source again, or restore a backup of the data directory. What is lost cannot be rolled back to."
)

// needs lists, by what they need, the deployments that are kept.
func (c *Checker) needs(ctx context.Context, of func(*ent.Deployment) string) (map[string]*ent.Deployment, error) {
	needed := map[string]*ent.Deployment{}
	err := c.verbs().EachKept(ctx, func(d *ent.Deployment) {
		if id := of(d); id != "" && (needed[id] == nil || d.IsActive) {
			needed[id] = d
		}
	})
	return needed, err
}

// lost says of a deployment that something it needs is not there.
func lost(rule, object string, d *ent.Deployment, what string) Finding {
	place := "can be rolled back to"
	switch {
	case d.IsActive:
		place = "serves"
	case !d.Status.Final():
		place = "is under way"
	}
	return Finding{Rule: rule, Object: object, Seen: fmt.Sprintf("%s, and %s (#%d), which %s, needs it.", what, d.ID, d.Number, place), Do: deployAnew}
}

// keptImages looks for the images that were built. Those of registries are
// pulled again.
func (c *Checker) keptImages(ctx context.Context) (n int, found []Finding, err error) {
	needed, err := c.needs(ctx, func(d *ent.Deployment) string {
		if d.Image == nil || d.Source.Image != nil {
			return ""
		}
		return d.Image.ID
	})
	if err != nil {
		return 0, nil, err
	}
	list, err := c.Runner.Images(ctx)
	if err != nil {
		return 0, nil, err
	}
	n = len(needed)
	for _, i := range list {
		delete(needed, i.ID)
	}
	for _, id := range slices.Sorted(maps.Keys(needed)) { // few: somebody else named them, or they are gone
		_, err := c.Runner.Image(ctx, id)
		if errors.Is(err, runner.ErrImageNotFound) {
			found = append(found, lost(keepsImages, id, needed[id], "The engine has no such image"))
		} else if err != nil {
			return n, found, err
		}
	}
	return n, found, nil
}

// keptSites looks for the files of static sites, each of its size.
func (c *Checker) keptSites(ctx context.Context) (n int, found []Finding, err error) {
	needed, err := c.needs(ctx, func(d *ent.Deployment) string {
		if d.Bundle == nil {
			return ""
		}
		return d.Bundle.Digest
	})
	if err != nil {
		return 0, nil, err
	}
	for _, id := range slices.Sorted(maps.Keys(needed)) {
		what := "The directory of sites is not there"
		if c.Sites != nil {
			err := c.Sites.Verify(id)
			if err == nil {
				continue
			}
			what = "Its files, or some of them, are gone"
			if !fault.Is(err, fault.ImageNotKept) {
				what = "Its list of files cannot be read (" + err.Error() + ")"
			}
		}
		found = append(found, lost(keepsSites, id, needed[id], what))
	}
	return len(needed), found, nil
}

// keptUploads looks for the archives of artifacts. What starts before an
// artifact is forgotten needs its row, and that its archive.
func (c *Checker) keptUploads(ctx context.Context) (n int, found []Finding, err error) {
	there := map[string]int64{}
	for after := ""; ; {
		rows, err := c.DB.Artifact.Query().Where(artifact.IDGT(after), artifact.ReceivedAtNotNil()).Order(artifact.ByID()).Limit(batch).
			Select(artifact.FieldID, artifact.FieldSha256, artifact.FieldSizeBytes, artifact.FieldServiceID).All(ctx)
		if err != nil {
			return n, found, fmt.Errorf("read artifacts: %w", err)
		}
		if len(rows) > 0 && c.Uploads != nil && len(there) == 0 { // after the first rows, and looked at again before it counts
			list, err := c.Uploads.List()
			if err != nil {
				return n, found, err
			}
			for _, a := range list {
				there[a.SHA256] = a.Size
			}
		}
		for _, a := range rows {
			if size, ok := there[a.Sha256]; !ok || size != a.SizeBytes {
				seen := fmt.Sprintf("The archive %s of service %s is not there.", a.Sha256, a.ServiceID)
				if ok {
					seen = fmt.Sprintf("The archive %s of service %s has %d bytes of %d.", a.Sha256, a.ServiceID, size, a.SizeBytes)
				}
				found = append(found, Finding{Rule: keepsUploads, Object: a.ID, Seen: seen, Do: "Send the source again with \"davit deploy\"."})
			}
		}
		n += len(rows)
		if len(rows) < batch {
			return n, found, nil
		}
		after = rows[len(rows)-1].ID
	}
}
