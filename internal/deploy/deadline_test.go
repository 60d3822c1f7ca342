package deploy

import (
	"strings"
	"testing"
	"time"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

// P1: whatever became of the worker, a deployment ends by its deadline.
func TestDeadlines(t *testing.T) {
	t.Parallel()

	for _, status := range reached {
		t.Run("one that is "+string(status), func(t *testing.T) {
			t.Parallel()
			storetest.Each(t, func(t *testing.T, db *store.DB) {
				w := newWorld(t, db)
				served := w.live()
				c := w.at(status)
				if status == lifecycle.Completed {
					if n := must(w.EndOverdue(w.ctx))(t); n != 0 || w.row(c.ID).DeadlineAt != 0 {
						t.Errorf("%d ended", n)
					}
					return
				}
				must(w.EndOverdue(w.ctx))(t) // it starts the deadline of one that waits
				left := w.row(c.ID).DeadlineAt - must(w.DB.NowMillis(w.ctx))(t)
				limit := time.Hour
				if status == lifecycle.Queued {
					limit = QueueLimit
				}
				if left > limit.Milliseconds() || left < (limit-time.Minute).Milliseconds() {
					t.Errorf("%d ms are left", left)
				}
				w.exec("UPDATE deployments SET deadline_at = {now} WHERE id = ?", c.ID)
				if n := must(w.EndOverdue(w.ctx))(t); n != 1 {
					t.Errorf("%d ended", n)
				}
				got := w.row(c.ID)
				if status == lifecycle.Finalizing { // it serves
					if *got.Conclusion != lifecycle.Succeeded || !got.IsActive {
						t.Errorf("it ended as %s", *got.Conclusion)
					}
					return
				}
				if *got.Conclusion != lifecycle.Failed || got.Failure.Code != fault.DeadlineExceeded || got.Failure.Phase == nil {
					t.Errorf("it ended as %s: %+v", *got.Conclusion, got.Failure)
				}
				if !w.row(served.ID).IsActive {
					t.Error("what serves was taken off")
				}
				wantError(t, "its worker", w.Complete(w.ctx, c, lifecycle.Canceled, nil), ErrOvertaken)
				if b := got.Edges.Build; b != nil && b.FinishedAt == nil {
					t.Error("its build goes on")
				}
			})
		})
	}

	t.Run("one that was asked to stop ends as canceled", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			w := newWorld(t, db)
			c := w.at(lifecycle.Building)
			must(w.Cancel(w.ctx, c.ID))(t)
			w.exec("UPDATE deployments SET deadline_at = {now} WHERE id = ?", c.ID)
			must(w.EndOverdue(w.ctx))(t)
			if got := w.row(c.ID); *got.Conclusion != lifecycle.Canceled || *got.Edges.Build.FinishedAt != *got.CompletedAt {
				t.Errorf("it ended as %s", *got.Conclusion)
			}
		})
	})

	t.Run("one that was asked to stop and that no worker takes ends as canceled before", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			w := newWorld(t, db)
			for _, status := range []lifecycle.Status{lifecycle.Preparing, lifecycle.Building, lifecycle.Deploying} {
				for what, lose := range map[string]func(*Claim){
					"its worker died":   func(c *Claim) { w.exec("UPDATE deployments SET lease_until = {now} WHERE id = ?", c.ID) },
					"it was given back": func(c *Claim) { w.must(w.Release(w.ctx, c)) },
				} {
					c := w.at(status)
					if what == "its worker died" {
						must(w.Cancel(w.ctx, c.ID))(t)
					}
					if n := must(w.EndOverdue(w.ctx))(t); n != 0 {
						t.Fatalf("%s, %s: it ended though somebody has it", status, what)
					}
					lose(c)
					if what == "it was given back" {
						must(w.Cancel(w.ctx, c.ID))(t)
					}
					if n := must(w.EndOverdue(w.ctx))(t); n != 0 {
						t.Fatalf("%s, %s: it ended before a worker could hear of it", status, what)
					}
					w.exec("UPDATE deployments SET lease_until = lease_until - ? WHERE id = ?", Lease.Milliseconds(), c.ID)
					if n := must(w.EndOverdue(w.ctx))(t); n != 1 {
						t.Fatalf("%s, %s: %d ended", status, what, n)
					}
					got := w.row(c.ID)
					if *got.Conclusion != lifecycle.Canceled || got.Failure.Code != fault.Canceled {
						t.Errorf("%s, %s: it ended as %s: %+v", status, what, *got.Conclusion, got.Failure)
					}
					wantError(t, "its worker", w.Complete(w.ctx, c, lifecycle.Canceled, nil), ErrOvertaken)
				}
			}
		})
	})

	t.Run("one that cannot be ended keeps no other from its end", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			w := newWorld(t, db)
			broken := w.at(lifecycle.Preparing)
			w.instance = w.service("other", spec.Source{Image: &spec.ImageSource{Image: "registry.test/app:v1"}})
			c := w.at(lifecycle.Preparing)
			w.exec(`UPDATE deployments SET deadline_at = {now}`)
			w.exec(`UPDATE deployments SET phases = '"not a list"' WHERE id = ?`, broken.ID)
			if n, err := w.EndOverdue(w.ctx); n != 1 || err == nil {
				t.Errorf("%d ended, %v", n, err)
			}
			if got := w.row(c.ID); got.Status != lifecycle.Completed {
				t.Errorf("the other one is %s", got.Status)
			}
		})
	})

	t.Run("a build that one that serves left open did not fail", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			w := newWorld(t, db)
			c := w.at(lifecycle.Finalizing)
			w.exec("UPDATE builds SET status = 'RUNNING', finished_at = NULL WHERE deployment_id = ?", c.ID)
			w.must(w.Complete(w.ctx, c, lifecycle.Succeeded, nil))
			if b := w.row(c.ID).Edges.Build; b.Status != lifecycle.BuildCanceled || b.FinishedAt == nil {
				t.Errorf("it is %s", b.Status)
			}
		})
	})

	t.Run("one that no worker began says so", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			w := newWorld(t, db)
			d := w.request()
			must(w.EndOverdue(w.ctx))(t)
			w.exec("UPDATE deployments SET deadline_at = {now} WHERE id = ?", d.ID)
			must(w.EndOverdue(w.ctx))(t)
			if f := w.row(d.ID).Failure; f == nil || f.Code != fault.DeadlineExceeded || !strings.Contains(f.Message, "busy") {
				t.Errorf("it failed by %+v", f)
			}
		})
	})

	t.Run("in the queue it runs only at the head, and who is behind comes next", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			w := newWorld(t, db)
			w.inOrder()
			runs := w.at(lifecycle.Preparing)
			head, behind := w.request(), w.request()
			must(w.EndOverdue(w.ctx))(t)
			if d := w.row(head.ID).DeadlineAt + w.row(behind.ID).DeadlineAt; d != 0 {
				t.Error("a deadline runs behind one that runs")
			}
			w.must(w.Complete(w.ctx, runs, lifecycle.Failed, userFailure()))
			must(w.EndOverdue(w.ctx))(t)
			if w.row(head.ID).DeadlineAt == 0 || w.row(behind.ID).DeadlineAt != 0 {
				t.Error("not only that of the head runs")
			}
			w.exec("UPDATE deployments SET deadline_at = {now} WHERE id = ?", head.ID)
			must(w.EndOverdue(w.ctx))(t)
			must(w.EndOverdue(w.ctx))(t)
			if w.row(head.ID).Status != lifecycle.Completed || w.row(behind.ID).DeadlineAt == 0 {
				t.Error("the next one is not at the head")
			}
		})
	})

	t.Run("one whose turn came in the last moment is left alone", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			w := newWorld(t, db)
			c := w.claimed()
			w.exec("UPDATE deployments SET deadline_at = {now} WHERE id = ?", c.ID) // found overdue …
			w.must(w.Begin(w.ctx, c, time.Hour))                                    // … and begun
			err := w.DB.Tx(w.ctx, func(tx *store.Tx) error { return w.endOverdue(w.ctx, tx, c.ID) })
			wantError(t, "endOverdue", err, ErrOvertaken)
		})
	})
}

