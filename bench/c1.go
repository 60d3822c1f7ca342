package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/moby/moby/client"
)

const (
	// watched is how many lines arrive in a turn of C1, in watchedTime; scrolled
	// is how many the log has that is scrolled through.
	watched, watchedTime = 100_000, 10 * time.Second
	scrolled             = 1_000_000

	// late is a frame that a person sees stutter, and hurries past.
	late = 50 * time.Millisecond

	filterPage, idlePage, scrollPage = "filter", "idle", "scroll"
)

// viewerUnderLoad is C1: Chromium shows the console's log viewer while lines
// arrive and a filter is typed and changed, and while somebody drags the
// scrollbar through a log of a million lines; in turns with a page where nothing
// happens, of the same browser. What is timed are the frames; CPU is that of the
// renderer for a second.
func viewerUnderLoad(ctx context.Context, b *bench) (err error) {
	if err := errors.Join(lookPaths("node"), viewerInstalled()); err != nil {
		b.skip("the console in Chromium", err)
		return nil
	}
	if err := b.linesArrive(ctx); err != nil {
		return err
	}
	return b.scrollThrough(ctx)
}

// linesArrive is the part of C1 that follows the end of a log.
func (b *bench) linesArrive(ctx context.Context) (err error) {
	d, made, err := installLogger(ctx, b)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.remove(ctx)) }()
	v, err := d.openViewer(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.close()) }()
	app := &flooded{addr: d.config.ProxyListen, host: made.host()}
	return b.frames(ctx, v, fmt.Sprintf("%d lines arrive, a filter is typed", watched), filterPage, func(ctx context.Context) error {
		return app.steadily(ctx, watched, watchedTime)
	})
}

// installLogger makes an installation whose only application prints lines when
// it is told to.
func installLogger(ctx context.Context, b *bench) (_ *installation, made deployment, err error) {
	api, err := client.New(client.FromEnv)
	if err != nil {
		return nil, made, err
	}
	defer api.Close()
	image, err := (&engine{api: api}).testImage(ctx)
	if err != nil {
		return nil, made, err
	}
	d, err := install(ctx, b.program)
	if err != nil {
		return nil, made, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.remove(ctx))
		}
	}()
	s, err := d.makeService(ctx, "app", "WEB", fromImage(image), nil)
	if err != nil {
		return nil, made, err
	}
	if made, err = d.deploy(ctx, s); err != nil {
		return nil, made, err
	}
	return d, made, d.serves(ctx, made, "", func() {})
}

// steadily prints n lines in even portions.
func (f *flooded) steadily(ctx context.Context, n int, in time.Duration) error {
	const portions = 100
	turn := time.NewTicker(in / portions)
	defer turn.Stop()
	for range portions {
		from := f.printed + 1
		f.printed += int64(n / portions)
		if err := f.print(ctx, from, n/portions); err != nil {
			return err
		}
		select {
		case <-turn.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// scrollThrough is the part of C1 that reads what was printed long ago.
func (b *bench) scrollThrough(ctx context.Context) (err error) {
	api, err := client.New(client.FromEnv)
	if err != nil {
		return err
	}
	defer api.Close()
	image, err := (&engine{api: api}).testImage(ctx)
	if err != nil {
		return err
	}
	l, err := printLong(ctx, b, image, scrolled)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.remove(ctx)) }()
	v, err := l.openViewer(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.close()) }()
	read, err := v.do("read")
	if err != nil {
		return err
	}
	b.say("  %d lines read from the end to the beginning in %.1f s", read.Rows, read.Seconds)
	if read.Rows < scrolled {
		return fmt.Errorf("the viewer has %d lines of %d", read.Rows, scrolled)
	}
	name := fmt.Sprintf("%d lines loaded by scrolling up", scrolled)
	b.add(rowOf(series{name: name, took: read.frames()}))
	b.add(tailOf(name, read.frames())...)
	return b.frames(ctx, v, fmt.Sprintf("the scrollbar dragged through %d lines", scrolled), scrollPage, nothing)
}

// frames lets a page where nothing happens and one that does something take
// turns, and adds the rows of both. beside runs beside the latter, if not nil.
func (b *bench) frames(ctx context.Context, v *viewer, name, what string, beside func(context.Context) error) error {
	var rounds [2][][]time.Duration // frames, the first of each of warming up
	measured := func(i int, name, what string, beside func(context.Context) error) subject {
		var took float64
		return subject{
			name: name, cpu: v.cpu, count: func() int { return int(max(1, took)) },
			op: func(ctx context.Context) ([]time.Duration, error) {
				ended := make(chan error, 1)
				go func() { ended <- beside(ctx) }()
				t, err := v.do(what)
				if err := errors.Join(err, <-ended); err != nil {
					return nil, err
				}
				took = t.Seconds
				rounds[i] = append(rounds[i], t.frames())
				return t.frames(), nil
			},
		}
	}
	all, err := b.interleave(ctx, measured(0, "a page where nothing happens", idlePage, nothing), measured(1, name, what, beside))
	if err != nil {
		return err
	}
	b.add(rowOf(all[0]))
	r := rowOf(all[1])
	r.Peer, r.Ratio = all[0].name+", p99", ratiosAt(0.99, rounds[1][1:], rounds[0][1:])
	b.add(r.target("p99 ≤ 50 ms", r.P99 <= millis(late)))
	b.add(tailOf(name, all[1].took)...)
	return nil
}

func nothing(context.Context) error { return nil }

// ratiosAt are those of a quantile of frames to that of a peer, round by round.
func ratiosAt(q float64, subject, peer [][]time.Duration) *spread {
	var list []float64
	for i := range min(len(subject), len(peer)) {
		if other := quantile(peer[i], q); other > 0 {
			list = append(list, float64(quantile(subject[i], q))/float64(other))
		}
	}
	slices.Sort(list)
	if len(list) == 0 {
		return nil
	}
	return &spread{list[0], quantile(list, 0.5), list[len(list)-1]}
}

// tailOf says how the slowest of sorted frames were.
func tailOf(name string, frames []time.Duration) []row {
	slow := 0
	for _, f := range frames {
		if f > late {
			slow++
		}
	}
	return []row{
		{Subject: name + ", p95", Unit: "ms", P50: millis(quantile(frames, 0.95))},
		{Subject: name + ", frames > 50 ms", Unit: "‰", P50: 1000 * float64(slow) / float64(max(1, len(frames)))},
	}
}
