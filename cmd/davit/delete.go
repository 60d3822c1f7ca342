package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/fault"
)

func deleteCommand(getenv func(string) string) *cobra.Command {
	var s *session
	var yes, project bool
	cmd := &cobra.Command{
		Use: "delete", Short: "Delete this directory's service, or its project, with all it runs", Args: cobra.NoArgs,
		Long: "Deletes the service of this directory in all environments, with everything it runs, and forgets\n" +
			"it in DIR/.davit. The project stays unless --project is said. It asks for the name to be typed\nunless --yes is said.",
		Example: "  davit delete\n  davit delete --yes\n  davit delete --project",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, l, err := s.link()
			if err != nil {
				return err
			}
			i, err := loadInstance(cmd.Context(), c, l.InstanceID)
			if err != nil {
				return err
			}
			what, slug, name, id := "Service", i.Service.Slug, i.Service.Name, i.Service.Id
			remove := deleteService
			if project {
				what, slug, name, id = "Project", i.Service.Project.Slug, i.Service.Project.Name, i.Service.Project.Id
				remove = deleteProject
			}
			if !yes {
				if err := confirm(cmd, slug); err != nil {
					return err
				}
			}
			stop := s.waiting(cmd.OutOrStdout(), "deleting")
			err = remove(cmd.Context(), c, id, slug)
			stop()
			if err != nil {
				return err
			}
			if err := removeLink(s.dir); err != nil {
				return err
			}
			if s.json {
				return s.emit(cmd.OutOrStdout(), map[string]string{"deletedId": id})
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s %s was deleted.\n", what, plain(name))
			return nil
		},
	}
	s = newSession(cmd, getenv).linked(cmd)
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	cmd.Flags().BoolVar(&project, "project", false, "the whole project, with all its services")
	return cmd
}

func deleteService(ctx context.Context, c *client.Client, id, _ string) error {
	out, err := client.DeleteService(ctx, c, id)
	if err != nil {
		return err
	}
	return awaitOperation(ctx, c, out.DeleteService.Operation.Id)
}

func deleteProject(ctx context.Context, c *client.Client, id, slug string) error {
	out, err := client.DeleteProject(ctx, c, id, slug)
	if err != nil {
		return err
	}
	return awaitOperation(ctx, c, out.DeleteProject.Operation.Id)
}

// confirm asks a person to type a slug; where nobody can be asked it refuses.
func confirm(cmd *cobra.Command, slug string) error {
	if !isTerminal(cmd.InOrStdin()) {
		return fault.New(fault.ConfirmationFailed, "Nobody can be asked here: say --yes to delete %s.", plain(slug))
	}
	line, err := askLine(cmd.Context(), bufio.NewReader(cmd.InOrStdin()), cmd.OutOrStdout(), "Type "+plain(slug)+" to delete it: ")
	if errors.Is(err, context.Canceled) {
		return err
	}
	if err != nil || line != slug {
		return fault.New(fault.ConfirmationFailed, "Nothing was deleted.")
	}
	return nil
}
