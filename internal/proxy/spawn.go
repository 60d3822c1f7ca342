package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/davitdev/davit/internal/fault"
)

const (
	startTime = 15 * time.Second // the handover to it may take most of that

	meetEvery = 20 * time.Millisecond

	// reportFD is where a started proxy finds its end of the report pipe.
	reportFD = 3
)

// Spawn says which proxy should be running.
type Spawn struct {
	Data, Listen, Version string         // as in Options
	Trusted               []netip.Prefix // likewise

	// Command is the argument vector that runs a proxy with these; the flags
	// `--report-fd 3` and, for each of Trusted, `--trusted` are added. The file of that number is Options.Report.
	Command []string
	// Env is the whole environment of the process; nil means none, so that
	// nothing of the control plane's secrets lives on in it.
	Env []string
	// LogFile is appended to; made with mode 0600 if absent.
	LogFile string
}

// EnsureRunning returns the control of a proxy that serves o.Data on o.Listen
// in o.Version, and whether it was there already. One of another version or
// protocol, on another address, or that trusts others, hands over to the one that is started; it
// needs no time without a proxy. Calling it again when all is well costs a
// question, so it is what a supervisor repeats. It fails like Run, and with
// fault.Unavailable for one that does not answer in time: that one still serves.
//
// The process is started in a session of its own and outlives this one. While
// this one lives, a goroutine waits for the end of it, so that no zombie is
// left.
func EnsureRunning(ctx context.Context, o Spawn) (c *Client, adopted bool, err error) {
	c = NewClient(o.Data)
	h, err := c.meet(ctx)
	if err != nil && !errors.Is(err, errNobody) {
		return nil, false, err
	}
	if err == nil && h.Protocol == Protocol && h.Version == o.Version && h.Listen == o.Listen && slices.Equal(h.Trusted, o.Trusted) {
		return c, true, nil
	}
	if err := o.start(ctx); err != nil {
		return nil, false, err
	}
	return c, false, nil
}

// meet returns the hello of whoever serves. It waits for a proxy that is slow:
// one that cannot answer cannot hand over either, and what it would be replaced
// for may be nothing but a busy machine. It fails with errNobody once it is
// certain that there is none.
func (c *Client) meet(ctx context.Context) (Hello, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	tick := time.NewTicker(meetEvery)
	defer tick.Stop()
	for {
		h, err := c.Hello(ctx)
		if err == nil || errors.Is(err, errNobody) {
			return h, err
		}
		_, syntax := errors.AsType[*json.SyntaxError](err)
		if _, otherwise := errors.AsType[*json.UnmarshalTypeError](err); syntax || otherwise {
			return Hello{}, nil // of no version that we know, and no slower for it
		}
		select {
		case <-tick.C: // it may be ending
		case <-ctx.Done():
			return h, err
		}
	}
}

// start runs the command and returns when it serves, or why it does not.
func (o *Spawn) start(ctx context.Context) error {
	logFile, err := os.OpenFile(o.LogFile, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open the proxy's log: %w", err)
	}
	defer logFile.Close()
	report, child, err := os.Pipe()
	if err != nil {
		return err
	}
	defer report.Close()

	argv := append(append([]string(nil), o.Command...), "--report-fd", strconv.Itoa(reportFD))
	for _, p := range o.Trusted {
		argv = append(argv, "--trusted", p.String())
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), argv[0], argv[1:]...) // it outlives the caller
	cmd.Env = append([]string{}, o.Env...)
	cmd.Stdout, cmd.Stderr = logFile, logFile
	cmd.ExtraFiles = []*os.File{child} // descriptor 3
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()
	child.Close()
	if err != nil {
		return fmt.Errorf("start the proxy: %w", err)
	}
	go func() { _ = cmd.Wait() }() // how it ended is in its log

	return o.hear(ctx, report, cmd.Process.Kill)
}

// hear returns what the report of a process that starts says. One that says
// nothing in time is killed.
func (o *Spawn) hear(ctx context.Context, report io.ReadCloser, kill func() error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTime, errors.New("the proxy did not start in time"))
	defer cancel()
	defer context.AfterFunc(ctx, func() { report.Close() })()
	var a answer[int]
	err := json.NewDecoder(report).Decode(&a)
	if err == nil {
		return a.Error.fault() // whatever became of ctx meanwhile: one that serves is the only one that does
	}
	if ctx.Err() != nil {
		_ = kill() // nobody will ask for it; fails only if it has ended
		return context.Cause(ctx)
	}
	return fault.Wrap(err, fault.Internal, "The proxy ended while it started; %s may say why", o.LogFile)
}
