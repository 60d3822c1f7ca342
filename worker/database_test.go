package worker

import (
	"database/sql"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/project"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
	"github.com/davitdev/davit/runner/runnertest"
)

// lockFile has another process hold the write lock of an SQLite database.
func (h *house) lockFile() (unlock func()) {
	h.t.Helper()
	files, err := h.db.Strings(h.ctx, "SELECT file FROM pragma_database_list WHERE name = 'main'")
	if err != nil {
		h.t.Fatal(err)
	}
	other, err := sql.Open("sqlite", files[0]+"?_pragma=busy_timeout(5000)&_txlock=immediate")
	if err != nil {
		h.t.Fatal(err)
	}
	tx, err := other.BeginTx(h.ctx, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	return func() {
		h.t.Helper()
		if err := tx.Rollback(); err != nil {
			h.t.Error(err)
		}
		other.Close()
	}
}

// line is the way to a database server, which a test may cut, or make silent.
type line struct {
	t     *testing.T
	to    string
	voice sync.RWMutex // locked: nothing passes, in either direction
	mu    sync.Mutex
	ln    net.Listener
	conns []net.Conn
	wg    sync.WaitGroup
}

// postgresByLine opens an empty database whose server is reached by a line.
// Nobody waits long for it.
func postgresByLine(t *testing.T) (*store.DB, *line) {
	t.Helper()
	u, err := url.Parse(storetest.PostgresURL(t))
	if err != nil {
		t.Fatal(err)
	}
	l := &line{t: t, to: u.Host}
	l.open("127.0.0.1:0")
	t.Cleanup(l.cut)
	u.Host = l.ln.Addr().String()
	q := u.Query()
	q.Set("lock_timeout", "500")
	q.Set("connect_timeout", "3") // busy machines need more than one
	u.RawQuery = q.Encode()
	db, err := store.Open(t.Context(), u.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db, l
}

func (l *line) open(addr string) {
	l.t.Helper()
	l.accept(addr, func(in net.Conn) {
		out, err := net.Dial("tcp", l.to)
		if err != nil {
			in.Close()
			return
		}
		l.mu.Lock()
		l.conns = append(l.conns, in, out)
		l.mu.Unlock()
		l.wg.Go(func() { io.Copy(in, voiced{l, out}); in.Close() })
		l.wg.Go(func() { io.Copy(out, voiced{l, in}); out.Close() })
	})
}

// accept listens and hands each connection to someone.
func (l *line) accept(addr string, to func(net.Conn)) {
	l.t.Helper()
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		l.t.Fatal(err)
	}
	l.ln = ln
	l.wg.Go(func() {
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			to(in)
		}
	})
}

// voiced is what comes from one end of a line, as long as anything may pass.
type voiced struct {
	line *line
	from net.Conn
}

func (v voiced) Read(p []byte) (int, error) {
	n, err := v.from.Read(p)
	if n > 0 {
		v.line.voice.RLock()
		defer v.line.voice.RUnlock()
	}
	return n, err
}

// refuse answers everybody who connects as a server does that lets nobody in.
func (l *line) refuse(addr, code, message string) {
	l.t.Helper()
	l.accept(addr, func(in net.Conn) {
		defer in.Close()
		size := make([]byte, 4) // of the message with which a session begins
		if _, err := io.ReadFull(in, size); err != nil {
			return
		}
		if _, err := io.CopyN(io.Discard, in, int64(binary.BigEndian.Uint32(size))-4); err != nil {
			return
		}
		fields := []byte("SFATAL\x00VFATAL\x00C" + code + "\x00M" + message + "\x00\x00")
		in.Write(append(binary.BigEndian.AppendUint32([]byte{'E'}, uint32(len(fields)+4)), fields...))
	})
}

// cut ends every connection, as a server does that is restarted.
func (l *line) cut() {
	l.ln.Close()
	l.mu.Lock()
	for _, c := range l.conns {
		c.Close()
	}
	l.conns = nil
	l.mu.Unlock()
	l.wg.Wait()
}

