package main

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/fault"
)

func redeployCommand(getenv func(string) string) *cobra.Command {
	var s *session
	var detach, rebuild bool
	cmd := &cobra.Command{
		Use: "redeploy [ID|NUMBER]", Short: "Deploy again with today's settings and variables", Args: cobra.MaximumNArgs(1),
		Long: "Deploys the source of a deployment again, with today's settings and variables: without an\n" +
			"argument of the one that serves, or else of the newest. Its image is used again unless --rebuild is said.",
		Example: "  davit redeploy\n  davit redeploy 3 --rebuild",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, l, err := s.link()
			if err != nil {
				return err
			}
			d, err := pick(cmd.Context(), c, l, args, serving, "The service is not deployed yet: deploy it first.")
			if err != nil {
				return err
			}
			return s.again(cmd.Context(), c, cmd.OutOrStdout(), d.Id, d.Number, rebuild, detach)
		},
	}
	s = newSession(cmd, getenv).linked(cmd)
	s.deployments(cmd)
	cmd.Flags().BoolVar(&rebuild, "rebuild", false, "build every step anew, or pull the image")
	cmd.Flags().BoolVar(&detach, "detach", false, "return as soon as it is requested")
	return cmd
}

// serving picks the deployment that serves, else the newest.
func serving(newestFirst []client.ListedDeployment) *client.ListedDeployment {
	for _, d := range newestFirst {
		if d.IsActive {
			return &d
		}
	}
	if len(newestFirst) == 0 {
		return nil
	}
	return &newestFirst[0]
}

// again redeploys a deployment and watches that.
func (s *session) again(ctx context.Context, c *client.Client, out io.Writer, id string, number int, rebuild, detach bool) error {
	done, err := client.Redeploy(ctx, c, id, !rebuild, rebuild)
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Field == "reuseImage" {
		return f.WithHint("Say \"davit redeploy %d --rebuild\".", number)
	}
	if err != nil {
		return err
	}
	s.say(out, "Deploying #%d again.", number)
	return s.watch(ctx, c, out, &done.Redeploy.Deployment, detach)
}
