package store

import (
	"context"
	"errors"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/hook"
)

// addRules registers what is true of a row whoever writes it. A rule never
// reaches outside the database: it runs inside a transaction that may still
// roll back.
//
// The rules live here and not in ent/schema because a schema that imports
// generated code cannot be regenerated once that code stops compiling.
func addRules(c *ent.Client) {
	c.Deployment.Use(comparedStatus)
}

// comparedStatus refuses a change of status that is not a compare-and-set.
// ent's UpdateOne re-reads the row when its predicate misses and may report a
// lost race as won, so a status changes by an update of many that names one
// row, its status and its epoch.
func comparedStatus(next ent.Mutator) ent.Mutator {
	return hook.DeploymentFunc(func(ctx context.Context, m *ent.DeploymentMutation) (ent.Value, error) {
		if _, changed := m.Status(); changed && m.Op().Is(ent.OpUpdateOne) {
			return nil, errors.New("store: a deployment's status is changed by compare-and-set only")
		}
		return next.Mutate(ctx, m)
	})
}
