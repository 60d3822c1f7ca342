package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/fault"
)

func startCommand(getenv func(string) string) *cobra.Command {
	return operateCommand(getenv, "start", "Run a stopped service again", "startService", "runs again")
}

func restartCommand(getenv func(string) string) *cobra.Command {
	return operateCommand(getenv, "restart", "Replace the replicas one by one without dropping a request", "restartService", "was restarted")
}

// operateCommand is a command that begins an operation on the service of the
// directory and waits for it.
func operateCommand(getenv func(string) string, use, short, mutation, done string) *cobra.Command {
	var s *session
	cmd := &cobra.Command{
		Use: use, Short: short, Args: cobra.NoArgs, Example: "  davit " + use + "\n  davit " + use + " --dir ./shop",
		RunE: func(cmd *cobra.Command, _ []string) error { return s.operate(cmd, mutation, done) },
	}
	s = newSession(cmd, getenv).linked(cmd)
	return cmd
}

// operate runs a mutation on the linked instance, waits, and shows the result.
func (s *session) operate(cmd *cobra.Command, mutation, done string) error {
	c, l, err := s.link()
	if err != nil {
		return err
	}
	if err := operate(cmd.Context(), c, mutation, l.InstanceID); err != nil {
		return err
	}
	i, err := loadInstance(cmd.Context(), c, l.InstanceID)
	if err != nil {
		return err
	}
	if s.json {
		return s.emit(cmd.OutOrStdout(), i)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "Service %s %s: %s.\n", plain(i.Service.Name), done, i.Status)
	return nil
}

// operate begins an operation on an instance and waits until it ended.
func operate(ctx context.Context, c *client.Client, mutation, instanceID string) error {
	var out map[string]struct{ Operation operationView }
	err := c.Do(ctx, `mutation($id:ID!){`+mutation+`(input:{serviceInstanceId:$id}){operation{id}}}`, client.Variables{"id": instanceID}, &out)
	if err != nil {
		return err
	}
	return awaitOperation(ctx, c, out[mutation].Operation.ID)
}

func scaleCommand(getenv func(string) string) *cobra.Command {
	var s *session
	cmd := &cobra.Command{
		Use: "scale N", Short: "Change how many replicas run", Args: cobra.ExactArgs(1), Example: "  davit scale 3",
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := strconv.Atoi(args[0])
			if err != nil {
				return fault.New(fault.Invalid, "%q is no number of replicas.", args[0])
			}
			c, l, err := s.link()
			if err != nil {
				return err
			}
			var out struct {
				ScaleService struct{ Instance instanceView }
			}
			err = c.Do(cmd.Context(), `mutation($id:ID!,$n:Int!){scaleService(input:{serviceInstanceId:$id,replicas:$n}){instance{`+instanceFields+`}}}`,
				client.Variables{"id": l.InstanceID, "n": n}, &out)
			if err != nil {
				return err
			}
			i := out.ScaleService.Instance
			if s.json {
				return s.emit(cmd.OutOrStdout(), i)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Service %s is to run %d replicas; \"davit status\" shows how far it is.\n", plain(i.Service.Name), n)
			return nil
		},
	}
	s = newSession(cmd, getenv).linked(cmd)
	return cmd
}
