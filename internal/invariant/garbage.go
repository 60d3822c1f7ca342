package invariant

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/ident"
	"github.com/davitdev/davit/internal/logs"
)

const noGarbage = "Nothing that no row needs outlives the next clean-up."

// garbage is what the next clean-up removes.
func garbage(object, what string) Finding {
	return Finding{
		Rule: noGarbage, Object: object, Pending: true, Seen: what + " is there, and nothing needs it.",
		Do: "A clean-up comes every ten minutes. If it is there after that, look at the server's log.",
	}
}

// sites compares static sites with the deployments that may serve them, and
// what the proxy serves.
func (c *Checker) sites(ctx context.Context) (n int, found []Finding, err error) {
	ids, err := c.Sites.List()
	if err != nil {
		return 0, nil, err
	}
	needed, err := c.verbs().Needed(ctx)
	if err != nil {
		return 0, nil, err
	}
	for _, id := range ids {
		if needed.Bundles[id] {
			continue
		}
		at, err := c.Sites.Touched(id)
		if err != nil {
			return len(ids), found, err
		}
		if !at.IsZero() && time.Since(at) > deploy.SiteGrace { // a younger one may get a row yet
			found = append(found, garbage(id, "The site"))
		}
	}
	return len(ids), found, nil
}

// uploads compares archives with artifacts.
func (c *Checker) uploads(ctx context.Context) (n int, found []Finding, err error) {
	list, err := c.Uploads.List()
	if err != nil {
		return 0, nil, err
	}
	for _, a := range list {
		needed, err := c.verbs().UploadNeeded(ctx, a.SHA256)
		if err != nil {
			return len(list), found, fmt.Errorf("find artifact: %w", err)
		}
		if !needed {
			found = append(found, garbage(a.SHA256, "The upload"))
		}
	}
	return len(list), found, nil
}

// sources compares unpacked sources with the deployments that are under way.
func (c *Checker) sources(ctx context.Context) (n int, found []Finding, err error) {
	entries, err := os.ReadDir(c.Scratch)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, nil, fmt.Errorf("list scratch: %w", err)
	}
	needed, err := c.verbs().Needed(ctx)
	if err != nil {
		return 0, nil, err
	}
	for _, e := range entries {
		id, _, _ := strings.Cut(e.Name(), "-")
		if ident.Is(id, ident.Deployment) && !needed.UnderWay[id] {
			found = append(found, garbage(e.Name(), "The unpacked source"))
		}
	}
	return len(entries), found, nil
}

// oldLogs compares the logs with the instances and commands that printed them.
func (c *Checker) oldLogs(ctx context.Context) (n int, found []Finding, err error) {
	groups, err := logs.Groups(c.Logs)
	if err != nil {
		return 0, nil, err
	}
	for _, id := range groups {
		find := c.verbs().InstanceExists
		switch kind, _ := ident.KindOf(id); kind {
		case ident.Instance:
		case ident.Operation:
			find = c.verbs().OperationExists
		default:
			continue
		}
		exists, err := find(ctx, id)
		if err != nil {
			return len(groups), found, fmt.Errorf("find %s: %w", id, err)
		}
		if !exists {
			found = append(found, garbage(id, "The log"))
		}
	}
	return len(groups), found, nil
}
