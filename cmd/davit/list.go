package main

import (
	"cmp"
	"context"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/spec"
)

// What lists without a row say: how to get one.
const (
	noProject = "There is no project yet: \"davit deploy\" makes one of the directory it deploys."
	noService = "There is no service yet: \"davit deploy\" makes one of the directory it deploys."
)

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
			t := s.table(cmd.OutOrStdout(), noProject, "PROJECT", "NAME", "SERVICES", "ENVIRONMENTS", "CREATED")
			err = eachProject(cmd.Context(), c, workspace, func(p *client.ListedProject) error {
				slugs := make([]string, len(p.Environments.Nodes))
				for i, e := range p.Environments.Nodes {
					slugs[i] = e.Slug
				}
				return t.row(p, p.Slug, p.Name, strconv.Itoa(p.Services.TotalCount), strings.Join(slugs, ", "), p.CreatedAt.Local().Format("2006-01-02 15:04"))
			})
			if err != nil {
				return err
			}
			return t.end()
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
		Long:    "Lists the services of a workspace, or of one project. \"davit ps\" shows what is running.",
		Example: "  davit services\n  davit services --project shop --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := s.client()
			if err != nil {
				return err
			}
			t := s.table(cmd.OutOrStdout(), noService, "PROJECT", "SERVICE", "KIND", "SOURCE", "INTERNAL HOST")
			err = eachService(cmd.Context(), c, workspace, project, func(v *client.ListedService) error {
				return t.row(v, v.Project.Slug, v.Slug, string(v.Kind), origin(v.Source), v.InternalHost)
			})
			if err != nil {
				return err
			}
			return t.end()
		},
	}
	s = newSession(cmd, getenv)
	cmd.Flags().StringVar(&workspace, "workspace", "default", "which workspace")
	cmd.Flags().StringVar(&project, "project", "", "only this project")
	s.complete(cmd, "project", func(ctx context.Context, c *client.Client) ([]string, error) { return projectSlugs(ctx, c, workspace) })
	return cmd
}

// origin says where a service comes from.
func origin(source client.Source) string {
	switch source := source.(type) {
	case nil:
		return "waits for an upload"
	case *client.SourceImageSource:
		return source.Image
	case *client.SourceGitSource:
		if source.Ref == nil {
			return source.Repository
		}
		return source.Repository + " at " + *source.Ref
	default:
		return "upload"
	}
}

// eachService calls fn with every service of a workspace, or of one project of
// it.
func eachService(ctx context.Context, c *client.Client, workspace, project string, fn func(*client.ListedService) error) error {
	of := func(slug string) error {
		return eachPage(func(after *string) ([]client.ListedService, client.Page, error) {
			out, err := client.Services(ctx, c, workspace, slug, after)
			return out.Project.Services.Nodes, out.Project.Services.PageInfo, err
		}, fn)
	}
	if project == "" {
		return eachProject(ctx, c, workspace, func(p *client.ListedProject) error { return of(p.Slug) })
	}
	err := of(spec.Slugify(project))
	if !fault.Is(err, fault.NotFound) {
		return err
	}
	slugs, err := projectSlugs(ctx, c, workspace)
	if err != nil {
		return err
	}
	return fault.New(fault.NotFound, "There is no project %q in the workspace %q, or you may not see it%s", project, workspace, cmp.Or(meant(project, slugs), ".")).
		WithHint("\"davit projects\" lists them.")
}

func projectSlugs(ctx context.Context, c *client.Client, workspace string) ([]string, error) {
	var slugs []string
	err := eachProject(ctx, c, workspace, func(p *client.ListedProject) error {
		slugs = append(slugs, p.Slug)
		return nil
	})
	return slugs, err
}

func serviceSlugs(ctx context.Context, c *client.Client, workspace, project string) ([]string, error) {
	var slugs []string
	err := eachService(ctx, c, workspace, project, func(v *client.ListedService) error {
		slugs = append(slugs, v.Slug)
		return nil
	})
	return slugs, err
}

// eachInstance calls fn with every instance of a workspace.
func eachInstance(ctx context.Context, c *client.Client, workspace string, fn func(*client.Instance) error) error {
	return eachProject(ctx, c, workspace, func(p *client.ListedProject) error {
		return eachPage(func(after *string) ([]client.InstancesProjectServicesServiceConnectionNodesService, client.Page, error) {
			out, err := client.Instances(ctx, c, workspace, p.Slug, after)
			return out.Project.Services.Nodes, out.Project.Services.PageInfo, err
		}, func(svc *client.InstancesProjectServicesServiceConnectionNodesService) error {
			for i := range svc.Instances {
				if err := fn(&svc.Instances[i]); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// eachProject calls fn with every project of a workspace.
func eachProject(ctx context.Context, c *client.Client, workspace string, fn func(*client.ListedProject) error) error {
	return eachPage(func(after *string) ([]client.ListedProject, client.Page, error) {
		out, err := client.Projects(ctx, c, workspace, after)
		if fault.Is(err, fault.NotFound) {
			err = noWorkspace(workspace)
		}
		return out.Workspace.Projects.Nodes, out.Workspace.Projects.PageInfo, err
	}, fn)
}

// eachPage calls fn with every node of a connection, of which load returns the
// page after a cursor.
func eachPage[N any](load func(after *string) ([]N, client.Page, error), fn func(*N) error) error {
	page := client.Page{HasNextPage: true}
	for page.HasNextPage {
		nodes, next, err := load(page.EndCursor)
		if err != nil {
			return err
		}
		for i := range nodes {
			if err := fn(&nodes[i]); err != nil {
				return err
			}
		}
		page = next
	}
	return nil
}

func noWorkspace(slug string) error {
	return fault.New(fault.NotFound, "There is no workspace %q, or you are no member of it.", slug)
}
