package worker

import (
	"fmt"
	"slices"
	"time"

	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/project"
	"github.com/davitdev/davit/internal/spec"
)

// ticks makes a cron service that is due. Its runs do not end by themselves.
func (s *stage) ticks() {
	s.forget()
	p := s.start()
	s.instance = s.service(s.house.version("v0", nil), func(n *project.NewService) {
		ticking("0 4 * * *", spec.OverlapReplace, "--print 1")(n)
		n.Name = fmt.Sprintf("nightly %d", s.n)
	})
	s.deploy(s.instance, "")
	p.stop()
	s.due(s.instance, 25*time.Hour)
}

// tickAgain makes it due while its first run runs, and ends the second.
func (s *stage) tickAgain() {
	switch runs := s.runs(s.instance); {
	case len(runs) == 1 && runs[0].ContainerID != nil && !s.asked:
		s.asked = true
		s.due(s.instance, time.Second)
	case len(runs) == 2 && runs[1].Status.Final():
		s.fake.Kill(deploy.ContainerName(runs[0].ID), 0, false)
	}
}

func (s *stage) ranTwice() bool {
	runs := s.runs(s.instance)
	return len(runs) == 2 && runs[0].Status.Final() && runs[1].Status.Final()
}

func (s *stage) replaced() {
	s.t.Helper()
	runs := s.runs(s.instance)
	last, first := runs[0], runs[1]
	if first.Status != lifecycle.OperationCanceled || last.Status != lifecycle.OperationSucceeded || last.ExitCode == nil || *last.ExitCode != 0 {
		s.t.Errorf("they ended as %s and %s: %+v", first.Status, last.Status, last.Failure)
	}
	if n := len(slices.DeleteFunc(s.worker.printed(last), func(l string) bool { return l != "line 1" })); n != 1 || !s.worker.closed(last) || !s.worker.closed(first) {
		s.t.Errorf("the second printed its line %d times", n)
	}
}
