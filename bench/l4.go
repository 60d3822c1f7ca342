package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"time"

	"github.com/moby/moby/client"

	davit "github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/ident"
	"github.com/davitdev/davit/internal/logs"
)

const (
	// fewLines are what the small log of L4 has, manyLines the large one, if
	// BENCH_LINES says nothing else.
	fewLines, manyLines = 100_000, 10_000_000

	// logPage is how many lines are asked for, loggedTime what the lines lie
	// apart in all.
	logPage    = 100
	loggedTime = 12 * time.Hour

	// chunk is how many lines have one time, and are written at once.
	chunk = 100
)

// longLog is L4: what a person waits for who reads a log of ten million lines,
// beside one of a hundred thousand.
func longLog(ctx context.Context, b *bench) (err error) {
	n := manyLines
	if text := os.Getenv("BENCH_LINES"); text != "" {
		if n, err = strconv.Atoi(text); err != nil || n < fewLines {
			return fmt.Errorf("BENCH_LINES is %q, want a number from %d on", text, fewLines)
		}
	}
	api, err := client.New(client.FromEnv)
	if err != nil {
		return err
	}
	defer api.Close()
	image, err := (&engine{api: api}).testImage(ctx)
	if err != nil {
		return err
	}
	var pair [2]*logged
	for i, lines := range []int{fewLines, n} {
		if pair[i], err = printLong(ctx, b, image, lines); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, pair[i].remove(ctx)) }()
	}
	for _, what := range []struct {
		name string
		op   func(*logged, context.Context) ([]time.Duration, error)
	}{
		{"start until ready", func(l *logged, ctx context.Context) ([]time.Duration, error) { return l.coldStart(ctx) }},
		{"the first page after a start", (*logged).first},
		{fmt.Sprintf("the last %d lines", logPage), (*logged).last},
		{fmt.Sprintf("%d lines from a time in the middle", logPage), (*logged).middle},
		{fmt.Sprintf("the next %d lines after a cursor there", logPage), (*logged).next},
		{"to follow, with the last lines", (*logged).follows},
		{"a word that is in one line in the middle", (*logged).search},
	} {
		both := make([]subject, 2)
		for i, l := range pair {
			both[i] = subject{
				name: fmt.Sprintf("%s, %d lines", what.name, l.lines),
				op:   func(ctx context.Context) ([]time.Duration, error) { return what.op(l, ctx) },
				cpu:  func() time.Duration { return 0 }, // processes come and go
			}
		}
		all, err := b.interleave(ctx, both...)
		if err != nil {
			return err
		}
		r := rowOf(all[1]).beside(all[1], all[0])
		b.add(rowOf(all[0]), r.target("≤ 1.5 ×", r.Ratio != nil && r.Ratio.Median <= 1.5))
	}
	return nil
}

// logged is an installation with a deployment that has printed long.
type logged struct {
	*installation
	made   deployment
	lines  int
	mid    time.Time
	cursor string // in the middle
}

// printLong installs Davit, deploys an application and gives that a log.
func printLong(ctx context.Context, b *bench, image string, lines int) (_ *logged, err error) {
	d, err := install(ctx, b.program)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.remove(ctx))
		}
	}()
	s, err := d.makeService(ctx, "app", "WEB", fromImage(image), nil)
	if err != nil {
		return nil, err
	}
	made, err := d.deploy(ctx, s)
	if err != nil {
		return nil, err
	}
	if err := d.live(ctx, made); err != nil {
		return nil, err
	}
	if err := d.end(); err != nil {
		return nil, err
	}
	from := time.Now().Add(-loggedTime - time.Hour)
	began := time.Now()
	if err := writeLong(ctx, d.config.Logs(), logs.Source{Group: s.instance, ID: made.ID}, from, lines); err != nil {
		return nil, err
	}
	b.say("  %d lines in %s", lines, time.Since(began).Round(time.Millisecond))
	l := &logged{installation: d, made: made, lines: lines, mid: from.Add(loggedTime / 2)}
	if _, err = d.serve(ctx); err != nil {
		return nil, err
	}
	page, err := l.page(ctx, davit.Variables{"from": l.mid, "limit": logPage})
	l.cursor = page.EndCursor
	return l, err
}

// writeLong writes lines as a replica of src prints them, as fast as a log takes
// them.
func writeLong(ctx context.Context, dir string, src logs.Source, from time.Time, lines int) (err error) {
	book, err := logs.Open(ctx, logs.Options{
		Dir: dir, Logger: slog.New(slog.DiscardHandler), QueueBytes: 64 << 20, StreamQueueBytes: 64 << 20,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, book.Close(context.WithoutCancel(ctx))) }()
	w, err := book.Writer(ctx, src, logs.Stdout, ident.New(ident.Replica), logs.WriterOptions{})
	if err != nil {
		return err
	}
	defer w.Close()
	step := loggedTime / time.Duration(lines/chunk+1)
	var raw bytes.Buffer
	for i := 0; i < lines; {
		raw.Reset()
		for n := i; n < min(lines, i+chunk); n++ {
			printLine(&raw, n, lines)
		}
		err := w.WriteAt(from.Add(step*time.Duration(i/chunk)), raw.Bytes(), false)
		if i += chunk; err == nil && i < lines {
			continue
		}
		if err != nil && !errors.Is(err, logs.ErrBehind) {
			return err
		}
		at, err := w.Resume(ctx)
		if err != nil {
			return err
		}
		i = int(at.Lines)
	}
	return nil
}

