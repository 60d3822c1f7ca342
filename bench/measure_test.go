package main

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSubjectsTakeTurnsAndTheFirstRoundDoesNotCount(t *testing.T) {
	t.Parallel()

	b := &bench{rounds: 2, progress: io.Discard}
	var turns []string
	one := func(name string, every int, took ...time.Duration) subject {
		return subject{
			name: name, every: every,
			op: func(context.Context) ([]time.Duration, error) {
				turns = append(turns, name)
				next := took[0]
				took = took[1:]
				return []time.Duration{next}, nil
			},
		}
	}
	all, err := b.interleave(t.Context(), one("a", 0, time.Hour, 30, 50), one("b", 0, time.Hour, 10, 10), one("rare", 2, 0, 7))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(turns, " "), "a b rare b a rare a b"; got != want {
		t.Errorf("turns %s, want %s", got, want)
	}
	if want := []time.Duration{30, 50}; !slices.Equal(all[0].took, want) {
		t.Errorf("took %v, want %v", all[0].took, want)
	}
	if diff := cmp.Diff([]float64{3, 5}, ratios(all[0], all[1])); diff != "" {
		t.Error(diff)
	}
	if got := extra(all[0], all[1]); got != 40 { // of 20 and 40
		t.Errorf("extra is %d", got)
	}
	if got := extra(all[0], all[2]); got != 43 { // in the one round that both took part in
		t.Errorf("extra to one that took part in one round is %d", got)
	}
}

func TestCPUIsSharedByTheOperationsThatWereCounted(t *testing.T) {
	t.Parallel()

	b := &bench{rounds: 3, progress: io.Discard}
	var used time.Duration
	busy := subject{
		name: "busy", cpu: func() time.Duration { return used }, count: func() int { return 10 },
		op: func(context.Context) ([]time.Duration, error) {
			used += time.Second
			return []time.Duration{time.Millisecond}, nil
		},
	}
	plain := busy
	plain.count = nil
	all, err := b.interleave(t.Context(), busy, plain)
	if err != nil {
		t.Fatal(err)
	}
	if all[0].cpu != time.Second/10 || all[1].cpu != time.Second {
		t.Errorf("an operation takes %s where 10 were counted, %s where none were", all[0].cpu, all[1].cpu)
	}
}

func TestARateIsHigherWhereTimesAreShorter(t *testing.T) {
	t.Parallel()

	fast := series{name: "fast", took: []time.Duration{time.Millisecond}, median: map[int]time.Duration{1: time.Millisecond}}
	slow := series{name: "slow", took: []time.Duration{4 * time.Millisecond}, median: map[int]time.Duration{1: 4 * time.Millisecond}}
	r := rateOf(slow, "requests/s").rateBeside(slow, fast)
	want := row{Subject: "slow", Unit: "requests/s", P50: 250, Peer: "fast", Ratio: &spread{0.25, 0.25, 0.25}}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Error(diff)
	}
}

func TestQuantileIsOneOfTheValues(t *testing.T) {
	t.Parallel()

	for q, want := range map[float64]int{0: 1, 0.5: 3, 0.99: 4, 1: 4} {
		if got := quantile([]int{1, 2, 3, 4}, q); got != want {
			t.Errorf("quantile %v is %d, want %d", q, got, want)
		}
	}
	if got := quantile([]int(nil), 0.5); got != 0 {
		t.Errorf("quantile of nothing is %d", got)
	}
}
