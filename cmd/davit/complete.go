package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/davitdev/davit/internal/client"
)

// complete proposes words for a flag.
func complete(cmd *cobra.Command, flag string, words ...string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)) // fails twice only
}

// complete proposes what the server says for the value of a flag, if it answers
// soon.
func (s *session) complete(cmd *cobra.Command, flag string, ask func(context.Context, *client.Client) ([]string, error)) {
	_ = cmd.RegisterFlagCompletionFunc(flag, s.propose(ask)) // fails twice only
}

// propose is complete for whatever a shell can complete.
func (s *session) propose(ask func(context.Context, *client.Client) ([]string, error)) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), time.Second)
		defer cancel()
		c, err := s.client()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		words, _ := ask(ctx, c) // a shell has no place for an error
		return words, cobra.ShellCompDirectiveNoFileComp
	}
}

// deployments proposes the numbers of the last deployments for the one argument
// of a command.
func (s *session) deployments(cmd *cobra.Command) {
	numbers := s.propose(func(ctx context.Context, c *client.Client) ([]string, error) {
		l, err := s.linkHere()
		if err != nil {
			return nil, err
		}
		out, err := client.LastDeployments(ctx, c, l.InstanceID)
		if err != nil {
			return nil, err
		}
		var words []string
		for _, d := range out.ServiceInstance.Deployments.Nodes {
			words = append(words, fmt.Sprintf("%d\t%s", d.Number, statusOf(d.Status, d.Conclusion)))
		}
		return words, nil
	})
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return numbers(cmd, args, word)
	}
}

// environments are the slugs of those that the linked service is in.
func (s *session) environments(ctx context.Context, c *client.Client) ([]string, error) {
	l, err := s.linkHere()
	if err != nil {
		return nil, err
	}
	out, err := client.Siblings(ctx, c, l.InstanceID)
	var slugs []string
	for _, i := range out.ServiceInstance.Service.Instances {
		slugs = append(slugs, i.Environment.Slug)
	}
	return slugs, err
}
