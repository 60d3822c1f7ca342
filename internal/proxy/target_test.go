package proxy

import (
	"testing"
	"time"
)

// Others are preferred for a moment to a target that refused, also if the clock
// is set back meanwhile.
func TestATargetThatRefusedIsForgiven(t *testing.T) {
	t.Parallel()

	of := &target{}
	if of.refusing() {
		t.Error("it refuses from the beginning")
	}
	if of.refuse(); !of.refusing() {
		t.Error("what it did is forgotten at once")
	}
	for _, by := range []time.Duration{-time.Hour, time.Hour, -365 * 24 * time.Hour} {
		of.refused.Store(time.Now().Add(refusalPenalty - by).UnixNano())
		if of.refusing() {
			t.Errorf("once the clock is set by %s it is not forgiven", by)
		}
	}
}
