package process_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/davitdev/davit/runner"
	"github.com/davitdev/davit/runner/process"
)

// place is a runner with an image without files, whose containers run programs
// of the host.
type place struct {
	*process.Runner
	t     *testing.T
	dir   string
	image string
}

func newPlace(t *testing.T, change ...func(*process.Options)) *place {
	t.Helper()
	o := process.Options{Dir: filepath.Join(t.TempDir(), "runner"), Path: "/usr/bin:/bin"}
	for _, c := range change {
		c(&o)
	}
	r, err := process.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	img, err := r.Install(t.Context(), t.TempDir(), process.ImageConfig{Cmd: []string{"true"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.EnsureNetwork(t.Context(), "net"); err != nil {
		t.Fatal(err)
	}
	return &place{Runner: r, t: t, dir: o.Dir, image: img.ID}
}

// run creates and starts a container and removes it in the end.
func (p *place) run(name string, port int, argv ...string) {
	p.t.Helper()
	p.create(name, port, argv...)
	if err := p.Start(p.t.Context(), name); err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) create(name string, port int, argv ...string) {
	p.t.Helper()
	spec := runner.Spec{Name: name, Network: "net", Image: p.image, Command: argv, Port: port, Env: map[string]string{"OWN": "1"}}
	if _, err := p.Create(p.t.Context(), spec); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		if err := p.Remove(context.WithoutCancel(p.t.Context()), name); err != nil {
			p.t.Error(err)
		}
	})
}

// until waits until the container is as it should be.
func (p *place) until(name string, ok func(runner.Container) bool) runner.Container {
	p.t.Helper()
	var c runner.Container
	p.eventually(func(ctx context.Context) (err error) {
		if c, err = p.Inspect(ctx, name); err == nil && !ok(c) {
			err = errors.New("not yet")
		}
		return err
	})
	return c
}

func (p *place) eventually(ask func(context.Context) error) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 30*time.Second)
	defer cancel()
	if err := runner.WaitHealthy(ctx, runner.Pace{}, ask); err != nil {
		p.t.Fatal(err)
	}
}

func exited(c runner.Container) bool { return c.State == runner.Exited }

// output waits for so many lines and returns them.
func (p *place) output(name string, lines int) []string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 30*time.Second)
	defer cancel()
	stream, err := p.Logs(ctx, name, runner.Position{}, true)
	if err != nil {
		p.t.Fatal(err)
	}
	defer stream.Close()
	var got []string
	for len(got) < lines {
		f, err := stream.Next()
		if err != nil {
			p.t.Fatalf("after %q: %v", got, err)
		}
		if f.Line {
			got = append(got, string(f.Data))
		}
	}
	return got
}

// shim returns the process ID of the container's shim.
func (p *place) shim(name string) int {
	p.t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		p.t.Fatal(err)
	}
	for _, e := range entries {
		args, _ := os.ReadFile("/proc/" + e.Name() + "/cmdline")
		if strings.HasPrefix(string(args), "davit-shim\x00"+filepath.Join(p.dir, "containers", name)+"\x00") {
			pid, _ := strconv.Atoi(e.Name())
			return pid
		}
	}
	p.t.Fatalf("%s has no shim", name)
	return 0
}

func running(pid int) bool { return syscall.Kill(pid, 0) == nil }

// orphan names the directory for the process that TestProgramsOutlive starts.
const orphan = "DAVIT_TEST_ORPHAN"

