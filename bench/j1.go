package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/davitdev/davit/worker/queue"
)

// stockEvery is how often asynq at its defaults takes part: it sleeps for about
// a second where the others take less than one of its thousandths.
const stockEvery = 20

// ringToHandler is J1: from Ring on an idle queue to the first line of the
// handler, in the embedded Redis and in one of its own, beside a bare BLPOP,
// asynq at its defaults, BullMQ on the same Redis and River on PostgreSQL. Then
// it counts what the idle ones ask of Redis.
func ringToHandler(ctx context.Context, b *bench) (err error) {
	r, err := startRedis(ctx)
	if err != nil {
		b.skip("all", err)
		return nil
	}
	defer func() { err = errors.Join(err, r.close()) }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	own, err := startQueue(ctx, r.url(0))
	if err != nil {
		return err
	}
	defer own.close()
	embedded, err := startQueue(ctx, "")
	if err != nil {
		return err
	}
	defer embedded.close()
	bare := startList(ctx, r.client(1))
	defer bare.close()
	stock, err := startAsynq(r.client(2))
	if err != nil {
		return err
	}
	others, end, err := otherQueues(ctx, b, r)
	var all []series
	if err == nil {
		all, err = b.interleave(ctx, append([]subject{
			own.subject("Davit, Redis", r.cpu), embedded.subject("Davit, embedded", nil),
			bare.subject("bare LPUSH + BLPOP", r.cpu), stock.subject("asynq at its defaults", r.cpu),
		}, others...)...)
	}
	err = errors.Join(err, end())
	stock.close()
	if err != nil {
		return err
	}
	for i, s := range all {
		row := rowOf(s)
		if i != 2 {
			row = row.beside(s, all[2])
		}
		if i < 2 {
			row = row.target("p50 ≤ 0.6 ms", row.P50 <= 0.6)
		}
		b.add(row)
	}
	embedded.close()
	own.close()
	bare.close()
	return idleCommands(ctx, b, r)
}

// otherQueues starts queues of other kinds. end ends those that started.
func otherQueues(ctx context.Context, b *bench, r *redisServer) (subjects []subject, end func() error, err error) {
	var started []*worker
	end = func() error {
		var errs []error
		for _, w := range started {
			errs = append(errs, w.close())
		}
		return errors.Join(errs...)
	}
	for _, one := range []struct {
		name  string
		every int
		cpu   func() time.Duration
		start func() (*worker, error)
	}{
		{"BullMQ", 1, r.cpu, func() (*worker, error) { return startBullMQ(ctx, b, r.url(5)) }},
		{"River, fetches as often as it can", 1, nil, func() (*worker, error) { return startRiver(ctx, b, "-fetch-cooldown", "1ms") }},
		// It fetches ten times a second; others take part more often.
		{"River at its defaults", stockEvery, nil, func() (*worker, error) { return startRiver(ctx, b) }},
	} {
		w, err := one.start()
		if errors.Is(err, errMissing) {
			b.skip(one.name, err)
			continue
		}
		if err != nil {
			return nil, end, fmt.Errorf("%s: %w", one.name, err)
		}
		started = append(started, w)
		subjects = append(subjects, w.subject(one.name, one.every, one.cpu))
	}
	return subjects, end, nil
}

// idleCommands counts what an idle server with the queues of a Davit asks of
// Redis in a minute, ours and asynq's in turns.
func idleCommands(ctx context.Context, b *bench, r *redisServer) error {
	const turns, span = 3, 10 * time.Second
	count := func(start func() (*ringer, error)) (float64, error) {
		s, err := start()
		if err != nil {
			return 0, err
		}
		defer s.close()
		if err := sleep(ctx, 2*time.Second); err != nil { // its start is not idleness
			return 0, err
		}
		before, err := r.commands(ctx)
		if err != nil {
			return 0, err
		}
		if err := sleep(ctx, span); err != nil {
			return 0, err
		}
		after, err := r.commands(ctx)
		return float64(after-before-1) * float64(time.Minute/span), err // one is the counting
	}
	var ours, theirs float64
	for range turns {
		n, err := count(func() (*ringer, error) { return startQueue(ctx, r.url(3)) })
		if err != nil {
			return err
		}
		ours += n / turns
		if n, err = count(func() (*ringer, error) { return startAsynq(r.client(4)) }); err != nil {
			return err
		}
		theirs += n / turns
	}
	b.add(row{Subject: "Davit, idle Redis commands", Unit: "/min", P50: ours}.target("≤ asynq", ours <= theirs),
		row{Subject: "asynq at its defaults, idle Redis commands", Unit: "/min", P50: theirs})
	return nil
}

// ringer is something that can be rung, and whose handler says when it began.
type ringer struct {
	ring  func(context.Context) error
	began chan time.Time
	end   func()
	every int
}

// close ends it; twice is no error.
func (r *ringer) close() {
	if r.end != nil {
		r.end()
	}
	r.end = nil
}

