package main

import (
	"bufio"
	"context"
	"fmt"
	"strconv"
	"strings"

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

func deleteCommand(getenv func(string) string) *cobra.Command {
	var s *session
	var yes bool
	cmd := &cobra.Command{
		Use: "delete", Short: "Delete the service of this directory with everything it runs", Args: cobra.NoArgs,
		Long:    "Deletes the service of this directory in all environments, with everything it runs, and forgets\nit in DIR/.davit. The project stays. It asks for the service's name unless --yes is said.",
		Example: "  davit delete\n  davit delete --yes",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, l, err := s.link()
			if err != nil {
				return err
			}
			i, err := loadInstance(cmd.Context(), c, l.InstanceID)
			if err != nil {
				return err
			}
			if !yes {
				if err := confirm(cmd, i.Service.Slug); err != nil {
					return err
				}
			}
			var out struct {
				DeleteService struct{ Operation operationView }
			}
			err = c.Do(cmd.Context(), `mutation($id:ID!){deleteService(input:{serviceId:$id}){operation{id}}}`, client.Variables{"id": l.ServiceID}, &out)
			if err != nil {
				return err
			}
			if err := awaitOperation(cmd.Context(), c, out.DeleteService.Operation.ID); err != nil {
				return err
			}
			if err := removeLink(s.dir); err != nil {
				return err
			}
			if s.json {
				return s.emit(cmd.OutOrStdout(), map[string]string{"deletedId": l.ServiceID})
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Service %s was deleted.\n", plain(i.Service.Name))
			return nil
		},
	}
	s = newSession(cmd, getenv).linked(cmd)
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

// confirm asks a person to type a slug; where nobody can be asked it refuses.
func confirm(cmd *cobra.Command, slug string) error {
	if !isTerminal(cmd.InOrStdin()) {
		return fault.New(fault.ConfirmationFailed, "Nobody can be asked here: say --yes to delete %s.", plain(slug))
	}
	fmt.Fprintf(cmd.OutOrStdout(), "Type %s to delete it: ", plain(slug))
	line, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
	if err != nil || strings.TrimSpace(line) != slug {
		return fault.New(fault.ConfirmationFailed, "Nothing was deleted.")
	}
	return nil
}
