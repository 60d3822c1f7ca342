package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/spec"
)

// scaleLimit is how long replicas may take to run.
const scaleLimit = 5 * time.Minute

func scaleCommand(getenv func(string) string) *cobra.Command {
	var s *session
	var detach bool
	cmd := &cobra.Command{
		Use: "scale N | NAME=N...", Short: "Change how many replicas run", Args: cobra.MinimumNArgs(1),
		Long: "Changes how many replicas run, of the service itself (web) and of the processes beside it, and\n" +
			"waits until so many do, at most five minutes.",
		Example: "  davit scale 3\n  davit scale web=2 worker=4\n  davit scale 1 --detach",
		RunE: func(cmd *cobra.Command, args []string) error {
			wish, err := parseScale(args)
			if err != nil {
				return err
			}
			return s.scale(cmd, wish, detach)
		},
	}
	s = newSession(cmd, getenv).linked(cmd)
	cmd.Flags().BoolVar(&detach, "detach", false, "return as soon as it is requested")
	return cmd
}

// share is how many replicas of a process are wanted.
type share struct {
	process string
	n       int
}

func parseScale(args []string) ([]share, error) {
	var out []share
	for _, arg := range args {
		name, number, named := strings.Cut(arg, "=")
		if !named {
			name, number = spec.MainProcess, arg
		}
		n, err := strconv.Atoi(number)
		if err != nil {
			return nil, fault.New(fault.Invalid, "%q is no number of replicas.", number)
		}
		if slices.ContainsFunc(out, func(s share) bool { return s.process == name }) {
			return nil, fault.New(fault.Invalid, "%s is scaled twice.", name)
		}
		out = append(out, share{name, n})
	}
	return out, nil
}

// words say what is wanted, as in "2 replicas" or "web 2, worker 4".
func words(wish []share) string {
	if len(wish) == 1 && wish[0].process == spec.MainProcess {
		return counted(wish[0].n, "replica", "replicas")
	}
	var parts []string
	for _, w := range wish {
		parts = append(parts, fmt.Sprintf("%s of %s", counted(w.n, "replica", "replicas"), w.process))
	}
	return strings.Join(parts, " and ")
}

func (s *session) scale(cmd *cobra.Command, wish []share, detach bool) error {
	c, l, err := s.link()
	if err != nil {
		return err
	}
	var i *client.Instance
	for _, w := range wish {
		done, err := client.ScaleService(cmd.Context(), c, l.InstanceID, w.process, w.n)
		if err != nil {
			return err
		}
		i = &done.ScaleService.Instance
	}
	out := cmd.OutOrStdout()
	runs := i.ActiveDeployment != nil && i.Status != lifecycle.InstanceStopped
	if runs && !detach {
		stop := s.waiting(out, "scaling to "+words(wish))
		ctx, cancel := context.WithTimeoutCause(cmd.Context(), scaleLimit,
			fault.New(fault.DeadlineExceeded, "Fewer replicas than requested were running after %s.", scaleLimit).WithHint("\"davit status\" and \"davit logs\" say why."))
		i, err = awaitReplicas(ctx, c, l.InstanceID, wish)
		cancel()
		stop()
		if err != nil && cmd.Context().Err() != nil {
			return goesOn("Scaling goes on without you.", "Look after it with \"davit status\".")
		}
		if err != nil {
			return err
		}
	}
	switch name := plain(i.Service.Name); {
	case s.json:
		return s.emit(out, i)
	case !runs:
		fmt.Fprintf(out, "Service %s will run %s once it is deployed and started.\n", name, words(wish))
	case detach:
		fmt.Fprintf(out, "Service %s will run %s; \"davit status\" shows how far it is.\n", name, words(wish))
	default:
		fmt.Fprintf(out, "Service %s runs %s.\n", name, words(wish))
	}
	return nil
}

var errReached = errors.New("reached")

// awaitReplicas waits until as many replicas of an instance run as are wanted,
// and no others of their processes.
func awaitReplicas(ctx context.Context, c *client.Client, id string, wish []share) (*client.Instance, error) {
	var last *client.Instance
	err := c.FollowInstance(ctx, id, func(i *client.Instance) error {
		last = i
		count := runningOf(last)
		for _, w := range wish {
			if count[w.process] != (replicasOf{w.n, w.n}) {
				return nil
			}
		}
		if last.Status == lifecycle.InstanceRunning {
			return errReached
		}
		return nil
	})
	if err == nil {
		return last, fault.New(fault.Conflict, "The service was deleted meanwhile.")
	}
	if errors.Is(err, errReached) {
		err = nil
	}
	return last, err
}

// goesOn is the error of a command that was interrupted while what it began
// goes on.
func goesOn(what, hint string) error {
	return fault.New(fault.Canceled, "%s", what).WithHint("%s", hint)
}
