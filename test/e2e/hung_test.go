package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// pace is how an application got on printing since it was asked last.
type pace struct{ Lines, BehindMs, SlowestMs int64 }

func (s *service) pace() pace {
	s.t.Helper()
	status, body := s.answer("/pace")
	var p pace
	if err := json.Unmarshal([]byte(body), &p); err != nil || status != http.StatusOK {
		s.t.Fatalf("/pace answers %d %.100q: %v", status, body, err)
	}
	return p
}

// printer makes and deploys a service that prints at a rate for a while.
func (h *house) printer(name string, rate int, lasts time.Duration) (s *service, id string) {
	h.t.Helper()
	s = h.service(name, image(h.app("v1")), func(in input) {
		in["variables"] = []input{variable("APP_PRINT_RATE", strconv.Itoa(rate)), variable("APP_PRINT_FOR", lasts.String())}
	})
	return s, s.succeeded(s.request(nil).ID).ID
}

// dense reads the log of a deployment from a time on, and fails the test unless
// every line that was printed is there once, in order, up to the one with the
// number to.
func (s *service) dense(id string, from time.Time, to int64) {
	s.t.Helper()
	last, wrong := int64(0), ""
	take := func(l line) bool {
		text, ok := strings.CutPrefix(l.Message, "line ")
		if !ok || l.Stream != "STDOUT" {
			return false
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || last > 0 && n != last+1 {
			wrong = fmt.Sprintf("%q follows on line %d", l.Message, last)
		}
		last = n
		return n >= to || wrong != ""
	}
	query := input{"from": from.UTC().Format(time.RFC3339Nano)}
	s.within(patience, fmt.Sprintf("the log has line %d", to), func() bool { // it has to be caught up with
		query = s.past(input{"deploymentId": id}, query, take)
		return last >= to || wrong != ""
	})
	if wrong != "" {
		s.t.Error(wrong)
	}
}

// after reports when d is over.
func after(d time.Duration) func() bool {
	end := time.Now().Add(d)
	return func() bool { return time.Now().After(end) }
}

// P9: davit serve hangs, as a process does that is stopped. Applications serve,
// print at their pace, and nothing of it is lost.
//
// TEST_HUNG=full hangs for a minute.
func TestAHungControlPlaneHarmsNobody(t *testing.T) {
	t.Parallel()
	loud(t)
	hangs, rate := 5*time.Second, 50_000
	if whole(t, "TEST_HUNG") {
		hangs = time.Minute
	}
	h := newHouse(t)
	lasts := hangs + 3*time.Second
	s, id := h.printer("hung", rate, lasts)
	traffic, stop := s.traffic(12, "v1")
	h.until("it prints", func() bool { return s.pace().Lines > int64(rate) })
	began := time.Now()
	if err := h.srv.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	s.pace()
	sent := traffic.Sent()
	h.within(hangs+patience, "a while", after(hangs))
	p := s.pace()
	if err := h.srv.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	t.Logf("it hung for %s; %d requests; %+v", hangs, traffic.Sent()-sent, p)
	if traffic.Sent() < sent+int64(hangs/time.Second)*2 {
		t.Errorf("only %d requests were answered", traffic.Sent()-sent)
	}
	if p.SlowestMs > 2500 {
		t.Errorf("the application stood still for %d ms: its output was not taken", p.SlowestMs)
	}
	all := int64(lasts/time.Second) * int64(rate)
	h.until("everything is printed", func() bool { return s.pace().Lines == all })
	s.dense(id, began, all)
	stop()
	s.set(variable("APP_PRINT_RATE", "0"))
	s.succeeded(s.request(nil).ID)
}
