package deploy

import (
	"context"
	"fmt"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/outbox"
)

// relayBatch is how many rows the relay takes at once.
const relayBatch = 100

// Relay hands what waits in the outbox to ring, oldest first, and forgets what
// was rung. It stops at the first error of ring: what is left is relayed by
// the next call. A row may be rung twice, by two processes or after a crash;
// that is harmless. It returns how many were rung.
func (s *Service) Relay(ctx context.Context, ring func(ctx context.Context, task, id string) error) (n int, err error) {
	for {
		rows, err := s.DB.Outbox.Query().Order(outbox.ByID()).Limit(relayBatch).All(ctx)
		if err != nil {
			return n, fmt.Errorf("read outbox: %w", err)
		}
		if len(rows) == 0 {
			return n, nil
		}
		rung, err := relay(ctx, rows, ring)
		n += len(rung)
		if len(rung) > 0 {
			if _, derr := s.DB.Outbox.Delete().Where(outbox.IDIn(rung...)).Exec(ctx); derr != nil {
				return n, fmt.Errorf("clear outbox: %w", derr)
			}
		}
		if err != nil {
			return n, err
		}
	}
}

func relay(ctx context.Context, rows []*ent.Outbox, ring func(context.Context, string, string) error) (rung []string, err error) {
	for _, r := range rows {
		if err := ring(ctx, r.Task, r.TargetID); err != nil {
			return rung, fmt.Errorf("ring %s %s: %w", r.Task, r.TargetID, err)
		}
		rung = append(rung, r.ID)
	}
	return rung, nil
}
