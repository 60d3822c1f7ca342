//go:build unix

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/config"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/proxy"
)

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

// stopServices stops every service that is deployed, and what is run for it.
func (s *session) stopServices(ctx context.Context, h holder, data string, out io.Writer) error {
	token, err := localToken(data)
	if err != nil {
		return err
	}
	c, err := client.New(h.url(), cmp.Or(s.token, token))
	if err != nil {
		return err
	}
	return eachInstance(ctx, c, "default", func(i *client.Instance) error {
		if err := endDeployments(ctx, c, i.Id); err != nil {
			return err
		}
		i, err := loadInstance(ctx, c, i.Id) // it may have gone live meanwhile
		if err != nil || i.ActiveDeployment == nil {
			return err
		}
		of := fmt.Sprintf("%s of %s in %s", plain(i.Service.Name), plain(i.Service.Project.Name), plain(i.Environment.Name))
		if i.Status != lifecycle.InstanceStopped {
			if err := operate(ctx, c, beginStop, i.Id); err != nil {
				return err
			}
			s.say(out, "Service %s has stopped.", of)
		}
		n, err := endCommands(ctx, c, i.Id) // and no schedule begins another
		if n > 0 {
			s.say(out, "%s of %s canceled.", counted(n, "command", "commands"), of)
		}
		return err
	})
}

// endCommands cancels the commands and the runs of an instance that have not
// ended, waits until they have, and returns how many those were.
func endCommands(ctx context.Context, c *client.Client, instanceID string) (n int, err error) {
	out, err := client.Runs(ctx, c, instanceID, 100)
	if err != nil {
		return 0, err
	}
	open := slices.DeleteFunc(out.ServiceInstance.Runs, func(op client.Operation) bool { return op.Status.Final() })
	for _, op := range open {
		if err := cancelCommandOf(ctx, c, op.Id); err != nil && !fault.Is(err, fault.Conflict) { // it has ended
			return n, err
		}
	}
	for _, op := range open {
		if _, err := followOperation(ctx, c, op.Id); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// endDeployments cancels every deployment of an instance that is under way, and
// waits until they ended, one way or the other: until there is none. The newest
// is canceled first, so that none begins when the one before it ends; one that
// serves already drains, and is only waited for.
func endDeployments(ctx context.Context, c *client.Client, instanceID string) error {
	for {
		out, err := client.OpenDeployments(ctx, c, instanceID)
		if err != nil {
			return err
		}
		open := out.ServiceInstance.Deployments.Nodes
		if len(open) == 0 {
			return nil
		}
		for _, d := range open {
			_, err := client.CancelDeployment(ctx, c, d.Id)
			if err != nil && !fault.Is(err, fault.AlreadyLive) && !fault.Is(err, fault.Conflict) { // it has ended
				return err
			}
		}
		for _, d := range open {
			if _, err := followDeployment(ctx, c, d.Id); err != nil {
				return err
			}
		}
	}
}
