package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	davit "github.com/davitdev/davit/internal/client"
)

// flood is how many lines are printed in a turn of L2, if BENCH_LINES says
// nothing else.
const flood = 1_000_000

// everyLine is L2: a container prints numbered lines as fast as it can, and
// somebody reads them live: through Davit, through a Davit whose control plane is
// killed a third of the way and started again, and with docker logs -f of a
// container of the same kind. The clock runs from the request to print to the
// last line; what is counted is the work of Davit, or of the docker command, and
// not that of who reads. Then it says how many lines did not come, or twice.
func everyLine(ctx context.Context, b *bench) (err error) {
	lines, err := linesOr(flood)
	if err != nil {
		return err
	}
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
	s, err := d.makeService(ctx, "log", "WEB", fromImage(image), nil)
	if err != nil {
		return err
	}
	made, err := d.deploy(ctx, s)
	if err != nil {
		return err
	}
	if err := d.serves(ctx, made, "", func() {}); err != nil {
		return err
	}
	count := func() int { return lines }
	app := &flooded{addr: d.config.ProxyListen, host: made.host()}
	var cursor *string
	gaps := 0
	gap := func(why string) {
		gaps++
		b.say("  a gap: %s", why)
	}
	read := func(ctx context.Context) error { return d.numbered(ctx, made.ID, &cursor, app.take, gap) }
	calm := subject{
		name: "Davit, graphql-transport-ws", cpu: d.cpu, count: count,
		op: func(ctx context.Context) ([]time.Duration, error) { return app.flood(ctx, lines, read, nil) },
	}
	killed := subject{
		name: "Davit, killed and started again", cpu: d.cpu, count: count,
		op: func(ctx context.Context) ([]time.Duration, error) {
			return app.flood(ctx, lines, read, func() error {
				if err := d.kill(); err != nil {
					return err
				}
				_, err := d.serve(ctx)
				return err
			})
		},
	}
	subjects := []subject{calm, killed}
	const cli = "docker logs -f"
	if missing := lookPaths("docker"); missing == nil {
		id, addr, err := e.dockerRunAt(ctx, image)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, e.remove(ctx, id)) }()
		if err := untilAnswers(ctx, "http://"+addr+"/", addr, ""); err != nil {
			return err
		}
		bare := &flooded{addr: addr, host: addr}
		subjects = append(subjects, subject{
			name: cli, cpu: childrenCPU, count: count,
			op: func(ctx context.Context) ([]time.Duration, error) {
				return bare.flood(ctx, lines, func(ctx context.Context) error { return dockerLogs(ctx, id, bare.take) }, nil)
			},
		})
	} else {
		b.skip(cli, missing)
	}
	all, err := b.interleave(ctx, subjects...)
	if err != nil {
		return err
	}
	for i, s := range all {
		r := rateOf(s, "lines/s")
		if i < 2 && len(all) > 2 {
			r = r.rateBeside(s, all[2])
		}
		b.add(r)
	}
	for _, text := range app.wrong {
		b.say("  wrong: %s", text)
	}
	b.add(row{Subject: fmt.Sprintf("Davit, lost of %d lines", app.printed), P50: float64(app.lost)}.target("0", app.lost == 0),
		row{Subject: "Davit, shown twice or out of order", P50: float64(app.again)}.target("0", app.again == 0),
		row{Subject: "Davit, gaps that were told", P50: float64(gaps)}.target("0", gaps == 0))
	return nil
}

