package queue

import (
	"context"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/davitdev/davit/internal/wake/redistest"
)

// BenchmarkRingToHandler is J1: from Ring on an idle queue to the first line of
// the handler, in the embedded Redis and a real one, and beside it the bare
// limit (LPUSH to a waiting BLPOP) and asynq by itself (the handlers of which
// start 0.5 to 1.5 s later, so it runs few rounds). Redis's own CPU is not in
// cpu-µs/op where it is another process.
func BenchmarkRingToHandler(b *testing.B) {
	r := redistest.Start(b)
	for name, url := range map[string]string{"embedded": "", "redis": r.URL()} {
		b.Run(name, func(b *testing.B) {
			q := open(b, url)
			handled := make(chan time.Time, 1)
			start(b, q, map[string]Handler{"deployment:run": func(context.Context, string) error {
				handled <- time.Now()
				return nil
			}}, group("deploy", 4), group("build", 2))
			latency(b, handled, func() { ring(b, q, "dep_1") })
		})
	}
	b.Run("bare BLPOP", func(b *testing.B) {
		client := redis.NewClient(must(redis.ParseURL(r.URL())))
		handled, ended := make(chan time.Time, 1), make(chan struct{})
		go func() {
			defer close(ended)
			for client.BLPop(b.Context(), 0, "bench").Err() == nil {
				handled <- time.Now()
			}
		}()
		latency(b, handled, func() { client.LPush(b.Context(), "bench", "dep_1") })
		client.Close() // ends BLPOP, which ends for no context
		<-ended
	})
	b.Run("asynq alone", func(b *testing.B) {
		if b.N > 20 {
			b.Skip("polls once a second: run with -benchtime 20x")
		}
		client := r.Client()
		handled := make(chan time.Time, 1)
		srv := asynq.NewServerFromRedisClient(client, asynq.Config{Concurrency: 4, Queues: map[string]int{"stock": 1}, Logger: logger{testLog(b)}})
		if err := srv.Start(asynq.HandlerFunc(func(context.Context, *asynq.Task) error { handled <- time.Now(); return nil })); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(srv.Shutdown)
		tasks := asynq.NewClientFromRedisClient(client)
		latency(b, handled, func() {
			if _, err := tasks.Enqueue(asynq.NewTask("x", []byte("dep_1")), asynq.Queue("stock")); err != nil {
				b.Fatal(err)
			}
		})
	})
}

// latency measures ring until handled, from idle each time, and reports the
// distribution and the CPU this process used.
func latency(b *testing.B, handled <-chan time.Time, ring func()) {
	b.Helper()
	pause := time.NewTicker(3 * time.Millisecond)
	defer pause.Stop()
	ring()
	<-handled
	took := make([]time.Duration, 0, b.N)
	before := cpu()
	b.ResetTimer()
	for range b.N {
		<-pause.C
		began := time.Now()
		ring()
		took = append(took, (<-handled).Sub(began))
	}
	b.StopTimer()
	used := cpu() - before
	slices.Sort(took)
	micros := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
	b.ReportMetric(micros(took[len(took)/2]), "p50-µs")
	b.ReportMetric(micros(took[len(took)*99/100]), "p99-µs")
	b.ReportMetric(micros(used)/float64(b.N), "cpu-µs/op")
}

func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkIdle reports how much Redis and CPU an idle server with three groups
// takes, beside asynq by itself with the same three queues.
func BenchmarkIdle(b *testing.B) {
	const idle = 10 * time.Second
	queues := map[string]int{"deploy": 6, "build": 3, "clean": 1}
	measure := func(b *testing.B, client *redis.Client) {
		commands := func() float64 { return float64(infoInt(b, client, "stats", "total_commands_processed")) }
		for range b.N {
			before, began := commands(), cpu()
			<-time.After(idle)
			b.ReportMetric((commands()-before)/idle.Seconds(), "commands/s")
			b.ReportMetric(100*(cpu()-began).Seconds()/idle.Seconds(), "cpu-%")
		}
	}
	b.Run("redis", func(b *testing.B) {
		q := open(b, redistest.Start(b).URL())
		start(b, q, nil, group("deploy", 4), group("build", 2), group("clean", 1))
		measure(b, q.client)
	})
	b.Run("embedded", func(b *testing.B) {
		q := open(b, "")
		start(b, q, nil, group("deploy", 4), group("build", 2), group("clean", 1))
		measure(b, q.client)
	})
	b.Run("asynq alone", func(b *testing.B) {
		client := redistest.Start(b).Client()
		srv := asynq.NewServerFromRedisClient(client, asynq.Config{Concurrency: 7, Queues: queues, Logger: logger{testLog(b)}})
		if err := srv.Start(asynq.HandlerFunc(func(context.Context, *asynq.Task) error { return nil })); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(srv.Shutdown)
		measure(b, client)
	})
}

func infoInt(b *testing.B, client *redis.Client, section, field string) (n int) {
	b.Helper()
	info, err := client.Info(b.Context(), section).Result()
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range infoField(info, field) {
		n = 10*n + int(c-'0')
	}
	return n
}
