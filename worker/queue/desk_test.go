package queue

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestDesk(t *testing.T) {
	t.Parallel()

	t.Run("a free handler gets its task past Redis, and a busy one through it", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			q := open(t, "")
			handled, goOn := make(chan string, 10), make(chan struct{})
			start(t, q, map[string]Handler{"deployment:run": func(_ context.Context, id string) error {
				handled <- id
				<-goOn
				return nil
			}}, group("deploy", 2))
			synctest.Wait() // it serves
			before := q.embedded.redis.CommandCount()
			ring(t, q, "dep_1", "dep_2", "dep_4")
			synctest.Wait()
			if n := q.embedded.redis.CommandCount() - before; n == 0 || len(handled) != 2 {
				t.Errorf("%d are handled, and the third ring made %d commands", len(handled), n)
			}
			if s := stats(t, q); s.Active+s.Pending != 3 {
				t.Errorf("%+v, want two that are handled and one behind", s)
			}
			close(goOn)
			synctest.Wait()
			time.Sleep(maxPark + time.Second)
			synctest.Wait() // and what else wakes at that moment is through with its commands
			if s := stats(t, q); s != (Stats{Queue: "deploy"}) || len(handled) != 3 {
				t.Errorf("%+v is left, %d were handled", s, len(handled))
			}
			before = q.embedded.redis.CommandCount()
			ring(t, q, "dep_3")
			synctest.Wait()
			if n := q.embedded.redis.CommandCount() - before; n != 0 || len(handled) != 4 {
				t.Errorf("a task for a free handler made %d commands, %d were handled", n, len(handled))
			}
		})
	})

	t.Run("what a server leaves behind is handled by the next one", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			q := open(t, "")
			begun, goOn := make(chan struct{}, 10), make(chan struct{})
			stop := start(t, q, map[string]Handler{"deployment:run": func(_ context.Context, id string) error {
				begun <- struct{}{}
				<-goOn // deaf to its context
				if id == "dep_2" {
					return errors.New("broken off")
				}
				return nil
			}}, group("deploy", 2))
			synctest.Wait()
			ring(t, q, "dep_1", "dep_2")
			await(t, begun)
			await(t, begun)
			began := time.Now()
			stop()
			if took := time.Since(began); took != 5*time.Second {
				t.Errorf("it ended after %s, want its grace of 5 s", took)
			}
			ring(t, q, "dep_3") // nobody serves
			close(goOn)
			handled := make(chan string, 10)
			start(t, q, send(handled), group("deploy", 2))
			for got := map[string]bool{}; len(got) < 3; { // one that was broken off may come twice
				got[await(t, handled)] = true
			}
		})
	})
}