// theWord is in one line.
const theWord = "7c9e6679-7425-40de-944b"

// printLine is line i of an application as they are.
func printLine(raw *bytes.Buffer, i, lines int) {
	trace := uint64(i) * 0x9e3779b97f4a7c15
	switch {
	case i == lines/2:
		fmt.Fprintf(raw, "{\"level\":\"warn\",\"msg\":\"payment was refused\",\"order\":%q}\n", theWord)
	case i%4 == 2:
		fmt.Fprintf(raw, "{\"level\":\"info\",\"msg\":\"cache miss\",\"key\":\"user:%d\",\"trace\":\"%016x\"}\n", i*31%50_000, trace)
	case i%4 == 3:
		fmt.Fprintf(raw, "10.0.%d.%d - - \"GET /static/app.js HTTP/1.1\" 304 0 \"-\" \"Mozilla/5.0 (X11; Linux x86_64)\"\n", i%256, i*3%256)
	default:
		fmt.Fprintf(raw, "INFO  request done method=GET path=/api/items/%d status=200 took=%dms trace=%08x\n", i*7919%100_000, i%250, trace>>32)
	}
}

// logPageOf is a page of the API.
type logPageOf struct {
	Lines                  []struct{ Message string }
	StartCursor, EndCursor string
	HasMoreBefore          bool
}

// page asks for one.
func (l *logged) page(ctx context.Context, query davit.Variables) (logPageOf, error) {
	var out struct{ Logs logPageOf }
	err := l.client.Do(ctx, `query($id:ID!,$q:LogQuery!){logs(source:{deploymentId:$id},query:$q){lines{cursor timestamp stream severity message} startCursor endCursor hasMoreBefore}}`,
		davit.Variables{"id": l.made.ID, "q": query}, &out)
	return out.Logs, err
}

// timed is how long a full page takes.
func (l *logged) timed(ctx context.Context, query davit.Variables) ([]time.Duration, error) {
	query["limit"] = logPage
	began := time.Now()
	p, err := l.page(ctx, query)
	took := time.Since(began)
	if err == nil && len(p.Lines) != logPage {
		err = fmt.Errorf("a page of %d lines has %d", logPage, len(p.Lines))
	}
	return []time.Duration{took}, err
}

func (l *logged) last(ctx context.Context) ([]time.Duration, error) {
	return l.timed(ctx, davit.Variables{})
}

func (l *logged) middle(ctx context.Context) ([]time.Duration, error) {
	return l.timed(ctx, davit.Variables{"from": l.mid})
}

func (l *logged) next(ctx context.Context) ([]time.Duration, error) {
	return l.timed(ctx, davit.Variables{"after": l.cursor})
}

// first is the last lines for who asks before anybody else did.
func (l *logged) first(ctx context.Context) ([]time.Duration, error) {
	if err := l.end(); err != nil {
		return nil, err
	}
	if _, err := l.serve(ctx); err != nil {
		return nil, err
	}
	return l.last(ctx)
}

// follows is how long a feed takes to give its first lines.
func (l *logged) follows(ctx context.Context) ([]time.Duration, error) {
	ctx, enough := context.WithTimeout(ctx, time.Minute)
	defer enough()
	began := time.Now()
	var took time.Duration
	err := l.client.Subscribe(ctx, `subscription($id:ID!,$tail:Int!){logs(source:{deploymentId:$id},tail:$tail){... on LogBatch{lines{message}}}}`,
		func() any { return davit.Variables{"id": l.made.ID, "tail": logPage} },
		func(json.RawMessage) error {
			if took == 0 {
				took = time.Since(began)
			}
			enough()
			return nil
		})
	if took == 0 {
		return nil, errors.Join(err, errors.New("the feed gave nothing"))
	}
	return []time.Duration{took}, nil
}

// search looks for the word from the newest line on, page by page.
func (l *logged) search(ctx context.Context) ([]time.Duration, error) {
	query := davit.Variables{"search": theWord, "limit": 1}
	began := time.Now()
	for {
		p, err := l.page(ctx, query)
		switch {
		case err != nil:
			return nil, err
		case len(p.Lines) == 1:
			return []time.Duration{time.Since(began)}, nil
		case !p.HasMoreBefore:
			return nil, errors.New("the word is not found")
		}
		query["before"] = p.StartCursor
	}
}
