package worker

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/project"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
	"github.com/davitdev/davit/runner"
)

// misrouted is an engine on which what is sent to some containers, though they
// listen, arrives where nobody does.
type misrouted struct {
	runner.Runner
	mu   sync.Mutex
	lost int // that many of those that start next
	name map[string]bool
}

func (m *misrouted) Start(ctx context.Context, name string) error {
	m.mu.Lock()
	if m.name == nil {
		m.name = map[string]bool{}
	}
	if _, known := m.name[name]; !known {
		m.name[name] = m.lost > 0
		m.lost--
	}
	m.mu.Unlock()
	return m.Runner.Start(ctx, name)
}

func (m *misrouted) Inspect(ctx context.Context, name string) (runner.Container, error) {
	c, err := m.Runner.Inspect(ctx, name)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.name[name] && c.Addr.IsValid() {
		c.Addr = netip.AddrPortFrom(c.Addr.Addr(), 1)
	}
	return c, err
}

func (m *misrouted) Listening(ctx context.Context, name string) (runner.Listening, error) {
	c, err := m.Runner.Inspect(ctx, name)
	return runner.Listening{Port: int(c.Addr.Port()), Loopback: true, Sockets: []netip.AddrPort{c.Addr}}, err
}

// lose misroutes a container that runs.
func (m *misrouted) lose(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.name[name] = true
}

func TestAContainerThatIsNotReachedGetsASuccessor(t *testing.T) {
	t.Parallel()

	t.Run("in a deployment", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			h := newHouse(t, db)
			h.engine = &misrouted{Runner: h.fake, lost: 1}
			h.start()
			i := h.service(h.version("v1", nil), nil)
			d := h.deploy(i, "")
			h.serves(i, "v1")
			if r := h.running(i, 1)[0]; r.Generation != 2 {
				t.Errorf("the replica of generation %d serves", r.Generation)
			}
			for _, p := range d.Phases {
				if want := map[lifecycle.PhaseName]int{lifecycle.PhaseStart: 2, lifecycle.PhaseHealthCheck: 2}[p.Name]; want != 0 && p.Attempt != want {
					t.Errorf("%s took %d attempts, want %d", p.Name, p.Attempt, want)
				}
			}
			h.tidy()
		})
	})

	t.Run("once it serves", func(t *testing.T) {
		t.Parallel()
		storetest.Each(t, func(t *testing.T, db *store.DB) {
			h := newHouse(t, db)
			engine := &misrouted{Runner: h.fake}
			h.engine = engine
			h.start()
			i := h.service(h.version("v1", nil), func(s *project.NewService) { s.Settings.HealthCheck.Interval = time.Second })
			h.deploy(i, "")
			lost := h.running(i, 1)[0]
			engine.lose(lost.ContainerName)
			if err := h.verbs.Touch(h.ctx, i.ID); err != nil {
				t.Fatal(err)
			}
			h.until("another replica serves", func() bool {
				rows := h.live(i)
				return len(rows) == 1 && rows[0].ID != lost.ID && rows[0].Health == lifecycle.HealthHealthy
			})
			h.serves(i, "v1")
			h.tidy()
		})
	})

	t.Run("but not for ever: what nobody reaches anywhere is the application's", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t, storetest.SQLite(t))
		h.engine = &misrouted{Runner: h.fake, lost: 100}
		h.start()
		i := h.service(h.version("v1", nil), func(s *project.NewService) { s.Settings.HealthCheck.StartPeriod = 5 * time.Second })
		d := h.completed(h.request(i, "").ID)
		if *d.Conclusion != lifecycle.Failed || d.Failure.Code != fault.AppNotListening || !strings.Contains(d.Failure.Message, "nothing listens") {
			t.Errorf("it ended as %s: %+v", *d.Conclusion, d.Failure)
		}
		if n := h.db.Replica.Query().CountX(h.ctx); n != startTries {
			t.Errorf("%d replicas were tried, want %d", n, startTries)
		}
		h.tidy()
	})
}
