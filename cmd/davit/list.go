package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/spec"
)

type projectView struct {
	named
	CreatedAt time.Time `json:"createdAt"`
	Services  struct {
		TotalCount int `json:"totalCount"`
	} `json:"services"`
	Environments struct {
		Nodes []named `json:"nodes"`
	} `json:"environments"`
}

type serviceView struct {
	named
	Kind         string `json:"kind"`
	InternalHost string `json:"internalHost"`
	Project      named  `json:"project"`
	Source       *struct {
		Typename string  `json:"__typename"`
		Image    *string `json:"image,omitempty"`
	} `json:"source"`
}

func projectsCommand(getenv func(string) string) *cobra.Command {
	var s *session
	var workspace string
	cmd := &cobra.Command{
		Use: "projects", Short: "List the projects of a workspace", Args: cobra.NoArgs,
		Example: "  davit projects\n  davit projects --json | jq -r .slug",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := s.client()
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			s.say(w, "PROJECT\tNAME\tSERVICES\tENVIRONMENTS\tCREATED")
			err = eachProject(cmd.Context(), c, workspace, `id name slug createdAt services{totalCount} environments(first:20){nodes{id name slug}}`,
				func(node json.RawMessage) error {
					var p projectView
					if err := json.Unmarshal(node, &p); err != nil {
						return err
					}
					if s.json {
						return s.emit(cmd.OutOrStdout(), p)
					}
					slugs := make([]string, len(p.Environments.Nodes))
					for i, e := range p.Environments.Nodes {
						slugs[i] = e.Slug
					}
					fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\n", p.Slug, plain(p.Name), p.Services.TotalCount, strings.Join(slugs, ", "),
						p.CreatedAt.Local().Format("2006-01-02 15:04"))
					return nil
				})
			if err != nil {
				return err
			}
			return w.Flush()
		},
	}
	s = newSession(cmd, getenv)
	cmd.Flags().StringVar(&workspace, "workspace", "default", "which workspace")
	return cmd
}

func servicesCommand(getenv func(string) string) *cobra.Command {
	var s *session
	var workspace, project string
	cmd := &cobra.Command{
		Use: "services", Short: "List the services of a workspace or a project", Args: cobra.NoArgs,
		Long:    "Lists the services of a workspace, or of one project. What runs of them shows \"davit ps\".",
		Example: "  davit services\n  davit services --project shop --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := s.client()
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			s.say(w, "PROJECT\tSERVICE\tKIND\tSOURCE\tINTERNAL HOST")
			show := func(node json.RawMessage) error {
				var v serviceView
				if err := json.Unmarshal(node, &v); err != nil {
					return err
				}
				if s.json {
					return s.emit(cmd.OutOrStdout(), v)
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", v.Project.Slug, v.Slug, v.Kind, v.origin(), plain(v.InternalHost))
				return nil
			}
			if err := eachService(cmd.Context(), c, workspace, project, show); err != nil {
				return err
			}
			return w.Flush()
		},
	}
	s = newSession(cmd, getenv)
	cmd.Flags().StringVar(&workspace, "workspace", "default", "which workspace")
	cmd.Flags().StringVar(&project, "project", "", "only this project")
	return cmd
}

// origin says where a service comes from.
func (v serviceView) origin() string {
	switch {
	case v.Source == nil:
		return "waits for an upload"
	case v.Source.Image != nil:
		return plain(*v.Source.Image)
	default:
		return "upload"
	}
}

// eachService calls fn with every service of a workspace, or of one project of
// it.
func eachService(ctx context.Context, c *client.Client, workspace, project string, fn func(json.RawMessage) error) error {
	const fields = `id name slug kind internalHost project{id name slug} source{__typename ... on ImageSource{image}}`
	if project == "" {
		return eachProject(ctx, c, workspace, `id slug`, func(node json.RawMessage) error {
			var p named
			if err := json.Unmarshal(node, &p); err != nil {
				return err
			}
			return servicesOf(ctx, c, p.ID, fields, fn)
		})
	}
	var found struct{ Project named }
	err := c.Do(ctx, `query($w:String!,$p:String!){project(workspace:$w,slug:$p){id slug}}`, client.Variables{"w": workspace, "p": spec.Slugify(project)}, &found)
	if fault.Is(err, fault.NotFound) {
		return fault.New(fault.NotFound, "There is no project %q in the workspace %q, or you may not see it.", project, workspace).
			WithHint("\"davit projects\" lists them.")
	}
	if err != nil {
		return err
	}
	return servicesOf(ctx, c, found.Project.ID, fields, fn)
}

// connection is a page of nodes.
type connection struct {
	Nodes    []json.RawMessage
	PageInfo struct {
		HasNextPage bool
		EndCursor   *string
	}
}

// eachPage calls fn with every node of a connection, which load asks for after
// a cursor.
func eachPage(load func(after *string) (connection, error), fn func(json.RawMessage) error) error {
	var after *string
	for {
		page, err := load(after)
		if err != nil {
			return err
		}
		for _, node := range page.Nodes {
			if err := fn(node); err != nil {
				return err
			}
		}
		if !page.PageInfo.HasNextPage {
			return nil
		}
		after = page.PageInfo.EndCursor
	}
}

// eachProject calls fn with the fields of every project of a workspace.
func eachProject(ctx context.Context, c *client.Client, workspace, fields string, fn func(json.RawMessage) error) error {
	return eachPage(func(after *string) (connection, error) {
		var out struct{ Workspace struct{ Projects connection } }
		err := c.Do(ctx, `query($w:String!,$after:Cursor){workspace(slug:$w){projects(first:50,after:$after,orderBy:{field:NAME,direction:ASC}){
			nodes{`+fields+`} pageInfo{hasNextPage endCursor}}}}`, client.Variables{"w": workspace, "after": after}, &out)
		if fault.Is(err, fault.NotFound) {
			err = noWorkspace(workspace)
		}
		return out.Workspace.Projects, err
	}, fn)
}

// servicesOf calls fn with the fields of every service of a project.
func servicesOf(ctx context.Context, c *client.Client, projectID, fields string, fn func(json.RawMessage) error) error {
	return eachPage(func(after *string) (connection, error) {
		var out struct{ Node struct{ Services connection } }
		// Ten at a time: the API prices what a query may return.
		err := c.Do(ctx, `query($p:ID!,$after:Cursor){node(id:$p){... on Project{services(first:10,after:$after){
			nodes{`+fields+`} pageInfo{hasNextPage endCursor}}}}}`, client.Variables{"p": projectID, "after": after}, &out)
		return out.Node.Services, err
	}, fn)
}

func noWorkspace(slug string) error {
	return fault.New(fault.NotFound, "There is no workspace %q, or you are no member of it.", slug)
}
