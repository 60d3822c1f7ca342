package worker

import (
	"fmt"
	"os"
	"strconv"
	"testing"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/operation"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
	"github.com/davitdev/davit/internal/wake/redistest"
)

// story is something a worker dies in.
type story struct {
	name   string
	begin  func(s *stage)      // asks for it, once for each death
	during func(s *stage)      // called again and again until it ends; may be nil
	ended  func(s *stage) bool // reports whether it has come to its end
	check  func(s *stage)      // says whether that end is the right one
	serves bool                // something serves all the time: no request may fail
}

// stage is where a story is told again and again.
type stage struct {
	*house
	t        *testing.T
	instance *ent.ServiceInstance
	n        int    // counts the deaths
	version  string // that should serve in the end
	first    *ent.Deployment
	row      *ent.Deployment
	op       *ent.Operation
	asked    bool
	host     string
	worker   *process // that finishes the story
}

// P1, P2, P3, P7: a worker dies before or after any step that changes
// something, and with it what Redis held; the next one brings the story to its
// end, and leaves everything as it is promised to be.
//
// Each step costs the life of two workers, so by default not every one is tried:
// every 23rd on SQLite, with the death before it or after it in turn, and
// every 47th on PostgreSQL with a real Redis. TEST_CRASH_STRIDE=1 tries
// all, each both ways.
func TestEveryCrashIsFinishedByTheNextWorker(t *testing.T) {
	t.Parallel()

	for _, s := range stories() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			storetest.Each(t, func(t *testing.T, db *store.DB) {
				newStage(t, db).tell(s, strideOf(t, db))
			})
		})
	}
}

func strideOf(t *testing.T, db *store.DB) int {
	t.Helper()
	if text := os.Getenv("TEST_CRASH_STRIDE"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			t.Fatalf("TEST_CRASH_STRIDE is %q, want a number from 1 on", text)
		}
		return n
	}
	if db.Embedded() {
		return 23
	}
	return 47
}

func newStage(t *testing.T, db *store.DB) *stage {
	t.Helper()
	s := &stage{house: newHouse(t, db), t: t}
	s.builder = &fakeBuilder{house: s.house}
	return s
}

// tell tells a story until no death comes in its way any more.
func (s *stage) tell(st story, stride int) {
	flush := func() {} // the embedded Redis is empty at each start
	if !s.db.Embedded() {
		server := redistest.Start(s.t)
		s.redis = server.URL()
		flush = func() {
			if err := server.Client().FlushAll(s.ctx).Err(); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	quiet := s.start()
	s.instance = s.service(s.house.version("v0", nil), nil)
	s.first = s.deploy(s.instance, "")
	s.deploy(s.instance, s.house.version("second", nil))
	s.version = "second"
	quiet.stop()
	stop := func() int64 { return 0 }
	if st.serves {
		stop = s.hammer(s.instance)
	}
	const most = 200
	step := 1
	for s.n = 1; step <= most; s.n++ {
		late := s.n%2 == 1
		s.asked = false
		st.begin(s)
		m := s.mortal(step, late)
		s.engine, s.rows, s.builder = m, m.rows(s.db), m
		p := s.start()
		s.engine, s.rows, s.builder = s.fake, s.db, m.Builder
		s.until(fmt.Sprintf("the worker dies at step %d, or the story ends", step), func() bool { s.play(st); return m.died() || st.ended(s) })
		m.end()
		p.stop()
		s.afterwards()
		flush()
		next := s.start()
		s.worker = next
		flush()
		s.until(fmt.Sprintf("after a death at step %d it ends", step), func() bool { s.play(st); return st.ended(s) })
		st.check(s)
		s.tidy()
		s.sound(next)
		next.stop()
		if s.t.Failed() {
			s.t.Fatalf("after a death at step %d, which was done: %t", step, late)
		}
		if !m.died() {
			break
		}
		if stride > 1 || !late { // all: before and after each, since something may happen between two
			step += stride
		}
	}
	if step > most {
		s.t.Errorf("the story has more than %d steps", most)
	}
	s.t.Logf("%d steps, %d requests", step, stop())
}

func (s *stage) play(st story) {
	if st.during != nil {
		st.during(s)
	}
}

// deploys begins a story about a deployment.
func (s *stage) deploys(change func(string) *ent.Deployment) {
	s.version = fmt.Sprintf("v%d", s.n)
	s.row = change(s.version)
}

func (s *stage) completed() bool { return s.house.row(s.row.ID).Status == lifecycle.Completed }

// live says that the deployment of the story must serve.
func (s *stage) live() {
	s.t.Helper()
	if d := s.house.row(s.row.ID); *d.Conclusion != lifecycle.Succeeded || !d.IsActive {
		s.t.Errorf("it ended as %s: %+v", *d.Conclusion, d.Failure)
		return
	}
	s.running(s.instance, 1)
	s.serves(s.instance, s.version)
}

// operates makes a story about an operation.
func operates(name string, serves bool, begin func(s *stage) (*ent.Operation, error), check func(s *stage)) story {
	return story{
		name: name, serves: serves, check: check,
		begin: func(s *stage) {
			op, err := begin(s)
			if err != nil {
				s.t.Fatal(err)
			}
			s.op = op
		},
		ended: func(s *stage) bool {
			op, err := s.db.Operation.Query().Where(operation.ID(s.op.ID)).Only(s.ctx)
			if err != nil {
				s.t.Fatal(err)
			}
			if op.Status.Final() && op.Status != lifecycle.OperationSucceeded {
				s.t.Fatalf("the operation ended as %s: %+v", op.Status, op.Failure)
			}
			return op.Status.Final()
		},
	}
}
