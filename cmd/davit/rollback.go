package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/ident"
	"github.com/davitdev/davit/internal/lifecycle"
)

func rollbackCommand(getenv func(string) string) *cobra.Command {
	var s *session
	var detach bool
	cmd := &cobra.Command{
		Use: "rollback [ID|NUMBER]", Short: "Go back to a deployment that was live", Args: cobra.MaximumNArgs(1),
		Long:    "Goes back to a deployment: its image, settings and variables; nothing is built. Without an\nargument it is the newest that was live before the one that serves now. \"davit deployments\" lists them.",
		Example: "  davit rollback\n  davit rollback 3",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, l, err := s.link()
			if err != nil {
				return err
			}
			d, err := pick(cmd.Context(), c, l, args, before, "There is no earlier deployment that was live.")
			if err != nil {
				return err
			}
			s.say(cmd.OutOrStdout(), "Going back to deployment #%d.", d.Number)
			out, err := client.Rollback(cmd.Context(), c, d.Id)
			if err != nil {
				return err
			}
			return s.watch(cmd.Context(), c, cmd.OutOrStdout(), &out.Rollback.Deployment, detach)
		},
	}
	s = newSession(cmd, getenv).linked(cmd)
	s.deployments(cmd)
	cmd.Flags().BoolVar(&detach, "detach", false, "return as soon as it is requested")
	return cmd
}

func cancelCommand(getenv func(string) string) *cobra.Command {
	var s *session
	cmd := &cobra.Command{
		Use: "cancel [ID|NUMBER]", Short: "Stop a deployment that is not live yet, or a command", Args: cobra.MaximumNArgs(1),
		Long:    "Stops a deployment that is not live yet, without an argument the newest that is under way, or a\ncommand by its id, and waits until it ended.",
		Example: "  davit cancel\n  davit cancel 4",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, l, err := s.link()
			if err != nil {
				return err
			}
			if len(args) == 1 && ident.Is(args[0], ident.Operation) {
				return s.cancelOne(cmd, c, args[0])
			}
			d, err := pick(cmd.Context(), c, l, args, underWay, "No deployment is under way.")
			if err != nil {
				return err
			}
			if _, err := client.CancelDeployment(cmd.Context(), c, d.Id); err != nil {
				return err
			}
			stop := s.waiting(cmd.OutOrStdout(), "canceling")
			last, err := followDeployment(cmd.Context(), c, d.Id)
			stop()
			if err != nil {
				return err
			}
			if s.json {
				return s.emit(cmd.OutOrStdout(), last)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Deployment #%d ended: %s.\n", last.Number, statusOf(last.Status, last.Conclusion))
			return nil
		},
	}
	s = newSession(cmd, getenv).linked(cmd)
	s.deployments(cmd)
	return cmd
}

// cancelOne stops a command and waits until it ended.
func (s *session) cancelOne(cmd *cobra.Command, c *client.Client, id string) error {
	if err := cancelCommandOf(cmd.Context(), c, id); err != nil {
		return err
	}
	stop := s.waiting(cmd.OutOrStdout(), "canceling")
	last, err := followOperation(cmd.Context(), c, id)
	stop()
	if err != nil {
		return err
	}
	if s.json {
		return s.emit(cmd.OutOrStdout(), last)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "The command ended: %s.\n", last.Status)
	return err
}

// before picks the newest deployment that was live before the one that is.
func before(newestFirst []client.ListedDeployment) *client.ListedDeployment {
	passed := false
	for _, d := range newestFirst {
		if d.IsActive {
			passed = true
		} else if passed && d.Conclusion != nil && *d.Conclusion == lifecycle.Succeeded {
			return &d
		}
	}
	return nil
}

// underWay picks the newest deployment that has not ended.
func underWay(newestFirst []client.ListedDeployment) *client.ListedDeployment {
	for _, d := range newestFirst {
		if !d.Status.Final() {
			return &d
		}
	}
	return nil
}

// otherThan says where to find what was meant by a word that names no deployment.
func otherThan(word string) string {
	if isDirectory(word) {
		return fmt.Sprintf("A directory is named with -C, as in -C %s.", plain(word))
	}
	return "\"davit deployments\" lists them."
}

// isDirectory reports whether a word that was typed is a directory.
func isDirectory(word string) bool {
	info, err := os.Stat(word)
	return err == nil && info.IsDir()
}

// pick finds the deployment that the arguments name by id or number, or, if
// they name none, the one that choose takes of the last hundred.
func pick(ctx context.Context, c *client.Client, l link, args []string, choose func([]client.ListedDeployment) *client.ListedDeployment, none string) (client.ListedDeployment, error) {
	var nobody client.ListedDeployment
	out, err := client.LastDeployments(ctx, c, l.InstanceID)
	if err != nil {
		return nobody, err
	}
	list := out.ServiceInstance.Deployments.Nodes
	if len(args) == 0 {
		if d := choose(list); d != nil {
			return *d, nil
		}
		return nobody, fault.New(fault.Conflict, "%s", none)
	}
	number, nan := strconv.Atoi(strings.TrimPrefix(args[0], "#"))
	if nan != nil && !ident.Is(args[0], ident.Deployment) {
		return nobody, fault.New(fault.Invalid, "%q is neither the id nor the number of a deployment.", args[0]).WithHint("%s", otherThan(args[0]))
	}
	for _, d := range list {
		if d.Id == args[0] || nan == nil && d.Number == number {
			return d, nil
		}
	}
	return nobody, fault.New(fault.NotFound, "The service has no deployment %s among its last hundred.", args[0]).
		WithHint("\"davit deployments\" lists them.")
}
