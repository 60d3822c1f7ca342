package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
)

// subject is one of those compared in a scenario.
type subject struct {
	name string
	// op does the work once and returns how long it took, or each of its parts.
	op func(context.Context) ([]time.Duration, error)
	// after puts things back, if not nil; neither its time nor its CPU counts.
	after func(context.Context) error
	// cpu is what the processes that do the work used so far; nil means this one
	// and its children.
	cpu func() time.Duration
	// count is how many operations the last op was, among which its CPU is
	// divided; nil means as many as it returned times of.
	count func() int
	// every lets the subject take part in each every-th round only; 0 means 1.
	every int
}

// series is what was measured of one subject.
type series struct {
	name   string
	took   []time.Duration       // all of them, sorted
	median map[int]time.Duration // by round
	cpu    time.Duration         // for one operation
}

// interleave lets the subjects take turns, A B C A B C …, for as many rounds;
// a round before warms up and does not count. Who begins changes from round to
// round, so that no subject always runs after the same other one.
func (b *bench) interleave(ctx context.Context, subjects ...subject) ([]series, error) {
	all, counts := make([]series, len(subjects)), make([]int, len(subjects))
	for i, s := range subjects {
		all[i] = series{name: s.name, median: map[int]time.Duration{}}
	}
	for round := range b.rounds + 1 {
		for turn := range subjects {
			i := (turn + round) % len(subjects)
			s := subjects[i]
			if round%max(s.every, 1) != 0 {
				continue
			}
			cpu := s.cpu
			if cpu == nil {
				cpu = ownCPU
			}
			before := cpu()
			took, err := s.op(ctx)
			used := cpu() - before
			if err == nil && s.after != nil {
				err = s.after(ctx)
			}
			if err != nil {
				return nil, fmt.Errorf("%s, round %d: %w", s.name, round, err)
			}
			if round > 0 {
				all[i].took = append(all[i].took, took...)
				all[i].median[round] = quantile(slices.Sorted(slices.Values(took)), 0.5)
				all[i].cpu += used
				if s.count == nil {
					counts[i] += len(took)
				} else {
					counts[i] += s.count()
				}
			}
		}
		if round%max(1, b.rounds/4) == 0 {
			b.say("  round %d of %d", round, b.rounds)
		}
	}
	for i := range all {
		slices.Sort(all[i].took)
		all[i].cpu /= time.Duration(max(1, counts[i]))
	}
	return all, nil
}

// quantile of what is sorted, by nearest rank; the zero value of nothing.
func quantile[T cmp.Ordered](sorted []T, q float64) (v T) {
	if len(sorted) == 0 {
		return v
	}
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

// extra is the median of how much longer a subject took than its peer, round by
// round.
func extra(subject, peer series) time.Duration {
	var out []time.Duration
	for round, took := range subject.median {
		if other, ok := peer.median[round]; ok {
			out = append(out, took-other)
		}
	}
	slices.Sort(out)
	return quantile(out, 0.5)
}

// ratios of a subject to a peer, round by round, sorted.
func ratios(subject, peer series) []float64 {
	var out []float64
	for round, took := range subject.median {
		if other := peer.median[round]; other > 0 {
			out = append(out, float64(took)/float64(other))
		}
	}
	slices.Sort(out)
	return out
}
