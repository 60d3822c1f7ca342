package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	davit "github.com/davitdev/davit/internal/client"
)

// resumeAfterKill is J2: davit serve is killed while a deployment waits for its
// application to become healthy, and started again at once. The clock runs from
// the kill until a client of the new server sees that somebody works on the
// deployment again: a step of it has begun anew. Beside it, once, a worker of
// asynq at its defaults that is killed and started again: until the task begins.
func resumeAfterKill(ctx context.Context, b *bench) (err error) {
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
	var job service
	count := 0
	all, err := b.interleave(ctx, subject{
		name: "Davit, kill → resumed", cpu: func() time.Duration { return 0 }, // the processes are new each time
		op: func(ctx context.Context) ([]time.Duration, error) {
			count++
			job, err = d.makeService(ctx, fmt.Sprintf("never-well-%d", count), "WEB", fromImage(image), davit.Variables{
				"startCommand": "/app -unhealthy-for -1s",
				"healthCheck":  davit.Variables{"kind": "HTTP", "path": "/healthz", "startPeriod": "PT10M"},
			})
			if err != nil {
				return nil, err
			}
			made, err := d.deploy(ctx, job)
			if err != nil {
				return nil, err
			}
			if err := d.attempt(ctx, made, "HEALTH_CHECK", 1); err != nil {
				return nil, err
			}
			began := time.Now()
			if err := d.kill(); err != nil {
				return nil, err
			}
			if _, err := d.serve(ctx); err != nil {
				return nil, err
			}
			err = d.attempt(ctx, made, "CREATE_CONTAINER", 2)
			return []time.Duration{time.Since(began)}, err
		},
		after: func(ctx context.Context) error { return d.delete(ctx, job) },
	})
	if err != nil {
		return err
	}
	r := rowOf(all[0])
	b.add(r.target("≤ 2 s", r.P99 <= 2000))
	const stock = "asynq at its defaults, kill → resumed, once"
	took, err := stockAfterKill(ctx)
	if errors.Is(err, exec.ErrNotFound) {
		b.skip(stock, err)
		return nil
	}
	if err != nil {
		return err
	}
	b.add(row{Subject: stock, Unit: "ms", P50: millis(took)})
	return nil
}

// kill ends the control plane as a crash does.
func (d *installation) kill() error {
	cmd := d.server
	d.server = nil
	err := cmd.Process.Kill()
	_ = cmd.Wait() // it was killed
	d.spent += usedBy(cmd)
	return err
}

var errSeen = errors.New("seen")

// attempt waits until a phase of a deployment is in its nth attempt.
func (d *installation) attempt(ctx context.Context, made deployment, phase string, nth int) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var state struct {
		DeploymentUpdated struct {
			Status string
			Phases []struct {
				Name    string
				Attempt int
			}
		}
	}
	err := d.client.Subscribe(ctx, `subscription($id:ID!){deploymentUpdated(id:$id){status phases{name attempt}}}`,
		func() any { return davit.Variables{"id": made.ID} },
		func(data json.RawMessage) error {
			if err := json.Unmarshal(data, &state); err != nil {
				return err
			}
			for _, p := range state.DeploymentUpdated.Phases {
				if p.Name == phase && p.Attempt >= nth {
					return errSeen
				}
			}
			return nil
		})
	if errors.Is(err, errSeen) {
		return nil
	}
	return errors.Join(err, fmt.Errorf("%s did not come to attempt %d of %s: %+v", made.ID, nth, phase, state))
}

// stockWorker is the argument that makes this program a worker of asynq at its
// defaults, on the Redis that the next one names.
const stockWorker = "asynq-worker"

// runStockWorker says on out when a task begins, which then does not end.
func runStockWorker(ctx context.Context, addr string, out io.Writer) error {
	server := asynq.NewServer(asynq.RedisClientOpt{Addr: addr}, asynq.Config{LogLevel: asynq.FatalLevel})
	err := server.Start(asynq.HandlerFunc(func(context.Context, *asynq.Task) error {
		fmt.Fprintln(out, "began")
		<-ctx.Done()
		return nil
	}))
	<-ctx.Done()
	return err
}

// stockAfterKill kills such a worker in the middle of a task, starts another
// one, and returns how long it took until that began the task.
func stockAfterKill(ctx context.Context) (took time.Duration, err error) {
	r, err := startRedis(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	tasks := asynq.NewClientFromRedisClient(redis.NewClient(&redis.Options{Addr: r.addr}))
	defer tasks.Close()
	if _, err := tasks.EnqueueContext(ctx, asynq.NewTask("deployment:run", nil)); err != nil {
		return 0, err
	}
	// begun starts a worker and returns once it began the task, and what kills it.
	begun := func() (kill func(), err error) {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		cmd := exec.CommandContext(ctx, self, stockWorker, r.addr)
		out, err := cmd.StdoutPipe()
		if err != nil {
			return nil, err
		}
		if err := cmd.Start(); err != nil {
			return nil, err
		}
		kill = func() {
			_ = cmd.Process.Kill() // fails only if it has ended
			_ = cmd.Wait()
		}
		if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
			kill()
			return nil, fmt.Errorf("asynq's worker: %w", err)
		}
		return kill, nil
	}
	kill, err := begun()
	if err != nil {
		return 0, err
	}
	began := time.Now()
	kill()
	kill, err = begun()
	if err != nil {
		return 0, err
	}
	took = time.Since(began)
	kill()
	return took, nil
}
