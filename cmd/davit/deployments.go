package main

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/fault"
)

// commitName is what people call a commit: the first digits of its hash.
func commitName(c *client.Commit) string { return c.Sha[:min(7, len(c.Sha))] }

func deploymentsCommand(getenv func(string) string) *cobra.Command {
	var s *session
	var limit int
	cmd := &cobra.Command{
		Use: "deployments", Short: "List the deployments of the service of this directory", Args: cobra.NoArgs,
		Long: "Lists the deployments of the service of this directory, newest first, and which one serves. \"davit rollback\n" +
			"NUMBER\" goes back to one, \"davit redeploy NUMBER\" deploys one again, \"davit logs NUMBER\" shows what one printed.",
		Example: "  davit deployments\n  davit deployments -n 100 --json | jq -r 'select(.conclusion == \"FAILED\").number'",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 1 {
				return fault.New(fault.Invalid, "--limit is 1 or more, not %d.", limit)
			}
			c, l, err := s.link()
			if err != nil {
				return err
			}
			t := s.table(cmd.OutOrStdout(), "Nothing was deployed yet: \"davit deploy\" does.", "NUMBER", "STATUS", "CREATED", "TOOK", "TRIGGER", "SOURCE", "MESSAGE")
			err = eachDeployment(cmd.Context(), c, l.InstanceID, limit, func(d *client.PastDeployment) error { return t.row(d, cellsOf(d)...) })
			if err != nil {
				return err
			}
			return t.end()
		},
	}
	s = newSession(cmd, getenv).linked(cmd)
	cmd.Flags().IntVarP(&limit, "limit", "n", 20, "how many at most")
	return cmd
}

// eachDeployment calls fn with the newest deployments of an instance, limit of
// them at most.
func eachDeployment(ctx context.Context, c *client.Client, instanceID string, limit int, fn func(*client.PastDeployment) error) error {
	const pageSize = 50
	return eachPage(func(after *string) ([]client.PastDeployment, client.Page, error) {
		out, err := client.Deployments(ctx, c, instanceID, min(limit, pageSize), after)
		if err != nil {
			return nil, client.Page{}, err
		}
		nodes, page := out.ServiceInstance.Deployments.Nodes, out.ServiceInstance.Deployments.PageInfo
		limit -= len(nodes)
		page.HasNextPage = page.HasNextPage && limit > 0
		return nodes, page, nil
	}, fn)
}

// cellsOf are the columns of a row of the list.
func cellsOf(d *client.PastDeployment) []string {
	state := statusOf(d.Status, d.Conclusion)
	if d.IsActive {
		state += ", serves"
	}
	took := ""
	if d.StartedAt != nil && d.CompletedAt != nil {
		took = short(d.CompletedAt.Sub(*d.StartedAt))
	}
	return []string{strconv.Itoa(d.Number), state, d.CreatedAt.Local().Format(time.DateTime), took, reasonOf(d), deployedOf(d), noteOf(d)}
}

// reasonOf is what asked for it.
func reasonOf(d *client.PastDeployment) string {
	if d.RolledBackFrom != nil {
		return fmt.Sprintf("rollback to #%d", d.RolledBackFrom.Number)
	}
	return strings.ToLower(strings.ReplaceAll(string(d.Trigger.Kind), "_", " "))
}

// deployedOf is what was deployed, as far as that is known.
func deployedOf(d *client.PastDeployment) string {
	switch {
	case d.Commit != nil && d.Commit.Branch != nil:
		return commitName(d.Commit) + " of " + *d.Commit.Branch
	case d.Commit != nil:
		return commitName(d.Commit)
	case d.Bundle != nil:
		return counted(d.Bundle.Files, "file", "files")
	case d.Image != nil && strings.HasPrefix(d.Image.Reference, "davit/"): // Davit built it
		return "upload"
	case d.Image != nil:
		return d.Image.Reference
	}
	return ""
}

// noteOf is what its author or the commit's wrote, or else why it failed.
func noteOf(d *client.PastDeployment) string {
	text := ""
	if d.Message != nil {
		text = *d.Message
	}
	if d.Commit != nil {
		text = cmp.Or(text, d.Commit.Message)
	}
	if d.Failure != nil {
		text = cmp.Or(text, d.Failure.Message)
	}
	return oneLine(strings.TrimSpace(text))
}
