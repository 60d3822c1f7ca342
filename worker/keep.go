package worker

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/spec"
)

// unwellAfter is how many bad checks in a row make a replica that serves
// unhealthy.
const unwellAfter = 3

// keepers watch over the replicas that should serve: whether a started one
// becomes healthy, and then, at its interval, whether it stays so. What changes
// they remember and touch the instance; its convergence writes it. They live in
// memory: after a restart the reconciler makes them anew.
type keepers struct {
	mu   sync.Mutex
	byID map[string]*keeper
	busy map[string]bool // work beside, by key
	ctx  context.Context //nolint:containedctx // of the worker's Run, which waits for all of this
	w    *Worker
	wg   sync.WaitGroup
}

// keeper is one of them.
type keeper struct {
	cancel context.CancelFunc
	mu     sync.Mutex
	health lifecycle.Health
	away   bool // it is not reached
}

func (k *keepers) start(ctx context.Context, w *Worker) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ctx, k.w, k.byID, k.busy = ctx, w, map[string]*keeper{}, map[string]bool{}
}

// stop ends all keepers and waits for them.
func (k *keepers) stop() {
	k.mu.Lock()
	for id, one := range k.byID {
		one.cancel()
		delete(k.byID, id)
	}
	k.byID = nil
	k.mu.Unlock()
	k.wg.Wait()
}

// keep begins to ask a replica, unless that is done already.
func (k *keepers) keep(set *replicaSet, r *ent.Replica) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.byID == nil || k.byID[r.ID] != nil {
		return
	}
	ctx, cancel := context.WithCancel(k.ctx)
	one := &keeper{cancel: cancel, health: r.Health}
	k.byID[r.ID] = one
	mine := *r
	k.wg.Go(func() {
		if !k.guard(ctx, "keep "+mine.ID, func(ctx context.Context) { k.watch(ctx, one, set, &mine) }) {
			k.drop(mine.ID) // the reconciler makes another
		}
	})
}

// drop ends the keeper of a replica that no longer serves.
func (k *keepers) drop(id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if one := k.byID[id]; one != nil {
		one.cancel()
		delete(k.byID, id)
	}
}

// ids are the replicas that are watched.
func (k *keepers) ids() map[string]bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := make(map[string]bool, len(k.byID))
	for id := range k.byID {
		out[id] = true
	}
	return out
}

// health is what the keeper of a replica found last, and whether the replica is
// away: not reached. ok is false without a keeper.
func (k *keepers) health(id string) (h lifecycle.Health, away, ok bool) {
	k.mu.Lock()
	one := k.byID[id]
	k.mu.Unlock()
	if one == nil {
		return "", false, false
	}
	one.mu.Lock()
	defer one.mu.Unlock()
	return one.health, one.away, true
}

// beside does something while its caller goes on, unless the same is under way.
func (k *keepers) beside(key string, do func(context.Context)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.byID == nil || k.busy[key] {
		return
	}
	k.busy[key] = true
	k.wg.Go(func() {
		defer func() {
			k.mu.Lock()
			defer k.mu.Unlock()
			delete(k.busy, key)
		}()
		k.guard(k.ctx, key, do)
	})
}

// guard does something, and reports false if it panicked.
func (k *keepers) guard(ctx context.Context, what string, do func(context.Context)) bool {
	err := unlessPanic(ctx, func(ctx context.Context) error { do(ctx); return nil })
	if err != nil {
		k.w.Log.ErrorContext(ctx, "left to the reconciler", "what", what, "err", err)
	}
	return err == nil
}

func (k *keepers) watch(ctx context.Context, one *keeper, set *replicaSet, r *ent.Replica) {
	set = set.of(r)
	if r.Status == lifecycle.ReplicaStarting {
		err := k.w.untilWell(ctx, set, r, true)
		if ctx.Err() != nil {
			return
		}
		if _, ended := errors.AsType[*endedError](err); ended { // the pass sees that itself
			k.drop(r.ID)
			k.w.touch(ctx, r.InstanceID)
			return
		}
		if err != nil {
			k.w.Log.InfoContext(ctx, "replica is not healthy", "replica", r.ID, "err", err)
		}
		_, away := errors.AsType[*unreachedError](err)
		one.set(map[bool]lifecycle.Health{true: lifecycle.HealthHealthy, false: lifecycle.HealthUnhealthy}[err == nil], away)
		k.w.touch(ctx, r.InstanceID)
	}
	if set.settings.HealthCheck.Kind == spec.CheckNone {
		return
	}
	tick := time.NewTicker(set.settings.HealthCheck.Interval)
	defer tick.Stop()
	bad := 0
	var tried reach
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := k.w.ask(ctx, set, r)
		if err == nil {
			bad = 0
		} else if ctx.Err() == nil {
			bad++
		}
		if tried.failed(ctx, k.w, r, set.settings.HealthCheck.Port, err) {
			one.set(lifecycle.HealthUnhealthy, true)
			k.w.touch(ctx, r.InstanceID)
			tried = reach{}
		}
		if one.found(bad) {
			k.w.touch(ctx, r.InstanceID)
		}
	}
}

func (k *keeper) set(h lifecycle.Health, away bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.health, k.away = h, away
}

// found notes how many checks in a row were bad and reports whether that
// changes the health.
func (k *keeper) found(bad int) (changed bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	h := k.health
	switch {
	case bad == 0:
		h, k.away = lifecycle.HealthHealthy, false
	case bad >= unwellAfter:
		h = lifecycle.HealthUnhealthy
	}
	changed = h != k.health
	k.health = h
	return changed
}

// touch asks for the convergence of an instance.
func (w *Worker) touch(ctx context.Context, instanceID string) {
	if err := w.Deploy.Touch(ctx, instanceID); err != nil {
		w.Log.WarnContext(ctx, "left to the reconciler", "instance", instanceID, "err", err)
		return
	}
	if err := w.ring(ctx, deploy.TaskConverge, instanceID); err != nil {
		w.Log.WarnContext(ctx, "left to the reconciler", "instance", instanceID, "err", err)
	}
}
