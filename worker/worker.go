// Package worker does what takes longer than a request: it carries deployments
// through their steps, keeps what runs as it should be, and carries out
// operations. Each task names a row; the row says what to do, and the epoch of
// the claim on it fences off whoever was overtaken. A task may come twice, late
// or never: the reconciler finds what waits.
package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/davitdev/davit/internal/auth"
	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/principal"
	"github.com/davitdev/davit/internal/wake"
	"github.com/davitdev/davit/runner"
	"github.com/davitdev/davit/worker/queue"
)

// Queues separate work that must not wait for each other.
const (
	QueueDeploy  = "deploy"  // deployments; their steps wait for engines and apps
	QueueKeep    = "keep"    // replicas: what died must be back soon
	QueueOperate = "operate" // operations and clean-up
)

// deploysAtOnce bounds the deployments of this process that are under way beside
// those that build. Each holds a handler for as long as its image takes to come
// and its application to be healthy, up to an hour, and nearly all of that is
// waiting for others: what costs something of ours has limits of its own (Builds,
// fetchesAtOnce, the connections to the database).
const deploysAtOnce = 64

// Queues lists them with how many handlers each has, where so many builds run at
// a time.
func Queues(builds int) []queue.Group {
	return []queue.Group{
		{Queues: map[string]int{QueueDeploy: 1}, Concurrency: deploysAtOnce + builds},
		{Queues: map[string]int{QueueKeep: 1}, Concurrency: 8},
		{Queues: map[string]int{QueueOperate: 1}, Concurrency: 4},
	}
}

// queueOf says which queue a task waits in.
var queueOf = map[string]string{
	deploy.TaskRun: QueueDeploy, deploy.TaskConverge: QueueKeep, deploy.TaskOperate: QueueOperate,
}

// Limits bound how long things may take.
type Limits struct {
	Deployment time.Duration // from its turn to its end
	Pull       time.Duration
	Build      time.Duration
	PreDeploy  time.Duration // of the pre-deploy command
}

// DefaultLimits returns the limits of a normal installation.
func DefaultLimits() Limits {
	return Limits{Deployment: time.Hour, Pull: 15 * time.Minute, Build: 30 * time.Minute, PreDeploy: 30 * time.Minute}
}

// Worker does the work. All exported fields are required.
type Worker struct {
	Deploy   *deploy.Service
	Auth     *auth.Service
	Runner   runner.Runner
	Router   *Router
	Recorder *Recorder
	Builds   *Builds
	Queue    *queue.Queue
	Wakes    wake.Subscriber
	Owner    string // this process
	Limits   Limits
	Log      *slog.Logger

	running  exclusive      // by task and id
	recorded time.Time      // when compare last sent somebody to record an output
	retiring shared[string] // replicas that end, by id
	keepers  keepers
}

// Run works until ctx ends, then gives what it holds back.
func (w *Worker) Run(ctx context.Context) error {
	ctx = principal.AsSystem(ctx)
	w.keepers.start(ctx, w)
	defer w.keepers.stop()
	g, ctx := errgroup.WithContext(ctx)
	server := &queue.Server{
		Queue: w.Queue, Groups: Queues(w.Builds.AtOnce), Grace: 10 * time.Second, Log: w.Log,
		Handlers: map[string]queue.Handler{
			deploy.TaskRun:      w.exclusively(deploy.TaskRun, w.RunDeployment),
			deploy.TaskConverge: w.exclusively(deploy.TaskConverge, w.Converge),
			deploy.TaskOperate:  w.exclusively(deploy.TaskOperate, w.Operate),
		},
	}
	g.Go(func() error { return server.Run(ctx) })
	g.Go(func() error { return w.relay(ctx) })
	g.Go(func() error { return w.reconcile(ctx) })
	g.Go(func() error { return w.watchEvents(ctx) })
	g.Go(func() error { return w.collectLoop(ctx) })
	g.Go(func() error { return w.Router.Run(ctx) })
	return g.Wait()
}

// exclusively runs do unless this process does the same for the row already:
// a claim renews itself for its owner, so two handlers of one process would
// fence each other off. Who comes second rings again when the first is done.
func (w *Worker) exclusively(task string, do func(context.Context, string) error) queue.Handler {
	return func(ctx context.Context, id string) error {
		key := task + " " + id
		if !w.running.enter(key) {
			return nil
		}
		for {
			err := do(principal.AsSystem(ctx), id)
			again := w.running.leave(key, err == nil && ctx.Err() == nil)
			if err != nil {
				return fmt.Errorf("%s %s: %w", task, id, err)
			}
			if !again {
				return nil
			}
		}
	}
}

// exclusive lets one in at a time by key, and remembers who came meanwhile.
type exclusive struct {
	mu    sync.Mutex
	asked map[string]bool // of those inside: whether somebody came meanwhile
}

// enter reports whether the caller is alone inside. Else whoever is inside
// learns of it when leaving.
func (e *exclusive) enter(key string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, inside := e.asked[key]; inside {
		e.asked[key] = true
		return false
	}
	if e.asked == nil {
		e.asked = map[string]bool{}
	}
	e.asked[key] = false
	return true
}

// leave reports true, and the caller is still inside, if somebody came
// meanwhile and mayStay.
func (e *exclusive) leave(key string, mayStay bool) (again bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.asked[key] && mayStay {
		e.asked[key] = false
		return true
	}
	delete(e.asked, key)
	return false
}

// ring tells the queue that a task waits for a row.
func (w *Worker) ring(ctx context.Context, task, id string) error {
	return w.Queue.Ring(ctx, queue.Task{Type: task, ID: id, Queue: queueOf[task]})
}

// overtaken reports whether err means that this worker is to stop and leave
// the row to another, or to later.
func overtaken(err error) bool {
	return errors.Is(err, deploy.ErrOvertaken) || errors.Is(err, deploy.ErrNotNow)
}

// briefly returns a context for what must still be done after ctx has ended.
func briefly(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), d)
}
