package worker

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/deployment"
	"github.com/davitdev/davit/ent/environment"
	"github.com/davitdev/davit/ent/replica"
	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/logs"
	"github.com/davitdev/davit/test/wait"
)

// answered asks the database. One that was away a moment ago may turn down whoever
// asks for a second more, who then asks again.
func (h *house) answered(ask func() error) {
	h.t.Helper()
	h.until("the database answers", func() bool {
		err := ask()
		if err != nil && !fault.Is(err, fault.StoreAway) {
			h.t.Fatal(err)
		}
		return err == nil
	})
}

func (h *house) row(id string) (d *ent.Deployment) {
	h.t.Helper()
	h.answered(func() (err error) {
		d, err = h.db.Deployment.Query().Where(deployment.ID(id)).Only(h.ctx)
		return err
	})
	return d
}

// completed waits until a deployment has ended.
func (h *house) completed(id string) *ent.Deployment {
	h.t.Helper()
	h.within(4*patience, "the deployment completes", func() bool { return h.row(id).Status == lifecycle.Completed })
	return h.row(id)
}

// reaches waits until a deployment is in a status.
func (h *house) reaches(id string, s lifecycle.Status) {
	h.t.Helper()
	h.until("the deployment is "+string(s), func() bool {
		d := h.row(id)
		if d.Status == lifecycle.Completed && s != lifecycle.Completed {
			h.t.Fatalf("the deployment ended: %s %+v", *d.Conclusion, d.Failure)
		}
		return d.Status == s
	})
}

func (h *house) until(what string, done func() bool) {
	h.t.Helper()
	h.within(patience, what, done)
}

// within fails the test unless done holds before d is over.
func (h *house) within(d time.Duration, what string, done func() bool) {
	h.t.Helper()
	wait.Within(h.t, d, what, done)
}

// host is the name under which an instance is served.
func (h *house) host(i *ent.ServiceInstance) string {
	h.t.Helper()
	var routes deploy.Routes
	h.answered(func() (err error) {
		routes, err = h.verbs.Routes(h.ctx)
		return err
	})
	for _, r := range routes.List {
		if r.InstanceID == i.ID {
			return r.Label + ".localhost"
		}
	}
	h.t.Fatalf("no route leads to %s", i.ID)
	return ""
}

// get asks an instance through the proxy.
func (h *house) get(host, path string) (int, string) {
	res, err := h.http.Get("http://" + host + path)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err.Error()
	}
	return res.StatusCode, string(body)
}

// serves fails the test unless the instance answers with text.
func (h *house) serves(i *ent.ServiceInstance, text string) {
	h.t.Helper()
	if status, body := h.get(h.host(i), "/"); status != http.StatusOK || body != text {
		h.t.Errorf("it answers %d %q, want %q", status, body, text)
	}
}

// hammer sends requests over 16 connections until stop is called, which
// reports how many there were and fails the test if one of them failed.
func (h *house) hammer(i *ent.ServiceInstance) (stop func() int64) {
	host := h.host(i)
	var sent atomic.Int64
	var failed atomic.Pointer[string]
	ctx, cancel := context.WithCancel(h.ctx)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			pace := time.NewTicker(5 * time.Millisecond)
			defer pace.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-pace.C:
				}
				sent.Add(1)
				if status, body := h.get(host, "/slow?ms=2"); status != http.StatusOK {
					text := fmt.Sprintf("%d %.300s", status, body)
					failed.CompareAndSwap(nil, &text)
				}
			}
		})
	}
	stop = sync.OnceValue(func() int64 {
		cancel()
		wg.Wait()
		if text := failed.Load(); text != nil {
			h.t.Errorf("a request failed: %s", *text)
		}
		return sent.Load()
	})
	h.t.Cleanup(func() { stop() })
	return stop
}

// live are the replicas of an instance that have a container.
func (h *house) live(i *ent.ServiceInstance) []*ent.Replica {
	h.t.Helper()
	rows, err := h.db.Replica.Query().Where(replica.InstanceID(i.ID), replica.StatusNEQ(lifecycle.ReplicaRemoved)).
		Order(replica.BySlot(), replica.ByGeneration()).All(h.ctx)
	if err != nil {
		h.t.Fatal(err)
	}
	return rows
}

// running waits until exactly n replicas are there, all healthy.
func (h *house) running(i *ent.ServiceInstance, n int) []*ent.Replica {
	h.t.Helper()
	var rows []*ent.Replica
	h.until(fmt.Sprintf("%d replicas run", n), func() bool {
		rows = h.live(i)
		for _, r := range rows {
			if r.Status != lifecycle.ReplicaRunning || r.Health != lifecycle.HealthHealthy {
				return false
			}
		}
		return len(rows) == n
	})
	return rows
}

// containers are the names of what our installation has in the engine.
func (h *house) containers() []string {
	h.t.Helper()
	list, err := h.fake.List(h.ctx)
	if err != nil {
		h.t.Fatal(err)
	}
	var names []string
	for _, c := range list {
		names = append(names, c.Name)
	}
	return names
}

// tidy fails the test unless the engine has exactly the containers of the rows.
func (h *house) tidy() {
	h.t.Helper()
	h.until("every container has a row, and every row a container", func() bool {
		rows, err := h.db.Replica.Query().Where(replica.StatusNEQ(lifecycle.ReplicaRemoved)).All(h.ctx)
		if err != nil {
			h.t.Fatal(err)
		}
		names := map[string]bool{}
		for _, r := range rows {
			names[r.ContainerName] = true
		}
		have := h.containers()
		for _, name := range have {
			if !names[name] {
				return false
			}
		}
		return len(have) == len(names)
	})
}

// output reads the lines of a deployment's log, of these kinds or of all.
func (p *process) output(d *ent.Deployment, kinds ...logs.Kind) []string {
	p.h.t.Helper()
	page, err := p.Recorder.Logs.Query(p.h.ctx, logs.Query{
		Source: sourceOf(d.InstanceID, d.ID), Limit: 1000, Filter: logs.Filter{Streams: kinds},
	})
	if err != nil {
		p.h.t.Fatal(err)
	}
	var lines []string
	for _, l := range page.Lines {
		lines = append(lines, l.Message)
	}
	return lines
}

// ended reports whether the log of a deployment has ended.
func (p *process) ended(d *ent.Deployment) bool {
	feed, err := p.Recorder.Logs.Writer(p.h.ctx, sourceOf(d.InstanceID, d.ID), logs.Build, "", logs.WriterOptions{})
	if err == nil {
		feed.Close()
	} else if !fault.Is(err, fault.Conflict) {
		p.h.t.Fatal(err)
	}
	return err != nil
}

// environment is the one the project was made with.
func (h *house) environment() *ent.Environment {
	h.t.Helper()
	e, err := h.db.Environment.Query().Where(environment.ProjectID(h.project.ID)).First(h.ctx)
	if err != nil {
		h.t.Fatal(err)
	}
	return e
}

// stacks are the goroutines that run code of this module.
func stacks() string {
	buf := make([]byte, 1<<20)
	all := string(buf[:runtime.Stack(buf, true)])
	var ours []string
	for one := range strings.SplitSeq(all, "\n\n") {
		if strings.Contains(one, "davit/worker.") && !strings.Contains(one, "_test.go") {
			ours = append(ours, one)
		}
	}
	return strings.Join(ours, "\n\n")
}
