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

func TestAnEngineThatMissesThisShellOnlyIsNoWarning(t *testing.T) {
	t.Parallel()

	missed := check{"engine", warning, noEngine, "Install and start Docker."}
	for _, c := range []struct {
		runner check
		left   int
	}{
		{check{"runner", sound, "Docker 20.10 (linux/amd64, overlay2).", ""}, 1},
		{check{"runner", sound, "processes of this machine, not isolated, as --runner says.", ""}, 2},
		{check{"runner", broken, "Docker does not answer.", ""}, 2},
	} {
		if got := withoutMissedEngine([]check{c.runner, missed}); len(got) != c.left {
			t.Errorf("%s: %d checks, want %d", c.runner.Message, len(got), c.left)
		}
	}
	if got := withoutMissedEngine([]check{missed}); len(got) != 1 {
		t.Error("without a server the warning is left out")
	}
}
