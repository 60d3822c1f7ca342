package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/davitdev/davit/internal/client"
)

func startCommand(getenv func(string) string) *cobra.Command {
	return operateCommand(getenv, "start", "Run a stopped service again", "startService", "starting", "runs again")
}

func restartCommand(getenv func(string) string) *cobra.Command {
	return operateCommand(getenv, "restart", "Replace the replicas one by one without dropping a request", "restartService", "restarting", "was restarted")
}

// operateCommand is a command that begins an operation on the service of the
// directory and waits for it.
func operateCommand(getenv func(string) string, use, short, mutation, doing, done string) *cobra.Command {
	var s *session
	cmd := &cobra.Command{
		Use: use, Short: short, Args: cobra.NoArgs, Example: "  davit " + use + "\n  davit " + use + " --dir ./shop",
		RunE: func(cmd *cobra.Command, _ []string) error { return s.operate(cmd, mutation, doing, done) },
	}
	s = newSession(cmd, getenv).linked(cmd)
	return cmd
}

// operate runs a mutation on the linked instance, waits, and shows the result.
func (s *session) operate(cmd *cobra.Command, mutation, doing, done string) error {
	c, l, err := s.link()
	if err != nil {
		return err
	}
	stop := s.waiting(cmd.OutOrStdout(), doing)
	err = operate(cmd.Context(), c, mutation, l.InstanceID)
	stop()
	if err != nil {
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
	err = awaitOperation(ctx, c, out[mutation].Operation.ID)
	if err != nil && ctx.Err() != nil {
		return goesOn("It goes on without you.", "Look after it with \"davit status\".")
	}
	return err
}
