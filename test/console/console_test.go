// Package console_test tells stories of people at the console: a real browser on
// a real davit serve.
package console_test

import (
	"path/filepath"
	"testing"
)

func TestFromTheClaimLinkToASiteThatIsLive(t *testing.T) {
	t.Parallel()
	site, err := filepath.Abs("../../examples/static-site")
	check(t, err)
	serve(t, "--runner", "process").tell(t, "story.mjs", site)
}

func TestFiftyServicesOnAPage(t *testing.T) { //nolint:tparallel // the second story is of what the first one made
	t.Parallel()
	site, err := filepath.Abs("../../examples/static-site")
	check(t, err)
	h := serve(t, "--runner", "process")
	t.Run("each change is shown and nothing is asked by the clock", func(t *testing.T) {
		h.tell(t, "many.mjs", site)
	})
	t.Run("no page costs more than it may", func(t *testing.T) {
		h.tell(t, "budget.mjs")
	})
}
