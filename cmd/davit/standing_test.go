package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/spec"
)

func TestStatusTellsHowReplicasFared(t *testing.T) {
	t.Parallel()

	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		`[]`: "",
		`[{"status":"RUNNING","restarts":0,"startedAt":"2026-01-31T11:00:00Z"}]`:                                                                                                                         "",
		`[{"status":"RUNNING","restarts":5,"startedAt":"2026-01-31T11:59:48Z","lastExitCode":3}]`:                                                                                                        "5, the last 12 s ago: exit code 3",
		`[{"status":"CRASHED","restarts":2,"startedAt":"2026-01-31T11:50:00Z","lastExitCode":137,"oomKilled":true},{"status":"RUNNING","restarts":1,"startedAt":"2026-01-31T09:00:00Z"}]`:                "3, the last 10 min ago: out of memory",
		`[{"status":"REMOVED","restarts":9,"startedAt":"2026-01-31T11:59:48Z","lastExitCode":3},{"status":"RUNNING","restarts":1,"startedAt":"2026-01-29T12:00:00Z"}]`:                                   "1, the last 2 days ago",
		`[{"status":"RUNNING","restarts":1,"startedAt":"2026-01-30T13:00:00Z","lastExitCode":0},{"status":"RUNNING","restarts":0,"startedAt":"2026-01-31T11:59:59Z"},{"status":"CREATED","restarts":1}]`: "2, the last 23 h ago: exit code 0",
	} {
		var c standing
		if err := json.Unmarshal([]byte(`{"replicas":`+text+`}`), &c); err != nil {
			t.Fatal(err)
		}
		if got := c.restarts(now); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

func TestVariablesThatChangedSinceADeploymentAreCounted(t *testing.T) {
	t.Parallel()

	var c standing
	if err := json.Unmarshal([]byte(`{"activeDeployment":{"snapshot":{"variables":[{"name":"SAME","digest":"1"},{"name":"OTHER","digest":"1"},{"name":"GONE","digest":"1"}]}}}`), &c); err != nil {
		t.Fatal(err)
	}
	if n := c.changed(); n != 0 {
		t.Errorf("of variables that may not be seen %d changed", n)
	}
	c.variables = []client.Variable{
		{Name: "SAME", Digest: "2", Scope: spec.ScopeProject},
		{Name: "OTHER", Digest: "1", Scope: spec.ScopeProject},
		{Name: "SAME", Digest: "1", Scope: spec.ScopeService},
		{Name: "OTHER", Digest: "2", Scope: spec.ScopeService},
		{Name: "NEW", Digest: "1", Scope: spec.ScopeService},
	}
	if n := c.changed(); n != 3 {
		t.Errorf("%d changed, want OTHER, NEW and GONE", n)
	}
	c.variables = []client.Variable{}
	if n := c.changed(); n != 3 {
		t.Errorf("%d changed, want all three, which are gone", n)
	}
}