func TestProgramsOutliveTheirMakerAndAreFoundAgain(t *testing.T) {
	if dir := os.Getenv(orphan); dir != "" { // the maker
		r := newRunner(t, dir)
		img, err := r.Install(t.Context(), t.TempDir(), process.ImageConfig{Cmd: []string{"true"}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.EnsureNetwork(t.Context(), "net"); err != nil {
			t.Fatal(err)
		}
		spec := runner.Spec{Name: "web", Network: "net", Image: img.ID, Port: 80, Command: []string{"sh", "-c", "trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.05; done"}}
		if _, err := r.Create(t.Context(), spec); err != nil {
			t.Fatal(err)
		}
		if err := r.Start(t.Context(), "web"); err != nil {
			t.Fatal(err)
		}
		_ = syscall.Kill(0, syscall.SIGKILL) // with its whole process group
		return
	}
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "runner")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	maker := exec.CommandContext(t.Context(), exe, "-test.run=^"+t.Name()+"$")
	maker.Env = append(os.Environ(), orphan+"="+dir, "TMPDIR="+t.TempDir()) // it cleans nothing up
	maker.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if out, err := maker.CombinedOutput(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("the maker: %v\n%s", err, out)
	}
	p := &place{Runner: newRunner(t, dir), t: t, dir: dir}
	t.Cleanup(func() { _ = p.Remove(context.WithoutCancel(t.Context()), "web") })
	c, err := p.Inspect(t.Context(), "web")
	if err != nil || c.State != runner.Running || !c.Addr.IsValid() {
		t.Fatalf("%+v, %v", c, err)
	}
	if got := p.output("web", 1); got[0] != "up" {
		t.Errorf("it wrote %q", got)
	}
	events, err := p.Events(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Stop(t.Context(), "web", 20*time.Second); err != nil {
		t.Fatal(err)
	}
	if c, err := p.Inspect(t.Context(), "web"); err != nil || c.State != runner.Exited || c.ExitCode != 3 || c.EndedAt.IsZero() {
		t.Errorf("stopped: %+v, %v; want the exit code of a stranger's child", c, err)
	}
	if ev := <-events; ev.Kind != runner.EventExited || ev.Name != "web" {
		t.Errorf("event %+v", ev)
	}
}

func TestAProgramDiesWithItsShimAndStartsAgain(t *testing.T) {
	t.Parallel()

	p := newPlace(t)
	p.run("web", 80, "sh", "-c", "echo $$; exec sleep 1000")
	pid, err := strconv.Atoi(p.output("web", 1)[0])
	if err != nil {
		t.Fatal(err)
	}
	events, err := p.Events(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	first := p.until("web", func(c runner.Container) bool { return c.State == runner.Running })
	if err := syscall.Kill(p.shim("web"), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if c := p.until("web", exited); c.ExitCode != 137 {
		t.Errorf("%+v, want 137", c)
	}
	p.eventually(func(context.Context) error {
		if running(pid) {
			return errors.New("the program still runs")
		}
		return nil
	})
	if ev := <-events; ev.Kind != runner.EventExited {
		t.Errorf("event %+v", ev)
	}
	if err := p.Start(t.Context(), "web"); err != nil {
		t.Fatal(err)
	}
	again := p.until("web", func(c runner.Container) bool { return c.State == runner.Running })
	if again.Addr != first.Addr || again.ID != first.ID {
		t.Errorf("first %+v, then %+v", first, again)
	}
	if got := p.output("web", 2); len(got) != 2 {
		t.Errorf("the output of both runs is %q", got)
	}
}

// They would hold the port of the next run, or run for ever.
func TestWhatAKilledShimLeavesEndsBeforeTheNextRun(t *testing.T) {
	t.Parallel()

	p := newPlace(t)
	left := func(lines int) int {
		t.Helper()
		pid, err := strconv.Atoi(p.output("web", lines)[lines-1])
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(p.shim("web"), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		p.until("web", exited)
		if !running(pid) {
			t.Fatal("the child of the program ended with it")
		}
		return pid
	}
	gone := func(pid int) {
		t.Helper()
		p.eventually(func(context.Context) error {
			if running(pid) {
				return errors.New("the child still runs")
			}
			return nil
		})
	}
	p.run("web", 80, "sh", "-c", "sleep 1000 & echo $!; wait")
	pid := left(1)
	if err := p.Start(t.Context(), "web"); err != nil {
		t.Fatal(err)
	}
	gone(pid)
	pid = left(2)
	if err := p.Remove(t.Context(), "web"); err != nil {
		t.Fatal(err)
	}
	gone(pid)
}
