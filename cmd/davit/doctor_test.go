package main

import (
	"strings"
	"testing"
	"time"
)

func TestOnlyAClockOutsideOfTheRequestIsWrong(t *testing.T) {
	t.Parallel()

	sent := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	answered := sent.Add(4 * time.Second)
	for _, c := range []struct {
		server time.Time
		want   verdict
		text   string
	}{
		{sent, sound, "agree"},
		{sent.Add(3 * time.Second), sound, "agree"}, // it took long, and nobody knows when it was looked at
		{answered.Add(time.Second), sound, "agree"},
		{answered.Add(3 * time.Second), warning, "3s ahead of"},
		{sent.Add(-3 * time.Second), warning, "3s behind"},
		{answered.Add(time.Hour), broken, "1h0m0s ahead of"},
		{sent.Add(-time.Minute), broken, "1m0s behind"},
	} {
		got := checkClock(c.server, sent, answered)
		if got.Verdict != c.want || !strings.Contains(got.Message, c.text) {
			t.Errorf("%s: %s %q, want %s with %q", c.server, got.Verdict, got.Message, c.want, c.text)
		}
		if (got.Hint == "") != (c.want == sound) {
			t.Errorf("%s: the hint is %q", c.server, got.Hint)
		}
	}
}
