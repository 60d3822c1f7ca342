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
	"github.com/davitdev/davit/internal/lifecycle"
)

// deploymentsDocument asks for a page of the deployments of an instance.
const deploymentsDocument = `query Deployments($instance: ID!, $first: Int!, $after: Cursor) {
  serviceInstance(id: $instance) {
    deployments(first: $first, after: $after) {
      nodes {
        id number status conclusion url isActive message createdAt startedAt completedAt trafficSwitchedAt
        trigger { kind }
        commit { sha message branch }
        image { reference }
        bundle { files }
        rolledBackFrom { number }
        failure { code message }
      }
      pageInfo { hasNextPage endCursor }
    }
  }
}`

// pastDeployment is a deployment in the list of its service's.
type pastDeployment struct {
	ID                string                `json:"id"`
	Number            int                   `json:"number"`
	Status            lifecycle.Status      `json:"status"`
	Conclusion        *lifecycle.Conclusion `json:"conclusion"`
	URL               *string               `json:"url"`
	IsActive          bool                  `json:"isActive"`
	Message           *string               `json:"message"`
	CreatedAt         time.Time             `json:"createdAt"`
	StartedAt         *time.Time            `json:"startedAt"`
	CompletedAt       *time.Time            `json:"completedAt"`
	TrafficSwitchedAt *time.Time            `json:"trafficSwitchedAt"`
	Trigger           struct {
		Kind string `json:"kind"`
	} `json:"trigger"`
	Commit *commit `json:"commit"`
	Image  *struct {
		Reference string `json:"reference"`
	} `json:"image"`
	Bundle *struct {
		Files int `json:"files"`
	} `json:"bundle"`
	RolledBackFrom *struct {
		Number int `json:"number"`
	} `json:"rolledBackFrom"`
	Failure *struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"failure"`
}

// commit is what was deployed of a repository.
type commit struct {
	SHA     string  `json:"sha"`
	Message string  `json:"message"`
	Branch  *string `json:"branch"`
}

// name is what people call a commit: the first digits of its hash.
func (c *commit) name() string { return c.SHA[:min(7, len(c.SHA))] }

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
			err = eachDeployment(cmd.Context(), c, l.InstanceID, limit, func(d *pastDeployment) error { return t.row(d, d.cells()...) })
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
func eachDeployment(ctx context.Context, c *client.Client, instanceID string, limit int, fn func(*pastDeployment) error) error {
	const pageSize = 50
	return eachPage(func(after *string) ([]pastDeployment, client.Page, error) {
		var out struct {
			ServiceInstance struct {
				Deployments struct {
					Nodes    []pastDeployment `json:"nodes"`
					PageInfo client.Page      `json:"pageInfo"`
				} `json:"deployments"`
			} `json:"serviceInstance"`
		}
		err := c.Do(ctx, deploymentsDocument, client.Variables{"instance": instanceID, "first": min(limit, pageSize), "after": after}, &out)
		page := out.ServiceInstance.Deployments
		limit -= len(page.Nodes)
		page.PageInfo.HasNextPage = page.PageInfo.HasNextPage && limit > 0
		return page.Nodes, page.PageInfo, err
	}, fn)
}

// cells are the columns of a row of the list.
func (d *pastDeployment) cells() []string {
	state := statusOf(d.Status, d.Conclusion)
	if d.IsActive {
		state += ", serves"
	}
	took := ""
	if d.StartedAt != nil && d.CompletedAt != nil {
		took = short(d.CompletedAt.Sub(*d.StartedAt))
	}
	return []string{strconv.Itoa(d.Number), state, d.CreatedAt.Local().Format(time.DateTime), took, d.reason(), d.source(), d.remembered()}
}

// reason is what asked for it.
func (d *pastDeployment) reason() string {
	if d.RolledBackFrom != nil {
		return fmt.Sprintf("rollback to #%d", d.RolledBackFrom.Number)
	}
	return strings.ToLower(strings.ReplaceAll(d.Trigger.Kind, "_", " "))
}

// source is what was deployed, as far as that is known.
func (d *pastDeployment) source() string {
	switch {
	case d.Commit != nil && d.Commit.Branch != nil:
		return d.Commit.name() + " of " + *d.Commit.Branch
	case d.Commit != nil:
		return d.Commit.name()
	case d.Bundle != nil:
		return counted(d.Bundle.Files, "file", "files")
	case d.Image != nil && strings.HasPrefix(d.Image.Reference, "davit/"): // Davit built it
		return "upload"
	case d.Image != nil:
		return d.Image.Reference
	}
	return ""
}

// remembered is what its author or the commit's wrote, or else why it failed.
func (d *pastDeployment) remembered() string {
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
