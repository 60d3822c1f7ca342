package storetest

import (
	"database/sql"
	"regexp"
	"strings"
	"testing"

	"github.com/davitdev/davit/internal/store"
)

// Plan is how the database would carry out a statement, whatever its arguments:
// a line for each step, further in than the step that it is a part of.
func Plan(t testing.TB, db *store.DB, statement string) (lines []string) {
	t.Helper()
	lines, err := plan(t, db, statement)
	if err != nil {
		t.Fatalf("explain %s: %v", statement, err)
	}
	return lines
}

// placeholder is an argument of a statement for PostgreSQL.
var placeholder = regexp.MustCompile(`\$\d+`)

func plan(t testing.TB, db *store.DB, statement string) (lines []string, err error) {
	ctx := System(t)
	if db.Embedded() {
		rows, err := db.QueryContext(ctx, "EXPLAIN QUERY PLAN "+statement, make([]any, strings.Count(statement, "?"))...)
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		depth := map[int]int{}
		for rows.Next() {
			var step, of int
			var ignored sql.RawBytes
			var line string
			if err := rows.Scan(&step, &of, &ignored, &line); err != nil {
				return nil, err
			}
			depth[step] = depth[of] + 1
			lines = append(lines, strings.Repeat("  ", depth[of])+line)
		}
		return lines, rows.Err()
	}
	nulls := map[string]bool{}
	for _, p := range placeholder.FindAllString(statement, -1) {
		nulls[p] = true
	}
	values := ""
	if len(nulls) > 0 {
		values = "(" + strings.TrimPrefix(strings.Repeat(", NULL", len(nulls)), ", ") + ")"
	}
	err = db.Tx(ctx, func(tx *store.Tx) (err error) {
		// A table without any other way in is scanned all the same, and what no index
		// sorts is sorted.
		for _, s := range []string{"SET LOCAL plan_cache_mode = force_generic_plan", "SET LOCAL enable_seqscan = off", "SET LOCAL enable_sort = off", "PREPARE asked AS " + statement} {
			if _, err := tx.Exec(ctx, s); err != nil {
				return err
			}
		}
		if lines, err = tx.Strings(ctx, "EXPLAIN EXECUTE asked"+values); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "DEALLOCATE asked")
		return err
	})
	return lines, err
}
