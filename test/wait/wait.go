// Package wait is how tests wait for what comes to pass without saying so.
package wait

import (
	"testing"
	"time"
)

// Tests look again after a tenth of the time they have waited, within these bounds: who
// looks all the time takes the processor from what is waited for.
const shortest, longest = 5 * time.Millisecond, 100 * time.Millisecond

// Within fails the test at once unless holds does before limit is over.
func Within(tb testing.TB, limit time.Duration, what string, holds func() bool) {
	tb.Helper()
	began := time.Now()
	for !holds() {
		waited := time.Since(began)
		if waited > limit {
			tb.Fatalf("%s: not within %s", what, limit)
		}
		<-time.After(min(max(waited/10, shortest), longest))
	}
}
