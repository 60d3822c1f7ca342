package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/davitdev/davit/internal/client"
)

// begin begins an operation on an instance, and returns its id.
type begin func(ctx context.Context, c *client.Client, instanceID string) (operationID string, err error)

func beginStart(ctx context.Context, c *client.Client, instanceID string) (string, error) {
	out, err := client.StartService(ctx, c, instanceID)
	return out.StartService.Operation.Id, err
}

func beginRestart(ctx context.Context, c *client.Client, instanceID string) (string, error) {
	out, err := client.RestartService(ctx, c, instanceID)
	return out.RestartService.Operation.Id, err
}

func beginStop(ctx context.Context, c *client.Client, instanceID string) (string, error) {
	out, err := client.StopService(ctx, c, instanceID)
	return out.StopService.Operation.Id, err
}

func startCommand(getenv func(string) string) *cobra.Command {
	return operateCommand(getenv, "start", "Run a stopped service again", beginStart, "starting", "runs again")
}

func restartCommand(getenv func(string) string) *cobra.Command {
	return operateCommand(getenv, "restart", "Replace the replicas one by one without dropping a request", beginRestart, "restarting", "was restarted")
}

// operateCommand is a command that begins an operation on the service of the
// directory and waits for it.
func operateCommand(getenv func(string) string, use, short string, how begin, doing, done string) *cobra.Command {
	var s *session
	cmd := &cobra.Command{
		Use: use, Short: short, Args: cobra.NoArgs, Example: "  davit " + use + "\n  davit " + use + " --dir ./shop",
		RunE: func(cmd *cobra.Command, _ []string) error { return s.operate(cmd, how, doing, done) },
	}
	s = newSession(cmd, getenv).linked(cmd)
	return cmd
}

// operate begins an operation on the linked instance, waits, and shows the result.
func (s *session) operate(cmd *cobra.Command, how begin, doing, done string) error {
	c, l, err := s.link()
	if err != nil {
		return err
	}
	stop := s.waiting(cmd.OutOrStdout(), doing)
	err = operate(cmd.Context(), c, how, l.InstanceID)
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
func operate(ctx context.Context, c *client.Client, how begin, instanceID string) error {
	id, err := how(ctx, c, instanceID)
	if err != nil {
		return err
	}
	err = awaitOperation(ctx, c, id)
	if err != nil && ctx.Err() != nil {
		return goesOn("It goes on without you.", "Look after it with \"davit status\".")
	}
	return err
}