// A database that another process has locked for longer than anybody waits, or
// whose server is away, says nothing or lets nobody in: who asks learns that it
// is, what serves goes on, and so does what was under way, once the database is
// back.
func TestADatabaseThatIsAwayForAWhile(t *testing.T) {
	t.Parallel()

	away := func(t *testing.T, db *store.DB, take func(h *house) (back func())) {
		h := newHouse(t, db)
		p := h.start()
		i := h.service(h.version("v1", nil), patient)
		h.deploy(i, "")
		stop := h.hammer(i)
		other := h.service(h.version("other", nil), func(n *project.NewService) { n.Name = "other" })
		pull := make(chan struct{})
		d := h.request(i, h.version("v2", func(image *runnertest.FakeImage) { image.PullHeld = pull }))
		h.reaches(d.ID, lifecycle.Preparing)
		back := take(h)
		close(pull) // so that what is under way meets a database that is away
		_, err := h.verbs.Request(h.ctx, deploy.Order{InstanceID: other.ID, Trigger: lifecycle.API})
		f, _ := errors.AsType[*fault.Error](err)
		if f == nil || f.Code != fault.StoreAway || f.Hint == "" || !f.Code.Info().Retryable {
			t.Errorf("a request meanwhile: %#v, want STORE_UNAVAILABLE with a hint", err)
		}
		back()
		if d = h.completed(d.ID); *d.Conclusion != lifecycle.Succeeded {
			t.Fatalf("it ended as %s: %+v", *d.Conclusion, d.Failure)
		}
		h.serves(i, "v2")
		h.deploy(other, "")
		stop()
		h.tidy()
		h.sound(p)
	}
	t.Run("sqlite, locked", func(t *testing.T) {
		t.Parallel()
		away(t, storetest.SQLite(t), (*house).lockFile)
	})
	t.Run("postgres, its server is away", func(t *testing.T) {
		t.Parallel()
		db, l := postgresByLine(t)
		away(t, db, func(*house) func() {
			addr := l.ln.Addr().String()
			l.cut()
			return func() { l.open(addr) }
		})
	})
	t.Run("postgres, its server says nothing", func(t *testing.T) {
		t.Parallel()
		db, l := postgresByLine(t)
		away(t, db, func(*house) func() {
			l.voice.Lock()
			return l.voice.Unlock
		})
	})
	for code, message := range map[string]string{
		"57P03": "the database system is starting up", "53300": "sorry, too many clients already",
	} {
		t.Run("postgres, "+message, func(t *testing.T) {
			t.Parallel()
			db, l := postgresByLine(t)
			away(t, db, func(*house) func() {
				addr := l.ln.Addr().String()
				l.cut()
				l.refuse(addr, code, message)
				return func() { l.cut(); l.open(addr) }
			})
		})
	}
}

// However many ask a server that says nothing, each learns in time that it does.
func TestASilentServerHoldsUpNobody(t *testing.T) {
	t.Parallel()

	db, l := postgresByLine(t)
	h := newHouse(t, db)
	i := h.service(h.version("v1", nil), nil)
	l.voice.Lock()
	defer l.voice.Unlock()
	const limit = 30 * time.Second // a statement's, a connection's, and some
	began := time.Now()
	var wg sync.WaitGroup
	for range 100 { // far more than there are connections
		wg.Go(func() {
			if _, err := h.verbs.Request(h.ctx, deploy.Order{InstanceID: i.ID, Trigger: lifecycle.API}); !fault.Is(err, fault.StoreAway) {
				t.Errorf("after %s: %v, want STORE_UNAVAILABLE", time.Since(began), err)
			}
		})
	}
	wg.Wait()
	if took := time.Since(began); took > limit {
		t.Errorf("the last one learned it after %s", took)
	}
}

// A row that somebody keeps locked, as a process that hangs in the middle of a
// transaction does, is waited for for a time.
func TestALockedRowIsNotWaitedForForEver(t *testing.T) {
	t.Parallel()

	target := storetest.PostgresURL(t) + "&lock_timeout=500"
	db, err := store.Open(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	h := newHouse(t, db)
	i := h.service(h.version("v1", nil), nil)
	err = db.Tx(h.ctx, func(tx *store.Tx) error {
		if _, err := tx.Strings(h.ctx, "SELECT id FROM service_instances WHERE id = ? {lock}", i.ID); err != nil {
			return err
		}
		_, err := h.verbs.Request(h.ctx, deploy.Order{InstanceID: i.ID, Trigger: lifecycle.API})
		if !fault.Is(err, fault.StoreAway) {
			t.Errorf("a request meanwhile: %v, want STORE_UNAVAILABLE", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	h.request(i, "")
}

// tinyDisk mounts a file system of a size and returns its directory.
func tinyDisk(t *testing.T, size string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting a small file system needs root")
	}
	dir := t.TempDir()
	if err := syscall.Mount("davit-test", dir, "tmpfs", 0, "size="+size+",mode=700"); err != nil {
		t.Fatalf("mount: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fillDisk writes a file until its disk is full.
func fillDisk(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 64<<10); len(block) > 0; {
		switch _, err := f.Write(block); {
		case errors.Is(err, syscall.ENOSPC):
			block = block[:len(block)/2]
		case err != nil:
			t.Fatal(err)
		}
	}
	return path
}

// A disk that is full under the database refuses what is asked for, by its
// name, and loses nothing.
func TestAFullDiskUnderTheDatabase(t *testing.T) {
	t.Parallel()
	path := tinyDisk(t, "4m") + "/davit.db"
	db, err := store.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	h := newHouse(t, db)
	p := h.start()
	i := h.service(h.version("v1", nil), nil)
	h.deploy(i, "")
	ballast := fillDisk(t, path+".ballast")
	var refused error
	h.until("a request is refused", func() bool { // there is room left in pages that are there
		_, refused = h.verbs.Request(h.ctx, deploy.Order{InstanceID: i.ID, Trigger: lifecycle.API})
		return refused != nil
	})
	if f, _ := errors.AsType[*fault.Error](refused); f == nil || f.Code != fault.DiskFull || f.Hint == "" {
		t.Errorf("it is refused by %v, want DISK_FULL with a hint", refused)
	}
	if status, body := h.get(h.host(i), "/"); status != http.StatusOK || body != "v1" {
		t.Errorf("meanwhile it answers %d %q", status, body)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	h.deploy(i, h.version("v2", nil))
	h.serves(i, "v2")
	h.calm(p)
}
