package memory

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestTendReleasesOnceAfterEachSpellOfWorkAndDropsTheProgramWhileItRests(t *testing.T) {
	t.Parallel()

	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancel(t.Context())
		var work, releases, drops atomic.Int64 // work is what each window takes
		var cpu time.Duration
		asked := 0
		used := func() time.Duration {
			if asked++; asked%2 == 0 { // the end of a window
				cpu += time.Duration(work.Load())
			}
			return cpu
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			tend(ctx, used, func() { releases.Add(1) }, func() { drops.Add(1) })
		}()
		for _, spell := range []struct {
			work    time.Duration
			windows int
			want    int64 // releases since the start
			drops   int64 // likewise
		}{
			{time.Second, 3, 0, 0}, // it starts
			{restful, 1, 1, 0},     // as little as this is rest
			{restful, 4, 1, 1},     // that goes on
			{restful + 1, 2, 1, 1}, // it works again
			{0, 5, 2, 2},           // and rests
			{0, 2 * again, 2, 4},   // for long
		} {
			work.Store(int64(spell.work))
			<-time.After(time.Duration(spell.windows) * window)
			synctest.Wait()
			if got := releases.Load(); got != spell.want {
				t.Errorf("after %d windows of %s: released %d times, want %d", spell.windows, spell.work, got, spell.want)
			}
			if got := drops.Load(); got != spell.drops {
				t.Errorf("after %d windows of %s: dropped the program %d times, want %d", spell.windows, spell.work, got, spell.drops)
			}
		}
		end()
		<-ended
	})
}
