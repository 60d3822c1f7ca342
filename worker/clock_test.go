package worker

import (
	"context"
	"testing"
	"time"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

func TestAClockThatIsSetIsNoticed(t *testing.T) {
	t.Parallel()

	const year = 365 * 24 * time.Hour
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	c := &clockWatch{}
	running := time.Duration(0)
	for _, tt := range []struct{ wall, passed, want time.Duration }{
		{0, 0, 0},
		{time.Second, time.Second, 0},
		{time.Hour + time.Second, time.Second, time.Hour},
		{time.Second, time.Second, 0},
		{time.Second - year, time.Second, -year},
		{0, time.Second, 0},
		{time.Minute, time.Minute, 0},
		{time.Minute, time.Second, 59 * time.Second},
	} {
		start, running = start.Add(tt.wall), running+tt.passed
		c.set, c.mended = 0, true
		if c.look(start, running); c.set != tt.want || c.mended != (tt.want == 0) {
			t.Errorf("when %s are on the wall after %s: %s, want %s", tt.wall, tt.passed, c.set, tt.want)
		}
	}
}

// The database fails after deadlines were put off: they are so once, however
// often the rest is tried.
func TestAClockThatIsSetAheadPutsDeadlinesOffOnce(t *testing.T) {
	t.Parallel()

	h := newHouse(t, storetest.SQLite(t))
	away := false
	h.rows = h.db.Through(func(_ context.Context, s store.Step, do func() error) error {
		if away && !s.Write { // what is looked at next
			return fault.New(fault.StoreAway, "The database is away.")
		}
		return do()
	})
	p := h.idle()
	d := h.request(h.service(h.version("v1", nil), nil), "")
	now, err := h.db.NowMillis(h.ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.db.Exec(h.ctx, "UPDATE deployments SET deadline_at = ?", now); err != nil {
		t.Fatal(err)
	}
	c := &clockWatch{set: 5 * time.Minute}
	away = true
	for range 3 {
		if err := p.mendClock(h.ctx, c); !fault.Is(err, fault.StoreAway) || c.mended {
			t.Fatalf("it is mended: %t, %v", c.mended, err)
		}
	}
	away = false
	if err := p.mendClock(h.ctx, c); err != nil || !c.mended {
		t.Fatalf("it is mended: %t, %v", c.mended, err)
	}
	if by := time.Duration(h.row(d.ID).DeadlineAt-now) * time.Millisecond; by != 5*time.Minute {
		t.Errorf("its deadline is put off by %s", by)
	}
}

// A clock is set back by a year while nobody is there, and with it the time at
// which a deployment was to be tried again.
func TestADeploymentOutlivesAClockThatIsSetBack(t *testing.T) {
	t.Parallel()

	storetest.Each(t, func(t *testing.T, db *store.DB) {
		h := newHouse(t, db)
		p := h.start()
		i := h.service(h.version("v1", nil), nil)
		h.fake.SetAway(true)
		d := h.request(i, "")
		h.until("it is to be tried again", func() bool { return h.row(d.ID).Attempt > 0 })
		p.stop()
		const year = int64(365 * 24 * time.Hour / time.Millisecond)
		for table, column := range map[string]string{"deployments": "due_at", "service_instances": "due_at", "leases": "lease_until"} {
			if _, err := db.Exec(h.ctx, "UPDATE "+table+" SET "+column+" = "+column+" + ?", year); err != nil {
				t.Fatal(err)
			}
		}
		if db.Embedded() { // as davit serve does; else a lease is waited for
			h.afterwards()
		}
		h.fake.SetAway(false)
		h.start()
		h.until("it waits for no year", func() bool {
			now, err := db.NowMillis(h.ctx)
			if err != nil {
				t.Fatal(err)
			}
			return h.row(d.ID).DueAt <= now+time.Minute.Milliseconds()
		})
		if _, err := db.Exec(h.ctx, "UPDATE deployments SET due_at = 0"); err != nil { // this test waits for no minute
			t.Fatal(err)
		}
		if d = h.completed(d.ID); *d.Conclusion != lifecycle.Succeeded {
			t.Fatalf("it ended as %s: %+v", *d.Conclusion, d.Failure)
		}
		h.serves(i, "v1")
	})
}
