package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/config"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/proxy"
)

func stopCommand(getenv func(string) string) *cobra.Command {
	var s *session
	var all bool
	data := cmp.Or(getenv("DAVIT_DATA"), config.Defaults().Data)
	cmd := &cobra.Command{
		Use: "stop", Short: "Stop the service of this directory, or everything on this machine", Args: cobra.NoArgs,
		Long: "Drains and stops the replicas of the service of this directory; \"davit start\" brings it back.\n\n" +
			"With --all it stops every service of the data directory, then the control plane and the proxy.",
		Example: "  davit stop\n  davit stop --all\n  davit stop --all --data /var/lib/davit",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if all {
				return s.stopAll(cmd.Context(), data, cmd.OutOrStdout())
			}
			return s.operate(cmd, "stopService", "was stopped")
		},
	}
	s = newSession(cmd, getenv).linked(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "everything of the data directory")
	cmd.Flags().StringVar(&data, "data", data, "data directory, with --all ($DAVIT_DATA)")
	return cmd
}

// stopLimit is how long services, a control plane or a proxy may take to end.
const stopLimit = 2 * time.Minute

// stopAll takes down what runs of a data directory, the applications first.
// What is down already is no error.
func (s *session) stopAll(ctx context.Context, data string, out io.Writer) error {
	if _, err := os.Stat(data); errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.NotFound, "There is no data directory %s.", data).WithHint("Name it with --data.")
	}
	data, err := filepath.Abs(data)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, stopLimit, fault.New(fault.DeadlineExceeded, "Not everything ended in %s.", stopLimit))
	defer cancel()
	h, serving, err := findHolder(config.Config{Data: data}.Lock())
	if err != nil {
		return err
	}
	if serving {
		if err := s.stopServices(ctx, h, data, out); err != nil {
			return err
		}
		if err := h.end(ctx, config.Config{Data: data}.Lock()); err != nil {
			return err
		}
		s.say(out, "The control plane has ended.")
	} else {
		s.say(out, "No control plane serves %s: its applications, if any run, go on. Begin \"davit serve\" to stop them.", data)
	}
	if err := proxy.NewClient(data).Quit(ctx); err != nil {
		return err
	}
	s.say(out, "The proxy has ended.")
	return nil
}

// stopServices stops every service that is deployed.
func (s *session) stopServices(ctx context.Context, h holder, data string, out io.Writer) error {
	token, err := localToken(data)
	if err != nil {
		return err
	}
	c, err := client.New(h.url(), cmp.Or(s.token, token))
	if err != nil {
		return err
	}
	return eachInstance(ctx, c, "default", func(i instanceView) error {
		if err := endDeployment(ctx, c, i.LatestDeployment); err != nil {
			return err
		}
		i, err := loadInstance(ctx, c, i.ID) // it may have gone live meanwhile
		if err != nil || i.ActiveDeployment == nil || i.Status == lifecycle.InstanceStopped {
			return err
		}
		if err := operate(ctx, c, "stopService", i.ID); err != nil {
			return err
		}
		s.say(out, "Service %s of %s in %s has stopped.", plain(i.Service.Name), plain(i.Service.Project.Name), plain(i.Environment.Name))
		return nil
	})
}

// endDeployment cancels a deployment that is under way and waits until it ended,
// one way or the other.
func endDeployment(ctx context.Context, c *client.Client, d *deploymentView) error {
	if d == nil || d.Status.Final() {
		return nil
	}
	var out struct{}
	err := c.Do(ctx, `mutation($id:ID!){cancelDeployment(input:{deploymentId:$id}){deployment{id}}}`, client.Variables{"id": d.ID}, &out)
	if err != nil && !fault.Is(err, fault.AlreadyLive) && !fault.Is(err, fault.Conflict) {
		return err
	}
	_, err = followDeployment(ctx, c, d.ID, func(deploymentView) error { return nil })
	return err
}

// holder is the process that serves a data directory, as it says in the lock.
type holder struct {
	PID    int    `json:"pid"`
	Listen string `json:"listen"` // address of the API
}

// write says in a lock who holds it.
func (h holder) write(lock *os.File) error {
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	if err := lock.Truncate(0); err != nil {
		return fmt.Errorf("write lock: %w", err)
	}
	if _, err := lock.WriteAt(text, 0); err != nil {
		return fmt.Errorf("write lock: %w", err)
	}
	return nil
}

// findHolder says who holds a lock; ok is false if nobody does.
func findHolder(path string) (h holder, ok bool, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return h, false, nil
	}
	if err != nil {
		return h, false, fmt.Errorf("read lock: %w", err)
	}
	defer f.Close()
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) //nolint:gosec // a descriptor
	if err == nil {
		return h, false, nil // closing lets it go
	}
	if !errors.Is(err, syscall.EWOULDBLOCK) {
		return h, false, fmt.Errorf("read lock: %w", err)
	}
	if err := json.NewDecoder(f).Decode(&h); err != nil || h.PID <= 1 || h.Listen == "" {
		return h, false, fault.New(fault.Conflict, "The davit serve of this directory is still starting.").WithHint("Try again in a moment.")
	}
	return h, true, nil
}

// url is where to reach the holder from this machine.
func (h holder) url() string {
	addr, err := netip.ParseAddrPort(h.Listen)
	if err != nil {
		return "http://" + h.Listen
	}
	if ip := addr.Addr(); ip.IsUnspecified() {
		loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
		if ip.Is6() && !ip.Is4In6() {
			loopback = netip.IPv6Loopback()
		}
		addr = netip.AddrPortFrom(loopback, addr.Port())
	}
	return "http://" + addr.String()
}

// end asks the holder to end and waits until it let the lock go.
func (h holder) end(ctx context.Context, path string) error {
	if err := syscall.Kill(h.PID, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("end davit serve: %w", err)
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, held, err := findHolder(path); err != nil || !held {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}
