package queue

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/davitdev/davit/internal/wake/redistest"
)

func TestStats(t *testing.T) {
	t.Parallel()

	t.Run("the oldest waiting task tells the age", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			q := open(t, "")
			ring(t, q, "dep_1")
			time.Sleep(time.Minute)
			ring(t, q, "dep_2", "dep_1")
			want := Stats{Queue: "deploy", Pending: 2, OldestPending: time.Minute}
			if diff := cmp.Diff(want, stats(t, q)); diff != "" {
				t.Error(diff)
			}
		})
	})

	t.Run("a task given back by a server that ended has no age", func(t *testing.T) {
		t.Parallel()
		forBoth(t, func(t *testing.T, q *Queue) {
			ring(t, q, "dep_1")
			id := q.client.LIndex(t.Context(), keyOf("deploy", "pending"), 0).Val()
			if err := q.client.HDel(t.Context(), taskKeys("deploy")+id, "pending_since").Err(); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(Stats{Queue: "deploy", Pending: 1}, stats(t, q)); diff != "" {
				t.Error(diff)
			}
		})
	})

	t.Run("without Redis it is an error", func(t *testing.T) {
		t.Parallel()
		r := redistest.Start(t)
		q := open(t, r.URL())
		r.Kill()
		if _, err := q.Stats(t.Context(), "deploy"); err == nil {
			t.Error("got stats without Redis")
		}
	})
}

func TestPrune(t *testing.T) {
	t.Parallel()

	t.Run("dead tasks go after a day, the oldest of very many before", func(t *testing.T) {
		t.Parallel()
		forBoth(t, func(t *testing.T, q *Queue) {
			kill := func(count int, age time.Duration) {
				pipe := q.client.Pipeline()
				for i := range count {
					id := fmt.Sprintf("%v-%d", age, i)
					pipe.HSet(t.Context(), taskKeys("deploy")+id, "msg", "x", "state", "archived")
					pipe.ZAdd(t.Context(), keyOf("deploy", "archived"), redis.Z{Score: float64(time.Now().Add(-age).Unix()), Member: id})
					if i%10 == 9 || i == count-1 {
						if _, err := pipe.Exec(t.Context()); err != nil {
							t.Fatal(err)
						}
					}
				}
			}
			kill(20, 25*time.Hour)
			kill(maxDead, time.Hour)
			kill(5, time.Minute)
			if err := q.prune(t.Context(), "deploy"); err != nil {
				t.Fatal(err)
			}
			if got := stats(t, q).Dead; got != maxDead {
				t.Errorf("%d dead tasks are left, want %d", got, maxDead)
			}
			young := q.client.ZRange(t.Context(), keyOf("deploy", "archived"), -5, -1).Val()
			for i, id := range sorted(young) {
				if want := fmt.Sprintf("%v-%d", time.Minute, i); id != want {
					t.Errorf("the youngest are %v", young)
				}
			}
			if got := len(q.client.Keys(t.Context(), taskKeys("deploy")+"*").Val()); got != maxDead {
				t.Errorf("%d hashes are left, want %d", got, maxDead)
			}
		})
	})

	t.Run("what is left of lost tasks and servers goes, what lives stays", func(t *testing.T) {
		t.Parallel()
		forBoth(t, func(t *testing.T, q *Queue) {
			ring(t, q, "dep_1")
			takeAsADyingWorker(t, q) // asynq itself brings this one back
			ring(t, q, "dep_2")
			loseHashes(t, q)
			takeAsADyingWorker(t, q)
			ctx, old := t.Context(), float64(time.Now().Add(-time.Hour).Unix())
			for _, id := range q.client.LRange(ctx, keyOf("deploy", "active"), 0, -1).Val() {
				q.client.ZAdd(ctx, keyOf("deploy", "lease"), redis.Z{Score: old, Member: id})
			}
			q.client.ZAdd(ctx, "asynq:servers", redis.Z{Score: old, Member: "dead"}, redis.Z{Score: old + 7200, Member: "alive"})
			if err := q.prune(ctx, "deploy"); err != nil {
				t.Fatal(err)
			}
			if got := stats(t, q).Active; got != 1 {
				t.Errorf("%d active tasks are left, want the one that has its hash", got)
			}
			if diff := cmp.Diff([]string{"alive"}, q.client.ZRange(ctx, "asynq:servers", 0, -1).Val()); diff != "" {
				t.Error(diff)
			}
		})
	})

	t.Run("a server prunes by itself", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			q := open(t, "")
			start(t, q, map[string]Handler{"deployment:run": func(context.Context, string) error { return errFailed }}, group("deploy", 1))
			ring(t, q, "dep_1")
			time.Sleep(pruneEvery + time.Minute)
			if got := stats(t, q).Dead; got != 1 {
				t.Errorf("%d dead tasks within the day, want 1", got)
			}
			id := q.client.ZRange(t.Context(), keyOf("deploy", "archived"), 0, 0).Val()[0]
			yesterday := redis.Z{Member: id, Score: float64(time.Now().Add(-keepDead).Unix())}
			if err := q.client.ZAdd(t.Context(), keyOf("deploy", "archived"), yesterday).Err(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(pruneEvery)
			if got := stats(t, q).Dead; got != 0 {
				t.Errorf("%d dead tasks after a day, want none", got)
			}
		})
	})
}
