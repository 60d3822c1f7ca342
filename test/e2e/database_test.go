package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/proxy"
	"github.com/davitdev/davit/internal/wake/redistest"
	"github.com/davitdev/davit/test/database"
)

// elsewhere is a database in PostgreSQL and a Redis, both of the test alone.
func elsewhere(t *testing.T) (rows *database.Database, redis *redistest.Server, env []string) {
	t.Helper()
	rows, err := database.Make(t.Context(), needs(t, "TEST_POSTGRES"))
	must(t, err)
	t.Cleanup(func() {
		if err := rows.Drop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	redis = redistest.Start(t)
	return rows, redis, []string{"DAVIT_REDIS_URL=" + redis.URL()}
}

// The rows are in PostgreSQL and Redis rings. What holds with all in one process
// holds here: davit serve is killed in a deployment, and the next one finishes it.
func TestKillOnPostgresAndRedis(t *testing.T) { //nolint:tparallel // its parts follow on each other
	t.Parallel()
	rows, _, env := elsewhere(t)
	h := newHouseOn(t, rows.URL, env)
	s := h.web("elsewhere")
	s.succeeded(s.request(nil).ID)
	s.serves("v1")
	hammer := s.hammer(4, 20*time.Millisecond, "v1", "next")
	s.set(variable("APP_VERSION", "next"), variable("APP_UNHEALTHY_FOR", "8s"))
	d := s.request(nil)
	s.reaches(d.ID, func(d deployment) bool { return d.running(lifecycle.PhaseHealthCheck) })
	h.kill()
	began := time.Now()
	h.start()
	s.succeeded(d.ID)
	t.Logf("the deployment ended %s after the kill", time.Since(began).Round(time.Millisecond))
	s.serves("next")
	s.ours(1)
	if n := hammer.stop(); n < 50 {
		t.Errorf("only %d requests were sent", n)
	}

	t.Run("the doctor asks both", func(t *testing.T) {
		out, err := h.srv.Command(t.Context(), "doctor", "--deep").CombinedOutput()
		if err != nil {
			t.Errorf("davit doctor: %v", err)
		}
		for _, want := range []string{"! database server  PostgreSQL ", "✓ redis", "eviction policy noeviction", "✓ doorbells"} {
			if !strings.Contains(strings.Join(strings.Fields(string(out)), " "), strings.Join(strings.Fields(want), " ")) {
				t.Errorf("it says nothing like %q:\n%s", want, out)
			}
		}
		secretless(t, h, out)
	})
	t.Run("another davit serve is refused", func(t *testing.T) {
		h.second(t, "works on this database")
	})
}

// secretless fails the test if the password of the database is in what a command
// printed, in a file of the data directory, in what davit serve logs, or with the
// proxy.
func secretless(t *testing.T, h *house, out []byte) {
	t.Helper()
	u, err := url.Parse(h.database)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := u.User.Password()
	password := []byte(text)
	if len(password) < 8 || bytes.Contains(out, password) {
		t.Errorf("the password, of %d signs, is in %s", len(password), out)
	}
	hello, err := proxy.NewClient(h.srv.Data).Hello(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	files := []string{fmt.Sprintf("/proc/%d/cmdline", hello.PID), fmt.Sprintf("/proc/%d/environ", hello.PID)}
	err = filepath.WalkDir(filepath.Dir(h.srv.Data), func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			files = append(files, path)
		}
		return nil
	})
	if err != nil || len(files) < 8 {
		t.Errorf("%q are looked at, %v", files, err)
	}
	for _, path := range files {
		if found, err := os.ReadFile(path); err != nil && !errors.Is(err, fs.ErrNotExist) || bytes.Contains(found, password) {
			t.Errorf("the password is in %s, %v", path, err)
		}
	}
}

// second starts a davit serve of a restored data directory on the house's
// database, which must be refused with a text.
func (h *house) second(t *testing.T, want string) {
	t.Helper()
	data := t.TempDir()
	key, err := os.ReadFile(filepath.Join(h.srv.Data, "secret-key"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(data, "secret-key"), key, 0o600))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // it must not be let in
	defer cancel()
	out, err := h.srv.Command(ctx, "serve", "--data", data, "--listen", "127.0.0.1:0", "--proxy-listen", "127.0.0.1:1", "--runner", "docker").CombinedOutput()
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.ExitCode() != 6 || !strings.Contains(string(out), want) {
		t.Errorf("a second davit serve ended with %v, want 6 and %q:\n%s", err, want, out)
	}
}

// Redis only rings: what it loses, and whether it is there, holds up nothing.
func TestRedisIsLost(t *testing.T) { //nolint:tparallel // its parts follow on each other
	t.Parallel()
	rows, redis, env := elsewhere(t)
	redis.Kill()
	h := newHouseOn(t, rows.URL, env)
	s := h.web("redis")
	s.inOrder()
	// work is a deployment that runs and one behind it.
	work := func(t *testing.T, version string) (mine *service, asked []string) {
		t.Helper()
		mine = s.in(t)
		mine.set(variable("APP_VERSION", version), variable("APP_UNHEALTHY_FOR", "6s"))
		ahead, behind := mine.request(nil), mine.request(nil)
		mine.reaches(ahead.ID, func(d deployment) bool { return d.running(lifecycle.PhaseHealthCheck) })
		return mine, []string{ahead.ID, behind.ID}
	}

	t.Run("it is away at the start", func(t *testing.T) {
		log, err := os.ReadFile(filepath.Join(filepath.Dir(h.srv.Data), "serve.log"))
		if err != nil || !bytes.Contains(log, []byte(", which does not answer: work goes on without it")) {
			t.Errorf("davit serve does not say so: %s", log)
		}
		s, asked := work(t, "without")
		for _, id := range asked {
			s.succeeded(id)
		}
		s.serves("without")
		out, err := h.srv.Command(t.Context(), "doctor").CombinedOutput()
		if err != nil || !strings.Contains(string(out), "! redis") || !strings.Contains(string(out), "! queue") {
			t.Errorf("davit doctor: %v\n%s", err, out)
		}
	})
	t.Run("it comes", func(t *testing.T) {
		redis.Restart()
		s, asked := work(t, "with")
		for _, id := range asked {
			s.succeeded(id)
		}
		s.serves("with")
		client := redis.Client()
		s.until("Redis has been asked to ring", func() bool {
			n, err := client.Exists(t.Context(), "asynq:{deploy}:processed:"+time.Now().UTC().Format(time.DateOnly)).Result()
			return err == nil && n == 1
		})
	})
	t.Run("it is emptied", func(t *testing.T) {
		s, asked := work(t, "emptied")
		must(t, redis.Client().FlushAll(t.Context()).Err())
		for _, id := range asked {
			s.succeeded(id)
		}
		s.serves("emptied")
	})
	t.Run("it hangs", func(t *testing.T) {
		s, asked := work(t, "hung")
		defer redis.Hang()()
		asked = append(asked, s.request(nil).ID)
		for _, id := range asked {
			s.succeeded(id)
		}
		s.serves("hung")
	})
	t.Run("it is killed and stays away", func(t *testing.T) {
		s, asked := work(t, "killed")
		redis.Kill()
		for _, id := range asked {
			s.succeeded(id)
		}
		s.serves("killed")
	})
	redis.Restart() // davit doctor looks for what was left in it
}

// PostgreSQL ends every session and takes no new one for a while.
func TestPostgresIsLost(t *testing.T) {
	t.Parallel()
	rows, _, env := elsewhere(t)
	h := newHouseOn(t, rows.URL, env)
	s := h.web("postgres")
	s.succeeded(s.request(nil).ID)
	hammer := s.hammer(2, 20*time.Millisecond, "v1", "next")
	s.set(variable("APP_VERSION", "next"), variable("APP_UNHEALTHY_FOR", "8s"))
	d := s.request(nil)
	s.reaches(d.ID, func(d deployment) bool { return d.running(lifecycle.PhaseHealthCheck) })
	must(t, rows.LockOut(t.Context()))
	s.until("the API says that it has no database", func() bool { return !ready(h) })
	sent := hammer.sent.Load()
	s.until("requests are answered without a database", func() bool { return hammer.sent.Load() > sent+100 })
	must(t, rows.LetIn(t.Context()))
	s.until("the API is ready again", func() bool { return ready(h) })
	s.succeeded(d.ID)
	s.serves("next")
	s.ours(1)
	hammer.stop()
	s.until("the database is held again", func() bool {
		held, err := rows.IsHeld(t.Context())
		must(t, err)
		return held
	})
	h.second(t, "works on this database")
}

// ready reports whether the API says that it can work.
func ready(h *house) bool {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.ctx, http.MethodGet, "http://"+h.srv.API+"/readyz", nil)
	must(h.t, err)
	res, err := http.DefaultClient.Do(req)
	must(h.t, err)
	res.Body.Close()
	return res.StatusCode == http.StatusOK
}
