//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/davitdev/davit/test/server"
)

// TestMain is also the process that runs aside.
func TestMain(m *testing.M) {
	if os.Getenv(inside) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// Short ones for every day; make chaos goes on for longer, from another seed each
// time.
func TestNoPromiseIsBroken(t *testing.T) {
	// A container of the build is removed, the disk full, and davit serve killed,
	// also while it starts; an image, a build and a site are deployed, and much is
	// printed by what is not removed.
	soaked(t, []kind{containerRemove, diskFull, serveKill, serveKillTwice}, `; 0 lines lost, 0 twice;`,
		"-seed", "7962472", "-projects", "4", "-actions", "1", "-faults", "4")
}

func TestNoPromiseIsBrokenOnPostgresAndRedis(t *testing.T) {
	// Meanwhile an image is deleted and created again, a site deployed twice at once
	// and a build restarted.
	soaked(t, []kind{redisEmpty, serveKill, databaseAway, redisKill}, `seed 11861,`,
		"-full", "-seed", "11861", "-projects", "3", "-actions", "1", "-faults", "4")
}

// soaked fails the test unless an episode has one of each fault, breaks no
// promise, and says something like a regular expression.
func soaked(t *testing.T, faults []kind, says string, args ...string) {
	t.Helper()
	if os.Getenv("TEST_REGISTRY") == "" || os.Geteuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("it needs root, and what make test starts")
		}
		t.Skip("it needs root, and what make test starts")
	}
	program := filepath.Join(t.TempDir(), "davit")
	if err := server.Build(t.Context(), "../..", program); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := run(t.Context(), append([]string{"-program", program, "-episodes", "1"}, args...), io.MultiWriter(&out, t.Output())); err != nil {
		t.Error(err)
		left(t, out.String())
	}
	wanted := []string{says, `\n[1-9][0-9]* requests, 0 failed,`, ` 0 promises broken\n`}
	for _, k := range faults {
		wanted = append(wanted, `\n`+string(k)+` +1 `)
	}
	for _, want := range wanted {
		if !regexp.MustCompile(want).MatchString(out.String()) {
			t.Errorf("it says nothing like %q", want)
		}
	}
}

// left shows how the log ends that a run left, and makes all it left artifacts.
func left(t *testing.T, out string) {
	t.Helper()
	where := regexp.MustCompile(` are in (\S+)\n`).FindStringSubmatch(out)
	if where == nil {
		return
	}
	text, err := os.ReadFile(filepath.Join(where[1], "serve.log"))
	t.Logf("serve.log ends (%v):\n%s", err, text[max(0, len(text)-8<<10):])
	if err := errors.Join(keep(where[1], filepath.Join(t.ArtifactDir(), "chaos")), os.RemoveAll(where[1])); err != nil {
		t.Error(err)
	}
}

func TestTheSameSeedPlansTheSame(t *testing.T) {
	t.Parallel()

	plans := map[string]bool{}
	for seed := range uint64(3) {
		for episode := range 3 {
			one, again := newPlan(seed, episode, projects, 4, 5, insideKinds), newPlan(seed, episode, projects, 4, 5, insideKinds)
			if diff := cmp.Diff(one, again); diff != "" {
				t.Errorf("seed %d, episode %d: %s", seed, episode, diff)
			}
			// Fewer projects do the same.
			if diff := cmp.Diff(one.Actions[:3], newPlan(seed, episode, 3, 4, 5, insideKinds).Actions); diff != "" {
				t.Errorf("seed %d, episode %d, three projects: %s", seed, episode, diff)
			}
			plans[fmt.Sprint(one)] = true
			for _, f := range one.Faults {
				if sources[f.Project] == fromSite {
					t.Errorf("%s, which is a site", f)
				}
			}
		}
	}
	if len(plans) != 9 {
		t.Errorf("9 seeds and episodes have %d plans", len(plans))
	}
}