func TestRetry(t *testing.T) {
	t.Parallel()

	away := lifecycle.Explain(fault.New(fault.RunnerAway, "The engine is away."), lifecycle.PhaseStart)
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		c := w.at(lifecycle.Preparing)
		for attempt := 1; attempt < MaxAttempts; attempt++ {
			if again := must(w.Retry(w.ctx, c, away))(t); !again {
				t.Fatalf("no attempt is left after %d", attempt)
			}
			d := w.row(c.ID)
			wait := d.DueAt - must(w.DB.NowMillis(w.ctx))(t)
			if want := lifecycle.Backoff(attempt).Milliseconds(); d.Attempt != attempt || d.LeaseUntil != 0 || wait > want || wait < want-5000 {
				t.Errorf("attempt %d: waits %d ms, want %d", d.Attempt, wait, want)
			}
			w.exec("UPDATE deployments SET due_at = 0 WHERE id = ?", c.ID)
			c = must(w.Claim(w.ctx, c.ID, "worker"))(t)
		}
		if again := must(w.Retry(w.ctx, c, away))(t); again {
			t.Error("one attempt too many")
		}
		w.carry(c, lifecycle.Deploying)
		if w.row(c.ID).Attempt != 0 {
			t.Error("the next step begins with the attempts of the last")
		}
		if again := must(w.Retry(w.ctx, c, userFailure()))(t); again {
			t.Error("a fault of the user is tried again")
		}
		must(w.Cancel(w.ctx, c.ID))(t)
		if again := must(w.Retry(w.ctx, c, away))(t); !again || w.row(c.ID).DueAt > must(w.DB.NowMillis(w.ctx))(t) {
			t.Error("one that was asked to stop waits for its next attempt")
		}
	})
}

// Whatever status a deployment is in, its row has one way on, and no way back.
func TestCompleteKnowsWhatIsLegal(t *testing.T) {
	t.Parallel()

	w := newWorld(t, storetest.SQLite(t))
	for _, status := range reached[:5] {
		c := w.at(status)
		for _, as := range []lifecycle.Conclusion{lifecycle.Succeeded, lifecycle.Failed, lifecycle.Skipped} {
			if status.CanConclude(as) && as != lifecycle.Failed {
				continue
			}
			if err := w.Complete(w.ctx, c, as, nil); err == nil { // a failure has to be said, too
				t.Errorf("one that is %s ended as %s", status, as)
			}
		}
		if status != lifecycle.Finalizing {
			w.must(w.Complete(w.ctx, c, lifecycle.Failed, &lifecycle.Failure{Message: "a\x00b", Excerpt: []lifecycle.ExcerptLine{{Message: "\xff"}}}))
			continue
		}
		w.must(w.Complete(w.ctx, c, lifecycle.Succeeded, nil))
		_, err := w.Renew(w.ctx, c)
		wantError(t, "Renew", err, ErrOvertaken)
	}
}