// linesOr returns how many lines a turn has: n, unless BENCH_LINES says otherwise.
func linesOr(n int) (int, error) {
	text := os.Getenv("BENCH_LINES")
	if text == "" {
		return n, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1000 {
		return 0, fmt.Errorf("BENCH_LINES is %q, want a number from 1000 on", text)
	}
	return n, nil
}

// flooded is an application that prints numbered lines, and what was read of
// them.
type flooded struct {
	addr, host string

	mu      sync.Mutex
	printed int64    // last number that was asked for
	seen    int64    // last number read
	lost    int64    // numbers that were left out
	again   int64    // numbers that came after a higher one
	wrong   []string // the first few of both
	waits   []wait
}

// wait is closed with a number, or a higher one.
type wait struct {
	number int64
	done   chan struct{}
}

// take takes a line that was read.
func (f *flooded) take(line string) {
	text, numbered := strings.CutPrefix(line, "line ")
	n, err := strconv.ParseInt(text, 10, 64)
	if !numbered || err != nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if n != f.seen+1 && len(f.wrong) < 5 {
		f.wrong = append(f.wrong, fmt.Sprintf("line %d came after line %d", n, f.seen))
	}
	if n <= f.seen {
		f.again++
		return
	}
	f.lost += n - f.seen - 1
	f.seen = n
	for len(f.waits) > 0 && n >= f.waits[0].number {
		close(f.waits[0].done)
		f.waits = f.waits[1:]
	}
}

// next takes the next n numbers, of which the first is from. some is closed when
// a third of them were read, whole when all were.
func (f *flooded) next(n int) (from int64, some, whole <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	from = f.printed + 1
	f.printed += int64(n)
	third, last := wait{from + int64(n)/3, make(chan struct{})}, wait{f.printed, make(chan struct{})}
	f.waits = append(f.waits, third, last)
	return from, third.done, last.done
}

// print returns once the lines were printed.
func (f *flooded) print(ctx context.Context, from int64, n int) error {
	query := url.Values{"from": {strconv.FormatInt(from, 10)}, "n": {strconv.Itoa(n)}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+f.addr+"/log?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	req.Host = f.host
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the application answered %d", res.StatusCode)
	}
	return nil
}

// flood has lines printed while read reads them, and returns how long it took
// for one until all of them were read. When a third of them were it calls
// within, if not nil.
func (f *flooded) flood(ctx context.Context, lines int, read func(context.Context) error, within func() error) ([]time.Duration, error) {
	ctx, end := context.WithTimeoutCause(ctx, 10*time.Minute, errors.New("the lines were not read in ten minutes"))
	defer end()
	reading := make(chan error, 1)
	go func() { reading <- read(ctx) }()
	comes := func(what <-chan struct{}) error {
		select {
		case <-what:
			return nil
		case err := <-reading:
			return fmt.Errorf("the reader ended: %w", errors.Join(err, context.Cause(ctx)))
		}
	}
	if err := f.begins(ctx, reading); err != nil {
		return nil, err
	}
	began := time.Now()
	from, some, whole := f.next(lines)
	printing := make(chan error, 1)
	go func() { printing <- f.print(ctx, from, lines) }()
	if within != nil {
		if err := errors.Join(comes(some), within()); err != nil {
			return nil, err
		}
	}
	if err := comes(whole); err != nil {
		return nil, err
	}
	took := time.Since(began)
	err := <-printing
	end()
	<-reading // it was told to end
	return []time.Duration{took / time.Duration(lines)}, err
}

// begins prints single lines until one is read.
func (f *flooded) begins(ctx context.Context, reading <-chan error) error {
	for {
		from, _, whole := f.next(1)
		if err := f.print(ctx, from, 1); err != nil {
			return err
		}
		again := time.NewTimer(50 * time.Millisecond)
		select {
		case <-whole:
			again.Stop()
			return nil
		case <-again.C:
		case err := <-reading:
			again.Stop()
			return fmt.Errorf("the reader ended: %w", err)
		}
	}
}

// numbered follows what a deployment prints, from cursor on, which it moves.
func (d *installation) numbered(ctx context.Context, deployment string, cursor **string, line, gap func(string)) error {
	return d.client.Subscribe(ctx, `subscription($id:ID!,$after:Cursor){logs(source:{deploymentId:$id},after:$after,tail:1000){
			... on LogBatch{lines{message stream} cursor} ... on LogGap{gap:reason} ... on LogEnd{end:reason}}}`,
		func() any { return davit.Variables{"id": deployment, "after": *cursor} },
		func(data json.RawMessage) error {
			var m struct {
				Logs struct {
					Lines    []struct{ Message, Stream string }
					Cursor   *string
					Gap, End string
				}
			}
			if err := json.Unmarshal(data, &m); err != nil {
				return err
			}
			switch {
			case m.Logs.End == "SERVER_SHUTDOWN":
				return davit.ErrAgain
			case m.Logs.End != "":
				return fmt.Errorf("the feed ended: %s", m.Logs.End)
			case m.Logs.Gap != "":
				gap(m.Logs.Gap)
				return nil
			}
			for _, l := range m.Logs.Lines {
				if l.Stream == "STDOUT" {
					line(l.Message)
				}
			}
			*cursor = m.Logs.Cursor
			return nil
		})
}
