package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/davitdev/davit/internal/ident"
	"github.com/davitdev/davit/internal/logs"
)

// harvest is how many lines a store takes in its turn of L3, if BENCH_LINES says
// nothing else.
const harvest = 500_000

// logStore is one of those that L3 compares.
type logStore interface {
	// ingest takes lines, and returns when it has done all work for them.
	ingest(ctx context.Context, c *crop) error
	// search returns how many of all lines hold a text.
	search(ctx context.Context, text string) (int, error)
	cpu() time.Duration
	disk() (int64, error)
	close(ctx context.Context) error
}

// logStores is L3: the same lines, as services print them, in the log store in
// Davit's data directory and in Loki: what a line costs, what it takes on the
// disk, and how long it takes to find the one that holds a text. Davit's part is
// in this process, Loki in its own; who sends the lines to Loki is counted
// nowhere. Loki compresses by gzip unless it is told otherwise; snappy is what its
// documentation says for speed.
func logStores(ctx context.Context, b *bench) (err error) {
	lines, err := linesOr(harvest)
	if err != nil {
		return err
	}
	ours, err := openEmbedded(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ours.close(ctx)) }()
	names, stores := []string{"Davit, embedded"}, []logStore{ours}
	for _, one := range []struct{ name, encoding string }{{"Loki, gzip", "gzip"}, {"Loki, snappy", "snappy"}} {
		k, err := startLoki(ctx, one.encoding)
		if errors.Is(err, errMissing) {
			b.skip(one.name, err)
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", one.name, err)
		}
		defer func() { err = errors.Join(err, k.close(ctx)) }()
		names, stores = append(names, one.name), append(stores, k)
	}
	if err := b.ingestAll(ctx, lines, names, stores); err != nil {
		return err
	}
	if err := b.weigh(lines, names, stores); err != nil {
		return err
	}
	return b.searchAll(ctx, names, stores)
}

// ingestAll compares what lines cost.
func (b *bench) ingestAll(ctx context.Context, lines int, names []string, stores []logStore) error {
	var subjects []subject
	for i, s := range stores {
		turn := 0
		subjects = append(subjects, subject{
			name: names[i] + ", lines in", cpu: s.cpu, count: func() int { return lines },
			op: func(ctx context.Context) ([]time.Duration, error) {
				c := grow(turn, lines) // its own work is not the store's
				turn++
				before := s.cpu()
				err := s.ingest(ctx, c)
				return []time.Duration{(s.cpu() - before) / time.Duration(lines)}, err
			},
		})
	}
	all, err := b.interleave(ctx, subjects...)
	if err != nil {
		return err
	}
	rate := func(s series) row {
		r := rateOf(s, "lines/CPU-s")
		r.CPU = 0 // it is what the rate is of
		return r
	}
	b.add(rate(all[0]))
	for _, s := range all[1:] {
		r := rate(all[0]).rateBeside(all[0], s)
		b.add(r.target("≥ 4, then 7", r.Ratio != nil && r.Ratio.Median >= 4), rate(s))
	}
	return nil
}

// weigh compares what all that came in takes on the disk.
func (b *bench) weigh(lines int, names []string, stores []logStore) error {
	var rows []row
	for i, s := range stores {
		bytes, err := s.disk()
		if err != nil {
			return err
		}
		rows = append(rows, row{Subject: names[i] + ", disk", Unit: "bytes/line", P50: float64(bytes) / float64(lines*(b.rounds+1))})
	}
	b.add(rows[0])
	for _, r := range rows[1:] {
		ratio := rows[0].P50 / r.P50
		ours := rows[0]
		ours.Peer, ours.Ratio = r.Subject, &spread{ratio, ratio, ratio}
		b.add(ours.target("≤ 0.25", ratio <= 0.25), r)
	}
	return nil
}

// searchAll compares how long it takes to find a line.
func (b *bench) searchAll(ctx context.Context, names []string, stores []logStore) error {
	var subjects []subject
	for i, s := range stores {
		turn := 0
		subjects = append(subjects, subject{
			name: names[i] + ", needle", cpu: s.cpu,
			op: func(ctx context.Context) ([]time.Duration, error) {
				text := needle(turn)
				turn++
				began := time.Now()
				found, err := s.search(ctx, text)
				took := time.Since(began)
				if err == nil && found != 1 {
					err = fmt.Errorf("%d lines hold %q", found, text)
				}
				return []time.Duration{took}, err
			},
		})
	}
	all, err := b.interleave(ctx, subjects...)
	if err != nil {
		return err
	}
	b.add(rowOf(all[0]))
	for _, s := range all[1:] {
		r := rowOf(all[0]).beside(all[0], s)
		b.add(r.target("≤ 0.1", r.Ratio != nil && r.Ratio.Median <= 0.1), rowOf(s))
	}
	return nil
}

