package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
)

// scaleLimit is how long replicas may take to run.
const scaleLimit = 5 * time.Minute

func scaleCommand(getenv func(string) string) *cobra.Command {
	var s *session
	var detach bool
	cmd := &cobra.Command{
		Use: "scale N", Short: "Change how many replicas run", Args: cobra.ExactArgs(1),
		Long:    "Changes how many replicas run, and waits until so many do, at most five minutes.",
		Example: "  davit scale 3\n  davit scale 1 --detach",
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := strconv.Atoi(args[0])
			if err != nil {
				return fault.New(fault.Invalid, "%q is no number of replicas.", args[0])
			}
			return s.scale(cmd, n, detach)
		},
	}
	s = newSession(cmd, getenv).linked(cmd)
	cmd.Flags().BoolVar(&detach, "detach", false, "return as soon as it is requested")
	return cmd
}

func (s *session) scale(cmd *cobra.Command, n int, detach bool) error {
	c, l, err := s.link()
	if err != nil {
		return err
	}
	var done struct {
		ScaleService struct{ Instance instanceView }
	}
	err = c.Do(cmd.Context(), `mutation($id:ID!,$n:Int!){scaleService(input:{serviceInstanceId:$id,replicas:$n}){instance{`+instanceFields+`}}}`,
		client.Variables{"id": l.InstanceID, "n": n}, &done)
	if err != nil {
		return err
	}
	i, out := done.ScaleService.Instance, cmd.OutOrStdout()
	runs := i.ActiveDeployment != nil && i.Status != lifecycle.InstanceStopped
	if runs && !detach {
		stop := s.waiting(out, fmt.Sprintf("scaling to %s", counted(n, "replica", "replicas")))
		ctx, cancel := context.WithTimeoutCause(cmd.Context(), scaleLimit,
			fault.New(fault.DeadlineExceeded, "Not so many replicas run after %s.", scaleLimit).WithHint("\"davit status\" and \"davit logs\" say why."))
		i, err = awaitReplicas(ctx, c, l.InstanceID, n)
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
		fmt.Fprintf(out, "Service %s is to run %s once it is deployed and started.\n", name, counted(n, "replica", "replicas"))
	case detach:
		fmt.Fprintf(out, "Service %s is to run %s; \"davit status\" shows how far it is.\n", name, counted(n, "replica", "replicas"))
	default:
		fmt.Fprintf(out, "Service %s runs %s.\n", name, counted(n, "replica", "replicas"))
	}
	return nil
}

var errReached = errors.New("reached")

// awaitReplicas waits until n replicas of an instance run and no others.
func awaitReplicas(ctx context.Context, c *client.Client, id string, n int) (instanceView, error) {
	var last instanceView
	err := c.Subscribe(ctx, `subscription($id:ID!){serviceInstanceUpdated(id:$id){`+instanceFields+`}}`,
		func() client.Variables { return client.Variables{"id": id} },
		func(data json.RawMessage) error {
			var out struct{ ServiceInstanceUpdated instanceView }
			if err := json.Unmarshal(data, &out); err != nil {
				return err
			}
			last = out.ServiceInstanceUpdated
			if running, _ := runningOf(last); running == n && last.Status == lifecycle.InstanceRunning {
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
