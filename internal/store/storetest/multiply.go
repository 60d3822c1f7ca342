package storetest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/davitdev/davit/ent/build"
	"github.com/davitdev/davit/ent/deployment"
	"github.com/davitdev/davit/ent/event"
	"github.com/davitdev/davit/ent/replica"
	"github.com/davitdev/davit/internal/store"
)

// Multiply gives an installation a past: n copies of a deployment that has
// ended, each with what belongs to it: replicas, a build, events. The copies
// serve nothing. An installation takes them once, at most a million.
func Multiply(ctx context.Context, db *store.DB, deploymentID string, n int) error {
	// Ids have 26 characters after their prefix, and these sort before any
	// that ident makes.
	id := func(prefix string) string {
		return fmt.Sprintf("'%s_' || '0000000000000000000' || CAST(1000000 + n.i AS TEXT)", prefix)
	}
	serial := func(prefix, table string) string { // of several a deployment
		return fmt.Sprintf("'%s_' || '000000000000000' || CAST(1000000 + n.i AS TEXT) || CAST(1000 + ROW_NUMBER() OVER (PARTITION BY n.i ORDER BY %s.id) AS TEXT)", prefix, table)
	}
	return db.Tx(ctx, func(tx *store.Tx) error {
		for _, c := range []struct {
			table, where string
			columns      []string
			set          map[string]string
		}{
			{deployment.Table, "id = ?", deployment.Columns, map[string]string{
				"id": id("dep"), "number": "number + n.i", "is_active": "false",
			}},
			{replica.Table, "deployment_id = ?", replica.Columns, map[string]string{
				"id": serial("rep", "replicas"), "deployment_id": id("dep"), "status": "'REMOVED'", "due_at": "0",
				"container_name": "container_name || '-' || CAST(n.i AS TEXT)",
			}},
			{build.Table, "deployment_id = ?", build.Columns, map[string]string{"id": id("bld"), "deployment_id": id("dep")}},
			{event.Table, "deployment_id = ?", event.Columns, map[string]string{
				"id": serial("evt", "events"), "deployment_id": id("dep"), "subject_id": id("dep"),
				"seq": "ROW_NUMBER() OVER (ORDER BY n.i, events.id) + (SELECT seq FROM event_counters WHERE event_counters.id = events.workspace_id)",
			}},
		} {
			values := slices.Clone(c.columns)
			for i, name := range values {
				if v, ok := c.set[name]; ok {
					values[i] = v
				} else {
					values[i] = c.table + "." + quoted(name)
				}
			}
			names := make([]string, len(c.columns))
			for i, name := range c.columns {
				names[i] = quoted(name)
			}
			_, err := tx.Exec(ctx, fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
				INSERT INTO %s (%s) SELECT %s FROM %s, n WHERE %s`,
				n, c.table, strings.Join(names, ", "), strings.Join(values, ", "), c.table, c.where), deploymentID)
			if err != nil {
				return fmt.Errorf("multiply %s: %w", c.table, err)
			}
		}
		for _, counter := range []string{
			`UPDATE event_counters SET seq = (SELECT MAX(seq) FROM events WHERE workspace_id = event_counters.id)`,
			`UPDATE service_instances SET last_number = (SELECT MAX(number) FROM deployments WHERE instance_id = service_instances.id)
				WHERE id = (SELECT instance_id FROM deployments WHERE id = ?)`,
		} {
			args := make([]any, strings.Count(counter, "?"))
			for i := range args {
				args[i] = deploymentID
			}
			if _, err := tx.Exec(ctx, counter, args...); err != nil {
				return fmt.Errorf("raise counters: %w", err)
			}
		}
		return nil
	})
}

// quoted is a name that may be a word of SQL, for both databases.
func quoted(name string) string { return `"` + name + `"` }
