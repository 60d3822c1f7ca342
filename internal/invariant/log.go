package invariant

import (
	"context"

	"github.com/davitdev/davit/internal/logs"
)

const denseLines = "The lines of a stream are whole and numbered without a hole."

// logs reads the files of the log store through.
func (c *Checker) logs(ctx context.Context) (n int, found []Finding, err error) {
	n, flaws, err := logs.Verify(ctx, c.Logs)
	for _, f := range flaws {
		found = append(found, Finding{
			Rule: denseLines, Object: f.Path, Seen: f.Message,
			Do: "Readers are shown a gap there. Look at the disk; what is lost cannot be brought back.",
		})
	}
	return n, found, err
}