func TestEachKindOfFaultHasItsTurn(t *testing.T) {
	t.Parallel()

	for _, full := range []bool{false, true} {
		all, seen := kinds(full), map[kind]bool{}
		for _, f := range newPlan(1, 0, projects, 1, len(all), all).Faults {
			seen[f.Kind] = true
		}
		if len(seen) != len(all) {
			t.Errorf("%d of %d kinds are among %v", len(seen), len(all), seen)
		}
	}
}

func TestADirectoryWithASocketIsKept(t *testing.T) {
	t.Parallel()

	from, to := t.TempDir(), filepath.Join(t.TempDir(), "kept")
	socket, err := net.Listen("unix", filepath.Join(from, "a.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	if err := errors.Join(os.Mkdir(filepath.Join(from, "b"), 0o700), os.WriteFile(filepath.Join(from, "b", "file"), []byte("text"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := keep(from, to); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(filepath.Join(to, "b", "file")); err != nil || string(text) != "text" {
		t.Errorf("kept is %q, %v", text, err)
	}
}

func TestLinesThatAreLostOrComeTwiceAreCounted(t *testing.T) {
	t.Parallel()

	list := func(replica string, numbers ...int) (out []line) {
		for _, n := range numbers {
			out = append(out, line{replica, n})
		}
		return out
	}
	for _, tt := range []struct {
		name        string
		lines       []line
		start       bool
		again       bool
		lost, twice int
		ends        int
	}{
		{"none", nil, true, false, 0, 0, 0},
		{"all", list("a", 1, 2, 3), true, false, 0, 0, 1},
		{"two replicas", append(list("a", 1, 2), list("b", 1, 2, 3)...), true, false, 0, 0, 2},
		{"some are lost", list("a", 1, 2, 5), true, false, 2, 0, 1},
		{"the first ones are lost", list("a", 3, 4), true, false, 2, 0, 1},
		{"the first ones of another are lost", append(list("a", 1, 2), list("b", 2)...), true, true, 1, 0, 2},
		{"the first ones came earlier", list("a", 3, 4), false, false, 0, 0, 1},
		{"one comes twice", list("a", 1, 2, 2, 3), true, false, 0, 1, 1},
		{"out of order", list("a", 1, 3, 2), true, false, 1, 1, 1},
		{"all come twice", list("a", 1, 2, 1, 2), true, false, 0, 1, 1},
		{"it was started again", list("a", 1, 2, 1, 2), true, true, 0, 0, 2},
		{"a part comes twice, and it was started again", list("a", 1, 2, 3, 2), true, true, 0, 1, 1},
	} {
		got := tallied(tt.lines, tt.start, tt.again)
		if got.lost != tt.lost || got.twice != tt.twice || len(got.ends) != tt.ends || (got.first == "") != (tt.lost+tt.twice == 0) {
			t.Errorf("%s: got %+v", tt.name, got)
		}
	}
}

func TestAWindowExcusesWhatWasUnderWay(t *testing.T) {
	t.Parallel()

	var w windows
	before := time.Now()
	shut := w.open(window{project: 1, requests: true})
	if !w.since(before, 1, requests) || w.since(before, 2, requests) || w.since(before, 1, changes) || w.since(before, 1, visits) {
		t.Error("an open window is for its project and what it says alone")
	}
	shut()
	if !w.since(before, 1, requests) {
		t.Error("what began before it was shut is not excused")
	}
	if w.since(time.Now(), 1, requests) {
		t.Error("what began after it was shut is excused")
	}
	if w.during(before.Add(-time.Second), before, 1, requests) {
		t.Error("what ended before it was opened is excused")
	}
	if !w.during(before, time.Now(), 1, requests) {
		t.Error("what ended after it was opened is not excused")
	}
	w.open(window{project: everybody, sites: true})
	if !w.since(time.Now(), 7, visits) {
		t.Error("everybody's is for everybody")
	}
}
