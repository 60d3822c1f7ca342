package graph

import (
	"context"
	"time"

	"entgo.io/ent/dialect/sql"
	"github.com/vikstrous/dataloadgen"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/operation"
	"github.com/davitdev/davit/graph/page"
	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/ident"
)

// someRuns are the newest of what was run for an instance.
type someRuns struct {
	instance string
	first    int
}

// runList is what was run, below the instances it was run for.
var runList = page.List[*ent.Operation]{
	Parent:   operation.FieldTargetID,
	ParentOf: func(o *ent.Operation) string { return o.TargetID },
	IDOf:     func(o *ent.Operation) string { return o.ID },
	ValueOf:  func(o *ent.Operation, _ string) any { return o.ID },
	Filter:   []func(*sql.Selector){func(s *sql.Selector) { s.Where(sql.EQ(s.C(operation.FieldKind), deploy.OpRun)) }},
}

// newRuns makes a loader of them.
func newRuns(b batching, db *ent.Client) *dataloadgen.Loader[someRuns, []*ent.Operation] {
	return newLoader(b, func(ctx context.Context, asked []someRuns) ([][]*ent.Operation, []error) {
		parents := map[int][]string{}
		for _, a := range asked {
			parents[a.first] = append(parents[a.first], a.instance)
		}
		found, failed := map[someRuns][]*ent.Operation{}, map[int]error{}
		for first, ids := range parents {
			args, err := page.New(first, nil, ident.Operation, operation.FieldID, true)
			if err == nil && first == 0 {
				err = fault.At("first", fault.Invalid, "Ask for 1 to %d runs at a time.", page.Max)
			}
			if err != nil {
				failed[first] = err
				continue
			}
			pages, err := page.Load(ctx, db.Operation.Query, runList, ids, args)
			failed[first] = err
			for id, p := range pages {
				found[someRuns{id, first}] = p.Nodes()
			}
		}
		out, errs := make([][]*ent.Operation, len(asked)), make([]error, len(asked))
		for i, a := range asked {
			out[i], errs[i] = append([]*ent.Operation{}, found[a]...), failed[a.first]
		}
		return out, errs
	})
}

// nextRun is when a cron service is due, nil for never.
func nextRun(i *ent.ServiceInstance) *time.Time {
	if i.NextRunAt == 0 {
		return nil
	}
	at := time.UnixMilli(i.NextRunAt).UTC()
	return &at
}
