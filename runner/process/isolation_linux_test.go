package process_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/davitdev/davit/runner"
)

func TestNothingThatAProgramStartedIsLeft(t *testing.T) {
	t.Parallel()

	// One child leaves the process group and loses its parent.
	const script = "setsid sh -c 'sleep 1000 & echo $!; wait' & sleep 0.2; echo $!; "
	for what, end := range map[string]string{"when it exits": "exit 0", "when it is killed": "trap '' TERM; sleep 1000"} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			p.run("web", 0, "sh", "-c", script+end)
			out := p.output("web", 2)
			if err := p.Stop(t.Context(), "web", 100*time.Millisecond); err != nil {
				t.Fatal(err)
			}
			p.until("web", exited)
			for _, s := range out {
				pid, err := strconv.Atoi(s)
				if err != nil || running(pid) {
					t.Errorf("process %s still runs (%v)", s, err)
				}
			}
		})
	}
}

func TestTheEnvironmentIsComplete(t *testing.T) {
	t.Parallel()

	p := newPlace(t)
	p.run("web", 80, "env")
	p.until("web", exited)
	c, err := p.Inspect(t.Context(), "web")
	if err != nil {
		t.Fatal(err)
	}
	got := p.output("web", 6)
	slices.Sort(got)
	home := filepath.Join(p.dir, "containers", "web")
	for i, want := range []string{"HOME=" + home + "/work", "LANG=C.UTF-8", "OWN=1", "PATH=/usr/bin:/bin", "PORT=", "TMPDIR=" + home + "/tmp"} {
		if !strings.HasPrefix(got[i], want) {
			t.Errorf("%q, want %q", got[i], want)
		}
	}
	if stream, err := p.Logs(t.Context(), "web", runner.Position{Stdout: 6}, false); err != nil {
		t.Error(err)
	} else if f, err := stream.Next(); err == nil {
		t.Errorf("also %q of %+v", f.Data, c)
	}
}

func TestWhatAProgramHasOfItsOwn(t *testing.T) {
	t.Parallel()

	p := newPlace(t)
	p.run("web", 0, "sh", "-c", "grep -E 'NoNewPrivs|SigIgn' /proc/self/status; ulimit -c; cut -d' ' -f6 /proc/self/stat; ps -o sid= $$ 2>/dev/null || echo $$; readlink /proc/self/fd/0")
	out := p.output("web", 6)
	if diff := cmp.Diff([]string{"NoNewPrivs:\t1", "0"}, []string{out[1], out[2]}); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	// Signals 32 and 33 belong to the C library, which lets nobody change what
	// it inherited of them.
	const reserved = 1<<31 | 1<<32
	ignored, err := strconv.ParseUint(strings.TrimPrefix(out[0], "SigIgn:\t"), 16, 64)
	if err != nil || ignored&^reserved != 0 {
		t.Errorf("it ignores signals: %s (%v)", out[0], err)
	}
	if own, _ := unix.Getsid(0); out[3] == strconv.Itoa(own) || out[5] != "/dev/null" {
		t.Errorf("session %s, standard input %s", out[3], out[5])
	}
	for path, want := range map[string]os.FileMode{"": 0o700, "containers/web": 0o700, "containers/web/container.json": 0o600, "containers/web/log/00000001": 0o600} {
		if info, err := os.Stat(filepath.Join(p.dir, path)); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
}

func TestPortsAreNeverGivenTwice(t *testing.T) {
	t.Parallel()

	p := newPlace(t)
	const n = 20
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			spec := runner.Spec{Name: "web-" + strconv.Itoa(i), Network: "net", Image: p.image, Port: 80, Command: []string{"sleep", "1000"}}
			_, err := p.Create(t.Context(), spec)
			if err == nil {
				err = p.Start(t.Context(), spec.Name)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	list, err := p.List(t.Context())
	if err != nil || len(list) != n {
		t.Fatalf("%d containers, %v", len(list), err)
	}
	given := map[uint16]bool{}
	for _, c := range list {
		if port := c.Addr.Port(); given[port] || port == 0 {
			t.Errorf("%s has port %d", c.Name, port)
		}
		given[c.Addr.Port()] = true
		if err := p.Remove(t.Context(), c.Name); err != nil {
			t.Error(err)
		}
	}
}

func TestExecLeavesNothingBehind(t *testing.T) {
	t.Parallel()

	p := newPlace(t)
	p.run("web", 0, "sleep", "1000")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	file := filepath.Join(t.TempDir(), "pid")
	if _, err := p.Exec(ctx, "web", []string{"sh", "-c", "echo $$ >" + file + "; sleep 1000 & wait"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Exec: %v", err)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	p.eventually(func(context.Context) error {
		if syscall.Kill(-pid, 0) == nil {
			return errors.New("the command's group still runs")
		}
		return nil
	})
}
