package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/fault"
)

// deployment is what "davit deploy" was told.
type deployment struct {
	*session
	image, message string
	repo           repository
	project, name  string
	workspace      string
	named          bool // the workspace was
	yes, detach    bool
	noCache        bool
	static         bool
	env            []string
	output         string
	cron, timeZone string
	in             io.Reader
	out            io.Writer
}

func deployCommand(getenv func(string) string) *cobra.Command {
	var d deployment
	cmd := &cobra.Command{
		Use:   "deploy [DIR]",
		Short: "Deploy a directory, a repository or an image, and follow it",
		Long: "Packs DIR (the current directory if absent) without what .gitignore and .dockerignore\n" +
			"name, sends it, and follows the deployment until it ended.\n\n" +
			"The first time it makes a project and a service, and remembers them in DIR/.davit.\n" +
			"--env sets variables before; NAME alone takes the value of this shell. A secret is better\n" +
			"set by \"davit env set --secret\".\n\n" +
			"The status is 0 once the deployment is live, 6 if it was canceled or a newer one took its\n" +
			"place, 8 if the application or its build failed, and 9 if Davit or something it depends on\n" +
			"did. With --detach it is 0 once the deployment is requested. --deploy-key deploys nothing:\n" +
			"it is 0 once the key is made.",
		Example: "  davit deploy\n  davit deploy ./shop --project shop --name web --yes\n" +
			"  davit deploy --image nginx:1.27 --message \"try nginx\"\n  davit deploy --json | tail -1\n" +
			"  davit deploy --git https://github.com/team/shop --ref v2 --root apps/web\n" +
			"  davit deploy --git git@github.com:team/shop.git --deploy-key\n" +
			"  davit deploy ./docs --static --output public\n" +
			"  davit deploy ./shop --env LOG_LEVEL=debug --env DATABASE_URL",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				if cmd.Flags().Changed("dir") {
					return wrongUsage(cmd, errors.New("a directory is named once: as DIR, or with -C"))
				}
				d.dir = args[0]
			}
			d.in, d.out = cmd.InOrStdin(), cmd.OutOrStdout()
			d.named = cmd.Flags().Changed("workspace")
			if err := errors.Join(apart(cmd, notTogether...), needs(cmd, [2]string{"time-zone", "cron"}, [2]string{"root", "git"}, [2]string{"deploy-key", "git"})); err != nil {
				return err
			}
			return d.gone(d.run(cmd.Context()))
		},
	}
	d.session = newSession(cmd, getenv)
	f := cmd.Flags()
	f.StringVarP(&d.dir, "dir", "C", ".", "DIR, as other commands take it")
	f.StringVar(&d.image, "image", "", "deploy this image instead of the directory")
	d.repo.flags(f, getenv)
	f.StringVar(&d.cron, "cron", "", "the first time: a cron service, which runs at these five fields, such as \"30 4 * * 1-5\"")
	f.StringVar(&d.timeZone, "time-zone", "", "time zone of --cron, such as Europe/Berlin (default UTC)")
	f.StringArrayVarP(&d.env, "env", "e", nil, "set this variable, NAME=VALUE, for the service first; may be said several times")
	f.StringVarP(&d.message, "message", "m", "", "what to remember the deployment by")
	f.StringVar(&d.project, "project", "", "project to deploy to the first time; made of the directory's name if absent")
	f.StringVar(&d.name, "name", "", "name of the service the first time (default \"web\")")
	f.StringVar(&d.workspace, "workspace", "default", "workspace of the project")
	f.BoolVarP(&d.yes, "yes", "y", false, "take what is proposed without asking")
	f.BoolVar(&d.detach, "detach", false, "return as soon as the deployment is requested")
	f.BoolVar(&d.noCache, "no-cache", false, "build every step anew")
	f.BoolVar(&d.static, "static", false, "make a static site of it the first time: files that nothing has to run for")
	f.StringVar(&d.output, "output", "", "directory of a static site's files below DIR, the first time")
	d.complete(cmd, "project", func(ctx context.Context, c *client.Client) ([]string, error) {
		return projectSlugs(ctx, c, d.workspace)
	})
	d.complete(cmd, "name", func(ctx context.Context, c *client.Client) ([]string, error) {
		if d.project == "" {
			return []string{}, nil
		}
		return serviceSlugs(ctx, c, d.workspace, d.project)
	})
	return cmd
}

// notTogether are flags of which each pair says two things that differ.
var notTogether = [][2]string{
	{"git", "image"},
	{"ref", "image"},
	{"image", "static"},
	{"image", "output"},
	{"image", "no-cache"},
	{"static", "cron"},
	{"output", "cron"},
	{"deploy-key", "env"},
	{"deploy-key", "message"},
}

func (d *deployment) run(ctx context.Context) error {
	c, err := d.client()
	if err != nil {
		return err
	}
	if err := d.repo.check(); err != nil {
		return err
	}
	variables, err := envOf(d.env, d.getenv)
	if err != nil {
		return err
	}
	l, err := d.ensureLink(ctx, c)
	if err != nil {
		return err
	}
	if d.repo.url != "" {
		key, err := d.repo.become(ctx, c, l.ServiceID)
		if err != nil || key != "" {
			return errors.Join(err, d.showKey(key))
		}
	}
	if len(variables) > 0 {
		target := client.VariableTarget{ServiceInstanceId: &l.InstanceID}
		if _, err := client.SetVariables(ctx, c, client.SetVariablesInput{Target: target, Variables: variables}); err != nil {
			return err
		}
	}
	input := client.DeployInput{ServiceInstanceId: l.InstanceID, SkipBuildCache: d.noCache, Message: said(d.message)}
	switch {
	case d.image != "":
		input.Image = &d.image
	case d.repo.said():
		input.Ref = said(d.repo.ref)
	default:
		artifact, err := d.send(ctx, c, l.ServiceID)
		if err != nil {
			return err
		}
		input.ArtifactId = &artifact
	}
	out, err := client.Deploy(ctx, c, input)
	if err != nil {
		return err
	}
	return d.watch(ctx, c, d.out, &out.Deploy.Deployment, d.detach)
}

// said is a text that may be absent.
func said(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// watch shows a deployment until it ended, and returns what that means.
func (s *session) watch(ctx context.Context, c *client.Client, out io.Writer, first *client.Deployment, detach bool) error {
	if detach {
		if s.json {
			return s.emit(out, first)
		}
		fmt.Fprintf(out, "Deployment #%d (%s) was requested. Look after it with \"davit status\".\n", first.Number, first.Id)
		return nil
	}
	show := s.display(out)
	last := first
	err := c.FollowDeployment(ctx, first.Id, func(d *client.Deployment) error {
		last = d
		return show.state(d)
	})
	show.end()
	if err != nil && ctx.Err() != nil {
		return fault.New(fault.Canceled, "Deployment #%d goes on.", first.Number).
			WithHint("Cancel it with \"davit cancel %s\", look after it with \"davit status\".", first.Id)
	}
	if err != nil {
		return err
	}
	if !s.json {
		explain(out, last)
	}
	return outcome(last)
}