// crop is what a container printed.
type crop struct {
	turn  int
	raw   []byte
	lines []int // where each begins
}

// line returns the nth, without its end.
func (c *crop) line(n int) []byte {
	end := len(c.raw)
	if n+1 < len(c.lines) {
		end = c.lines[n+1]
	}
	return c.raw[c.lines[n] : end-1]
}

// needle is what one line of a turn holds, and none of another.
func needle(turn int) string { return fmt.Sprintf("7c9e6679-7425-40de-944b-%012d", turn) }

// grow makes lines as services print them, about 100 bytes each, with a needle
// in the middle.
func grow(turn, lines int) *crop {
	c := &crop{turn: turn}
	for n := range lines {
		i := turn*lines + n
		c.lines = append(c.lines, len(c.raw))
		switch {
		case n == lines/2:
			c.raw = fmt.Appendf(c.raw, "the needle is %s in here\n", needle(turn))
		case n%4 < 2:
			c.raw = fmt.Appendf(c.raw, "2024-11-21T03:05:%02d.%03dZ INFO  request done method=GET path=/api/items/%d status=200 took=%dms\n",
				i/1000%60, i%1000, i*7919%100000, i%250)
		case n%4 == 2:
			c.raw = fmt.Appendf(c.raw, `{"level":"info","msg":"cache miss","key":"user:%d","trace":"%016x"}`+"\n", i*31%5000, uint64(i)*0x9e3779b97f4a7c15)
		default:
			c.raw = fmt.Appendf(c.raw, "10.0.%d.%d - - [21/Nov/2024:03:05:11 +0000] \"GET /static/app.js HTTP/1.1\" 304 0 \"-\" \"Mozilla/5.0\"\n", i%256, i*3%256)
		}
	}
	return c
}

// embedded is Davit's log in a directory of its own.
type embedded struct {
	dir   string
	log   *logs.Log
	group string
}

func openEmbedded(ctx context.Context) (*embedded, error) {
	dir, err := os.MkdirTemp("", "davit-bench-logs-")
	if err != nil {
		return nil, err
	}
	log, err := logs.Open(ctx, logs.Options{Dir: dir, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return &embedded{dir, log, ident.New(ident.Instance)}, nil
}

// ingest writes as the reader of a container does, which goes on where the log
// says when the spool is behind, until all lines are in the store.
func (e *embedded) ingest(ctx context.Context, c *crop) error {
	src := logs.Source{Group: e.group, ID: ident.New(ident.Deployment)}
	w, err := e.log.Writer(ctx, src, logs.Stdout, ident.New(ident.Replica), logs.WriterOptions{})
	if err != nil {
		return err
	}
	if _, err := w.Resume(ctx); err != nil {
		return err
	}
	for at := 0; at < len(c.raw); {
		n, err := w.Write(c.raw[at:min(len(c.raw), at+32<<10)])
		at += n
		if errors.Is(err, logs.ErrBehind) {
			var now logs.Position
			if now, err = w.Resume(ctx); err == nil {
				at = len(c.raw)
				if now.Lines < int64(len(c.lines)) {
					at = c.lines[now.Lines]
				}
			}
		}
		if err != nil {
			return err
		}
	}
	if err := e.log.End(ctx, src, logs.DeploymentEnded); err != nil {
		return err
	}
	for {
		spool, err := filepath.Glob(filepath.Join(e.dir, "ins_*", "*", "*.spool"))
		if err != nil || len(spool) == 0 {
			return err
		}
		if err := sleep(ctx, 5*time.Millisecond); err != nil {
			return err
		}
	}
}

// search looks from the newest line to the oldest.
func (e *embedded) search(ctx context.Context, text string) (found int, err error) {
	q := logs.Query{Source: logs.Source{Group: e.group}, Filter: logs.Filter{Search: text}}
	for {
		page, err := e.log.Query(ctx, q)
		if err != nil {
			return found, err
		}
		if found += len(page.Lines); !page.HasMoreBefore {
			return found, nil
		}
		q.Before = page.StartCursor
	}
}

func (*embedded) cpu() time.Duration { return resourceUsage(syscall.RUSAGE_SELF) }

func (e *embedded) disk() (int64, error) { return diskUse(e.dir, ".seg") }

func (e *embedded) close(ctx context.Context) error {
	return errors.Join(e.log.Close(context.WithoutCancel(ctx)), os.RemoveAll(e.dir))
}

// diskUse is how many bytes the files below a directory have whose names end so.
func diskUse(dir, suffix string) (bytes int64, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, suffix) {
			return err
		}
		info, err := d.Info()
		if err == nil {
			bytes += info.Size()
		}
		return err
	})
	return bytes, err
}
