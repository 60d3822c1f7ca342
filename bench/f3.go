package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/davitdev/davit/internal/client"
)

const (
	// churnLines is what each deployment of F3 prints, churnViewers how many look
	// on.
	churnLines, churnViewers = 2000, 8
	// quarters is how often F3 looks at what Davit holds.
	quarters = 4
	// rest is how long Davit does nothing before that. Go collects the garbage of
	// one that does nothing each two minutes, and gives memory back after that.
	rest = 150 * time.Second
)

// churn is F3: whether what Davit holds at rest grows with what it has done.
// Deployments come and go, print, and are looked at by people who leave in the
// middle, as many as there are rounds, or for BENCH_MINUTES; after each quarter of
// that Davit comes to rest and is looked at. In
// the end its goroutines are counted beside those of one that has just begun.
// Of the files most are segments of logs, of which 256 stay open.
func churn(ctx context.Context, b *bench) (err error) {
	e, err := openEngine(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.close(ctx)) }()
	image, err := e.testImage(ctx)
	if err != nil {
		return err
	}
	d, err := install(ctx, b.program)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.remove(ctx)) }()
	s, err := d.makeService(ctx, "app", "WEB", fromImage(image), nil)
	if err != nil {
		return err
	}
	spell, err := churnTime()
	if err != nil {
		return err
	}
	var held [quarters]holding
	for quarter := range quarters {
		made := held[max(quarter-1, 0)].deployments
		more := func() bool { return made < max(1, b.rounds/quarters)*(quarter+1) }
		if spell > 0 {
			until := time.Now().Add(spell / quarters)
			more = func() bool { return time.Now().Before(until) }
		}
		for ; more(); made++ {
			if err := d.turn(ctx, s); err != nil {
				return err
			}
		}
		if err := sleep(ctx, rest); err != nil {
			return err
		}
		if held[quarter], err = d.holding(); err != nil {
			return err
		}
		held[quarter].deployments = made
		b.say("  after quarter %d: %v", quarter+1, held[quarter])
	}
	const mb = 1 << 20
	first, last := held[0], held[quarters-1]
	grown := func(name string, before, after int64) row {
		r := row{Subject: fmt.Sprintf("%s, anonymous, after %d deployments beside %d", name, last.deployments, first.deployments), Unit: "MB more"}
		r.P50 = float64(after-before) / mb
		return r.target("≤ 4 MB", r.P50 <= 4)
	}
	b.add(grown("davit serve", first.server, last.server), grown("davit proxy", first.proxy, last.proxy))
	after, err := d.goroutines()
	if err != nil {
		return err
	}
	if _, err := d.serve(ctx); err != nil {
		return err
	}
	if err := sleep(ctx, calm); err != nil {
		return err
	}
	fresh, err := d.goroutines()
	if err != nil {
		return err
	}
	_, err = d.serve(ctx)
	files := row{Subject: "open files of both", P50: float64(last.files)}
	more := row{Subject: fmt.Sprintf("goroutines of davit serve, beside %d after a start", fresh), Unit: "more", P50: float64(after - fresh)}
	b.add(files.target("≤ 340", last.files <= 340), more.target("≤ 8", more.P50 <= 8))
	return err
}

// churnTime is how long F3 goes on by BENCH_MINUTES, 0 if by its rounds.
func churnTime() (time.Duration, error) {
	text := os.Getenv("BENCH_MINUTES")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 24*60 {
		return 0, fmt.Errorf("BENCH_MINUTES is %q, want a number from 1 to %d", text, 24*60)
	}
	return time.Duration(n) * time.Minute, nil
}

// turn deploys once, has it print, and is looked at meanwhile.
func (d *installation) turn(ctx context.Context, s service) error {
	made, err := d.deploy(ctx, s)
	if err != nil {
		return err
	}
	looking, leave := context.WithCancel(ctx)
	defer leave()
	var viewers sync.WaitGroup
	for i := range churnViewers {
		query := []string{
			`subscription($id:ID!){deploymentUpdated(id:$id){status phases{name status}}}`,
			`subscription($id:ID!){logs(source:{deploymentId:$id},tail:100){... on LogBatch{lines{message}}}}`,
			`subscription($id:ID!){events(scopeId:$id){type}}`,
		}[i%3]
		viewers.Go(func() {
			_ = d.client.Subscribe(looking, query, func() any { return client.Variables{"id": made.ID} }, func(json.RawMessage) error { return nil }) // ends with the turn
		})
	}
	if err := d.live(ctx, made); err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%s/log?n=%d", d.config.ProxyListen, churnLines), nil)
	if err != nil {
		return err
	}
	req.Host = made.host()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, res.Body)
	err = errors.Join(err, res.Body.Close())
	leave()
	viewers.Wait()
	return err
}

// holding is what Davit's processes have after so many deployments: bytes of memory
// in no file, and open files.
type holding struct {
	deployments   int
	server, proxy int64
	files         int
}

func (h holding) String() string {
	return fmt.Sprintf("%d deployments, davit serve %.1f MB, davit proxy %.1f MB, %d files open",
		h.deployments, float64(h.server)/(1<<20), float64(h.proxy)/(1<<20), h.files)
}

func (d *installation) holding() (h holding, err error) {
	for pid, into := range map[int]*int64{d.server.Process.Pid: &h.server, d.proxyPID: &h.proxy} {
		m, err := memoryOf(pid)
		if err != nil {
			return h, err
		}
		*into = m.anonymous
		open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		if err != nil {
			return h, err
		}
		h.files += len(open)
	}
	return h, nil
}

// goroutine begins the stack of one in the last words of a program.
var goroutine = regexp.MustCompile(`(?m)^goroutine \d+ .*:$`)

// goroutines counts those of the server, which ends of it: SIGQUIT has a Go
// program say where each is.
func (d *installation) goroutines() (int, error) {
	path := filepath.Join(filepath.Dir(d.config.Data), "serve.log")
	before, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	server := d.server
	d.server = nil
	if err := server.Process.Signal(syscall.SIGQUIT); err != nil {
		return 0, err
	}
	_ = server.Wait() // with the exit status of that
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	said := bytes.TrimSpace(text[before.Size():])
	if n := len(goroutine.FindAllIndex(said, -1)); n > 0 {
		return n, nil
	}
	return 0, fmt.Errorf("davit serve ended without saying where it was: %.200s", said)
}
