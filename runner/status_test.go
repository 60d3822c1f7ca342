package runner_test

import (
	"testing"

	"github.com/davitdev/davit/runner"
)

func TestStatuses(t *testing.T) {
	t.Parallel()

	set := runner.Statuses{{200, 204}, {401, 401}}
	for code, want := range map[int]bool{199: false, 200: true, 204: true, 205: false, 401: true, 402: false} {
		if set.Contains(code) != want {
			t.Errorf("Contains(%d) = %t, want %t", code, !want, want)
		}
	}
	var standard runner.Statuses
	for code, want := range map[int]bool{199: false, 200: true, 399: true, 400: false} {
		if standard.Contains(code) != want {
			t.Errorf("the empty set: Contains(%d) = %t, want %t", code, !want, want)
		}
	}
}
