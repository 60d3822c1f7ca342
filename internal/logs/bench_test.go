package logs_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/davitdev/davit/internal/logs"
)

// typicalLines is n lines of about 100 bytes as services print them.
func typicalLines(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		switch i % 4 {
		case 0, 1:
			fmt.Fprintf(&b, "2024-11-21T03:05:%02d.%03dZ INFO  request done method=GET path=/api/items/%d status=200 took=%dms\n", i/1000%60, i%1000, i*7919%100000, i%250)
		case 2:
			fmt.Fprintf(&b, `{"level":"info","msg":"cache miss","key":"user:%d","trace":"%016x"}`+"\n", i*31%5000, uint64(i)*0x9e3779b97f4a7c15)
		case 3:
			fmt.Fprintf(&b, "10.0.%d.%d - - [21/Nov/2024:03:05:11 +0000] \"GET /static/app.js HTTP/1.1\" 304 0 \"-\" \"Mozilla/5.0\"\n", i%256, i*3%256)
		}
	}
	return b.Bytes()
}

func BenchmarkIngest(b *testing.B) {
	raw := typicalLines(10_000)
	l := openLog(b, logs.Options{Dir: b.TempDir()})
	src := newSource()
	w := writer(b, l, src, logs.Stdout, newReplica())
	b.SetBytes(int64(len(raw)))
	b.ResetTimer()
	for b.Loop() {
		write(b, w, raw)
	}
	if err := w.End(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)*10_000/b.Elapsed().Seconds(), "lines/s")
}

// The share of the raw size that ends up on disk.
func BenchmarkDisk(b *testing.B) {
	raw := typicalLines(200_000)
	var used int64
	for b.Loop() {
		dir := b.TempDir()
		l := openLog(b, logs.Options{Dir: dir})
		src := newSource()
		w := writer(b, l, src, logs.Stdout, newReplica())
		write(b, w, raw)
		if err := l.End(b.Context(), src, logs.DeploymentEnded); err != nil {
			b.Fatal(err)
		}
		settled(b, dir)
		used = diskUse(b, dir)
	}
	b.ReportMetric(float64(used)/float64(len(raw)), "disk/raw")
}

func diskUse(tb testing.TB, dir string) (bytes int64) {
	tb.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".seg") && !strings.HasSuffix(path, ".sig") {
			return err
		}
		info, err := d.Info()
		bytes += info.Size()
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return bytes
}

// settled waits until no spool file is left.
func settled(tb testing.TB, dir string) {
	tb.Helper()
	eventually(tb, func() bool {
		spool, err := filepath.Glob(filepath.Join(dir, "ins_*", "*", "*.spool"))
		return err == nil && len(spool) == 0
	})
}

// The time from Write to the line in a follower's hands.
func BenchmarkFollow(b *testing.B) {
	l := openLog(b, logs.Options{Dir: b.TempDir()})
	src := newSource()
	w := writer(b, l, src, logs.Stdout, newReplica())
	f, err := l.Follow(b.Context(), logs.FollowOptions{Source: src})
	if err != nil {
		b.Fatal(err)
	}
	got := make(chan struct{})
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	go func() {
		defer close(got)
		for {
			if _, err := f.Next(ctx); err != nil {
				return
			}
			got <- struct{}{}
		}
	}()
	line := []byte("hello from a container, at the speed of a pipe\n")
	var times []time.Duration
	for b.Loop() {
		start := time.Now()
		write(b, w, line)
		<-got
		times = append(times, time.Since(start))
	}
	cancel()
	<-got
	b.ReportMetric(percentile(times, 50), "p50-ns")
	b.ReportMetric(percentile(times, 99), "p99-ns")
}

func BenchmarkSearch(b *testing.B) {
	raw := typicalLines(500_000)
	dir := b.TempDir()
	l := openLog(b, logs.Options{Dir: dir})
	src := newSource()
	w := writer(b, l, src, logs.Stdout, newReplica())
	write(b, w, raw[:len(raw)/2])
	write(b, w, []byte("\nthe needle is 7c9e6679-7425-40de-944b in here\n"))
	write(b, w, raw[len(raw)/2:])
	if err := l.End(b.Context(), src, logs.DeploymentEnded); err != nil {
		b.Fatal(err)
	}
	settled(b, dir)
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		page, err := l.Query(b.Context(), logs.Query{Source: src, Filter: logs.Filter{Search: "7c9e6679-7425-40de-944b"}})
		if err != nil || len(page.Lines) != 1 {
			b.Fatalf("%d lines, %v", len(page.Lines), err)
		}
	}
}
