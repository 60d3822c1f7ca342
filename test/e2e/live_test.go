package e2e

import (
	"bufio"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/test/npm"
)

func TestLive(t *testing.T) {
	t.Parallel()
	h := newHouse(t)

	t.Run("an image goes live, watched by two clients from its place in the queue to its end", func(t *testing.T) {
		t.Parallel()
		s := h.in(t).web("image")
		s.inOrder()
		s.set(variable("APP_UNHEALTHY_FOR", "1s"))
		first, second := s.slowRegistry(), s.slowRegistry()

		ahead := s.request(input{"image": first.image(s.house, "v1")})
		d := s.request(input{"image": second.image(s.house, "v2")})
		ours, theirs := s.witness(d.ID, "Pulling "), s.reference(d.ID, "Pulling ", "listening on")
		ours.sees(lifecycle.Queued)
		theirs.sees(lifecycle.Queued)
		first.open()
		s.succeeded(ahead.ID)
		s.serves("v1")
		ours.sees(lifecycle.Preparing)
		theirs.sees(lifecycle.Preparing)
		slow := s.after(func() error { return s.slowly(2000, "v1") })
		second.open()
		<-slow
		s.succeeded(d.ID)
		for _, w := range []*witness{ours, theirs} {
			w.saw(lifecycle.Queued, lifecycle.Preparing, lifecycle.Deploying, lifecycle.Finalizing, lifecycle.Completed)
			w.phases(lifecycle.PhaseQueue, lifecycle.PhasePullImage, lifecycle.PhaseCreateContainer, lifecycle.PhaseStart,
				lifecycle.PhaseHealthCheck, lifecycle.PhaseSwitchTraffic, lifecycle.PhaseDrainOld)
		}
		s.serves("v2")
	})

	t.Run("a Dockerfile goes live, watched by two clients, and its build and its output are in the feed", func(t *testing.T) {
		t.Parallel()
		s := h.in(t).service("source", upload(), nil)
		s.inOrder()
		first := s.slowRegistry()
		second := s.send(s.dockerfile(s.slowBuild("second", 8)))
		ahead := s.request(input{"image": first.image(s.house, "v1")})
		d := s.request(input{"artifactId": second})
		ours, theirs := s.witness(d.ID), s.reference(d.ID, "building second", "listening on")
		ours.sees(lifecycle.Queued)
		theirs.sees(lifecycle.Queued)
		first.open()
		s.succeeded(ahead.ID)
		s.serves("v1")
		slow := s.after(func() error { return s.slowly(4000, "v1") })
		<-slow
		s.succeeded(d.ID)
		for _, w := range []*witness{ours, theirs} {
			w.saw(lifecycle.Queued, lifecycle.Preparing, lifecycle.Building, lifecycle.Deploying, lifecycle.Finalizing, lifecycle.Completed)
			w.phases(lifecycle.PhaseQueue, lifecycle.PhaseFetchSource, lifecycle.PhaseDetect, lifecycle.PhaseBuild, lifecycle.PhaseCreateContainer,
				lifecycle.PhaseStart, lifecycle.PhaseHealthCheck, lifecycle.PhaseSwitchTraffic, lifecycle.PhaseDrainOld)
		}
		s.serves("second")

		var streams []string
		f := s.feed(input{"deploymentId": d.ID})
		f.until(func(l line) bool {
			if strings.Contains(l.Message, "building second") || strings.Contains(l.Message, "listening on") {
				streams = append(streams, l.Stream)
			}
			return slices.Contains(streams, "BUILD") && slices.Contains(streams, "STDOUT")
		})
	})
}

// witness is a client that watches a deployment.
type witness struct {
	s    *service
	who  string
	done chan struct{} // closed when nothing more comes

	mu     sync.Mutex
	states []deployment
	err    error
}

func (w *witness) note(d deployment) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.states = append(w.states, d)
}

// witness watches with our own client. The log must show the texts.
func (s *service) witness(id string, texts ...string) *witness {
	w := &witness{s: s, who: "our client", done: make(chan struct{})}
	go func() {
		defer close(w.done)
		w.err = s.watch(id, func(d deployment) error { w.note(d); return nil })
	}()
	for _, text := range texts {
		f := s.feed(input{"deploymentId": id})
		go f.until(func(l line) bool { return strings.Contains(l.Message, text) })
		s.t.Cleanup(f.end)
	}
	return w
}

// reference watches with npm's graphql-ws, which ends once it has seen the
// texts in the log.
func (s *service) reference(id string, texts ...string) *witness {
	s.t.Helper()
	w := &witness{s: s, who: "graphql-ws", done: make(chan struct{})}
	cmd := npm.Command(s.t, "../../graph/transport/testdata/npm", "watch.mjs",
		append([]string{"ws://" + s.srv.API + "/graphql", s.api.Token, id}, texts...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		defer close(w.done)
		seen := 0
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var m struct {
				State *deployment
				Line  *line
			}
			if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
				w.err = err
			}
			if m.State != nil {
				w.note(*m.State)
			}
			if m.Line != nil {
				seen++
			}
		}
		if err := cmd.Wait(); err != nil {
			w.err = err
		}
		if seen != len(texts) {
			s.t.Errorf("%s saw %d of the lines %q", w.who, seen, texts)
		}
	}()
	return w
}

// sees waits until a status was seen.
func (w *witness) sees(status lifecycle.Status) {
	w.s.t.Helper()
	w.s.until(w.who+" sees "+string(status), func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return slices.ContainsFunc(w.states, func(d deployment) bool { return d.Status == status })
	})
}

// brief are statuses that may be over before a message about them is sent.
var brief = []lifecycle.Status{lifecycle.Preparing, lifecycle.Deploying}

// saw waits for the end, and fails the test unless these statuses were seen in
// this order, brief ones perhaps not, and no others.
func (w *witness) saw(want ...lifecycle.Status) {
	w.s.t.Helper()
	<-w.done
	if w.err != nil {
		w.s.t.Errorf("%s: %v", w.who, w.err)
	}
	var got []lifecycle.Status
	for _, d := range w.states {
		got = append(got, d.Status)
	}
	got = slices.Compact(got)
	want = slices.DeleteFunc(want, func(s lifecycle.Status) bool { return slices.Contains(brief, s) && !slices.Contains(got, s) })
	if !slices.Equal(got, want) {
		w.s.t.Errorf("%s saw %v, want %v", w.who, got, want)
	}
}

// phases fails the test unless the last state has exactly these phases, all
// succeeded, and no phase was ever seen to go back.
func (w *witness) phases(want ...lifecycle.PhaseName) {
	w.s.t.Helper()
	var got []lifecycle.PhaseName
	for _, p := range w.states[len(w.states)-1].Phases {
		got = append(got, p.Name)
		if p.Status != lifecycle.PhaseSucceeded {
			w.s.t.Errorf("%s saw phase %s end as %s", w.who, p.Name, p.Status)
		}
	}
	if !slices.Equal(got, want) {
		w.s.t.Errorf("%s saw phases %v, want %v", w.who, got, want)
	}
	for i, d := range w.states[1:] {
		if len(d.Phases) < len(w.states[i].Phases) {
			w.s.t.Errorf("%s saw phases vanish: %v after %v", w.who, d.Phases, w.states[i].Phases)
		}
	}
}
