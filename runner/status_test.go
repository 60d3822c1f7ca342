package runner_test

import (
	"testing"

	"github.com/davitdev/davit/runner"
)

func TestStatuses(t *testing.T) {
	t.Parallel()

	for _, bad := range []string{"", ",", "200,", "abc", "99", "600", "400-200", "200-", "-299", "200-299-300", "2e2"} {
		if set, err := runner.ParseStatuses(bad); err == nil {
			t.Errorf("ParseStatuses(%q) = %v, want an error", bad, set)
		}
	}
	set, err := runner.ParseStatuses("200-204, 401")
	if err != nil {
		t.Fatal(err)
	}
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
