//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

// soak is an installation to which things are done, and which suffers.
type soak struct {
	*house
	windows
	out      io.Writer
	dir      string // for files of its own
	projects []*project

	mu                    sync.Mutex
	failures              []string
	sent, failed, excused int64
	lost, twice           int
	changes               int
	recovered             map[kind][]time.Duration
	began                 time.Time
}

// fail notes that a promise was broken.
func (s *soak) fail(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	s.note("FAILED %s", text)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures = append(s.failures, text)
}

// note says what happens.
func (s *soak) note(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.out, "%s %6.1f s  %s\n", time.Now().UTC().Format("15:04:05.000"), time.Since(s.began).Seconds(), fmt.Sprintf(format, args...))
}

// count adds requests.
func (s *soak) count(sent, failed, excused int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent, s.failed, s.excused = s.sent+sent, s.failed+failed, s.excused+excused
}

// lines adds lines that are lost or came twice.
func (s *soak) lines(lost, twice int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost, s.twice = s.lost+lost, s.twice+twice
}

// number is a new one each time.
func (s *soak) number() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes++
	return s.changes
}

// broken reports whether a promise was.
func (s *soak) broken() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.failures) > 0
}

// furnish makes the projects.
func (s *soak) furnish(ctx context.Context, n int) {
	var wg sync.WaitGroup
	for i := range n {
		p := &project{soak: s, number: i}
		s.projects = append(s.projects, p)
		wg.Go(func() {
			if err := p.create(ctx); err != nil {
				p.says("%v", err)
			}
		})
	}
	wg.Wait()
}

// episode does what is planned, and looks at everything when it is done.
func (s *soak) episode(ctx context.Context, plan plan) {
	began := time.Now()
	var wg sync.WaitGroup
	for i, actions := range plan.Actions {
		wg.Go(func() {
			for _, a := range actions {
				// After a promise was broken, a project may have nothing to act on.
				if pause(ctx, a.Pause) != nil || s.broken() {
					return
				}
				s.note("project %d: %s (%d)", i, a.Verb, a.N)
				s.projects[i].act(ctx, a)
			}
		})
	}
	for _, f := range plan.Faults {
		if pause(ctx, f.Pause) != nil {
			break
		}
		s.note("fault: %s", f)
		took, err := s.inject(ctx, f)
		if errors.Is(err, errNothing) {
			s.note("fault: %s: %v", f, err)
			continue
		}
		if err != nil {
			s.fail("fault: %s: %v", f, err)
			continue
		}
		s.note("fault: %s: all is well after %s", f, took.Round(time.Millisecond))
		s.recovered[f.Kind] = append(s.recovered[f.Kind], took)
	}
	wg.Wait()
	if ctx.Err() != nil {
		return
	}
	for _, p := range s.projects {
		p.leave()
		if status, body := p.answer(ctx, "/"); status != http.StatusOK || body != p.now {
			p.says("it answers %d %.100q at the end, want %q", status, body, p.now)
		}
		p.looks(ctx, began)
	}
	s.examine(ctx)
	for _, p := range s.projects {
		p.greet(ctx)
	}
}

// examine has everything held against each other that there is.
func (s *soak) examine(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	began := time.Now()
	if err := s.srv.Examine(ctx); err != nil {
		s.fail("%v", err)
	}
	s.note("davit doctor --deep took %s", time.Since(began).Round(time.Millisecond))
}

// takeDown deletes all projects and stops everything, after which no container
// may be left.
func (s *soak) takeDown(ctx context.Context) {
	var wg sync.WaitGroup
	for _, p := range s.projects {
		wg.Go(func() {
			p.leave()
			if p.id == "" {
				return
			}
			if err := s.deleteProject(ctx, p.id, p.slug); err != nil {
				p.says("%v", err)
			}
		})
	}
	wg.Wait()
	if err := s.deleteProject(ctx, s.spare, s.spareSlug); err != nil {
		s.fail("%v", err)
	}
	if left, err := s.engine.Containers(ctx); err != nil || len(left) > 0 {
		s.fail("these containers are left: %q, %v", left, err)
	}
	if out, err := s.srv.Command(ctx, "stop", "--all").CombinedOutput(); err != nil {
		s.fail("davit stop --all: %v\n%s", err, out)
		_ = s.srv.Kill() // it has been said
	}
	if err := s.srv.Wait(); err != nil {
		s.fail("davit serve ended with %v", err)
	}
}

// summary says what became of everything.
func (s *soak) summary() {
	fmt.Fprintf(s.out, "\n%-32s %5s %10s %10s %10s\n", "fault", "n", "p50", "p99", "slowest")
	for _, k := range kinds(s.elsewhere != nil) {
		took := s.recovered[k]
		if len(took) == 0 {
			continue
		}
		slices.Sort(took)
		at := func(p int) time.Duration { return took[(len(took)-1)*p/100].Round(time.Millisecond) }
		fmt.Fprintf(s.out, "%-32s %5d %10s %10s %10s\n", k, len(took), at(50), at(99), at(100))
	}
	fmt.Fprintf(s.out, "\n%d requests, %d failed, %d more when they might; %d lines lost, %d twice; %d promises broken\n",
		s.sent, s.failed, s.excused, s.lost, s.twice, len(s.failures))
	for _, f := range s.failures {
		fmt.Fprintln(s.out, "  "+f)
	}
}
