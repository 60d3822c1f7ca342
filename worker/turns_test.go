package worker

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestFewTakeTurnsAtATime(t *testing.T) {
	t.Parallel()

	synctest.Test(t, func(t *testing.T) {
		var some turns
		said := 0
		enter := func(ctx context.Context) (func(), error) { return some.enter(ctx, 2, func() { said++ }) }
		first, err1 := enter(t.Context())
		second, err2 := enter(t.Context())
		if err1 != nil || err2 != nil || said != 0 {
			t.Fatalf("%v, %v; %d were told to wait", err1, err2, said)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := enter(ctx); err == nil || said != 1 {
			t.Errorf("a third one enters: %v; %d were told to wait", err, said)
		}
		go func() {
			time.Sleep(time.Minute)
			first()
		}()
		begun := time.Now()
		third, err := enter(t.Context())
		if err != nil || time.Since(begun) != time.Minute {
			t.Errorf("the third one enters after %s: %v", time.Since(begun), err)
		}
		second()
		third()
	})
}