// subject rings once. cpu is what works for it beside this process, if not nil.
func (r *ringer) subject(name string, cpu func() time.Duration) subject {
	return subject{
		name: name, every: r.every,
		op: func(ctx context.Context) ([]time.Duration, error) {
			began := time.Now()
			if err := r.ring(ctx); err != nil {
				return nil, err
			}
			select {
			case at := <-r.began:
				return []time.Duration{at.Sub(began)}, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		},
		after: func(ctx context.Context) error { return sleep(ctx, 3*time.Millisecond) }, // idle again
		cpu: func() time.Duration {
			used := ownCPU()
			if cpu != nil {
				used += cpu()
			}
			return used
		},
	}
}

// note tells when a handler began.
func (r *ringer) note() {
	select {
	case r.began <- time.Now():
	default: // nobody waits
	}
}

const deployQueue = "deploy"

// groups are those of a Davit.
func groups() []queue.Group {
	return []queue.Group{
		{Queues: map[string]int{deployQueue: 1}, Concurrency: 8},
		{Queues: map[string]int{"keep": 1}, Concurrency: 8},
		{Queues: map[string]int{"operate": 1}, Concurrency: 4},
	}
}

// startQueue starts Davit's; "" is the embedded Redis.
func startQueue(ctx context.Context, url string) (*ringer, error) {
	log := slog.New(slog.DiscardHandler)
	q, err := queue.Open(ctx, queue.Options{RedisURL: url, Log: log})
	if err != nil {
		return nil, err
	}
	r := &ringer{began: make(chan time.Time, 1)}
	r.ring = func(ctx context.Context) error {
		return q.Ring(ctx, queue.Task{Type: "deployment:run", ID: "dep_1", Queue: deployQueue})
	}
	serving, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	server := &queue.Server{
		Queue: q, Groups: groups(), Grace: 5 * time.Second, Log: log,
		Handlers: map[string]queue.Handler{"deployment:run": func(context.Context, string) error { r.note(); return nil }},
	}
	go func() { ended <- server.Run(serving) }()
	r.end = func() {
		stop()
		_ = errors.Join(<-ended, q.Close()) // what was measured has been
	}
	return r, nil
}

// startList starts a reader of a plain list.
func startList(ctx context.Context, client *redis.Client) *ringer {
	r := &ringer{began: make(chan time.Time, 1)}
	r.ring = func(ctx context.Context) error { return client.LPush(ctx, "bench", "dep_1").Err() }
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for client.BLPop(ctx, 0, "bench").Err() == nil {
			r.note()
		}
	}()
	r.end = func() {
		_ = client.Close() // ends BLPOP, which ends for no context
		<-ended
	}
	return r
}

// startAsynq starts asynq as it comes, with the queues of a Davit.
func startAsynq(client *redis.Client) (*ringer, error) {
	r := &ringer{began: make(chan time.Time, 1), every: stockEvery}
	tasks := asynq.NewClientFromRedisClient(client)
	r.ring = func(ctx context.Context) error {
		_, err := tasks.EnqueueContext(ctx, asynq.NewTask("deployment:run", []byte("dep_1")), asynq.Queue(deployQueue))
		return err
	}
	server := asynq.NewServerFromRedisClient(client, asynq.Config{
		Concurrency: 20, Queues: map[string]int{deployQueue: 1, "keep": 1, "operate": 1}, LogLevel: asynq.FatalLevel,
	})
	err := server.Start(asynq.HandlerFunc(func(context.Context, *asynq.Task) error { r.note(); return nil }))
	r.end = func() {
		server.Shutdown()
		_ = client.Close()
	}
	return r, err
}

// redisServer is a redis-server of our own, without a disk.
type redisServer struct {
	cmd  *exec.Cmd
	addr string
}

func startRedis(ctx context.Context) (*redisServer, error) {
	addr, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	_, port, _ := strings.Cut(addr, ":")
	cmd := exec.CommandContext(context.WithoutCancel(ctx), "redis-server", "--bind", "127.0.0.1", "--port", port, "--save", "", "--dir", os.TempDir())
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	r := &redisServer{cmd, addr}
	client := r.client(0)
	defer client.Close()
	for range 1000 {
		if client.Ping(ctx).Err() == nil {
			return r, nil
		}
		if err := sleep(ctx, 10*time.Millisecond); err != nil {
			break
		}
	}
	return nil, errors.Join(errors.New("redis-server does not answer"), r.close())
}

func (r *redisServer) close() error {
	err := r.cmd.Process.Kill()
	_ = r.cmd.Wait() // it was killed
	return err
}

func (r *redisServer) url(db int) string { return fmt.Sprintf("redis://%s/%d", r.addr, db) }

func (r *redisServer) client(db int) *redis.Client {
	return redis.NewClient(&redis.Options{Addr: r.addr, DB: db})
}

func (r *redisServer) cpu() time.Duration { return processCPU(r.cmd.Process.Pid) }

// commands is how many were processed so far.
func (r *redisServer) commands(ctx context.Context) (int, error) {
	client := r.client(0)
	defer client.Close()
	info, err := client.Info(ctx, "stats").Result()
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(info, "total_commands_processed:")
	value, _, _ := strings.Cut(rest, "\r\n")
	return strconv.Atoi(value)
}

// sleep waits for d, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
