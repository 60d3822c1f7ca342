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
	yes, detach    bool
	noCache        bool
	static         bool
	output         string
	cron, timeZone string
	in             io.Reader
	out            io.Writer
}

func deployCommand(getenv func(string) string) *cobra.Command {
	var d deployment
	cmd := &cobra.Command{
		Use:   "deploy [DIR]",
		Short: "Deploy a directory, a git repository or an image, and follow it until it is live",
		Long: "Packs DIR (the current directory if absent) without what .gitignore and .dockerignore\n" +
			"name, sends it, and follows the deployment until it ended.\n\n" +
			"The first time it makes a project and a service, and remembers them in DIR/.davit.\n" +
			"It ends with status 0 only if the deployment went live; with 8 if the application or its\n" +
			"build failed, with 9 if Davit or something it depends on did.",
		Example: "  davit deploy\n  davit deploy ./shop --project shop --name web --yes\n" +
			"  davit deploy --image nginx:1.27 --message \"try nginx\"\n  davit deploy --json | tail -1\n" +
			"  davit deploy --git https://github.com/team/shop --ref v2 --root apps/web\n" +
			"  davit deploy --git git@github.com:team/shop.git --deploy-key\n" +
			"  davit deploy ./docs --static --output public",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			d.dir = "."
			if len(args) == 1 {
				d.dir = args[0]
			}
			d.in, d.out = cmd.InOrStdin(), cmd.OutOrStdout()
			return d.gone(d.run(cmd.Context()))
		},
	}
	d.session = newSession(cmd, getenv)
	f := cmd.Flags()
	f.StringVar(&d.image, "image", "", "deploy this image instead of the directory")
	d.repo.flags(f, getenv)
	f.StringVar(&d.cron, "cron", "", "the first time: a cron service, which runs at these five fields, such as \"30 4 * * 1-5\"")
	f.StringVar(&d.timeZone, "time-zone", "", "time zone of --cron, such as Europe/Berlin (default UTC)")
	f.StringVarP(&d.message, "message", "m", "", "what to remember the deployment by")
	f.StringVar(&d.project, "project", "", "project to deploy to the first time; made of the directory's name if absent")
	f.StringVar(&d.name, "name", "", "name of the service the first time (default \"web\")")
	f.StringVar(&d.workspace, "workspace", "default", "workspace of the project")
	f.BoolVarP(&d.yes, "yes", "y", false, "take what is proposed without asking")
	f.BoolVar(&d.detach, "detach", false, "return as soon as the deployment is requested")
	f.BoolVar(&d.noCache, "no-cache", false, "build every step anew")
	f.BoolVar(&d.static, "static", false, "make a static site of it the first time: files that nothing has to run for")
	f.StringVar(&d.output, "output", "", "directory of a static site's files below DIR, the first time")
	cmd.MarkFlagsMutuallyExclusive("static", "cron")
	cmd.MarkFlagsMutuallyExclusive("output", "cron")
	return cmd
}

func (d *deployment) run(ctx context.Context) error {
	c, err := d.client()
	if err != nil {
		return err
	}
	if err := d.repo.check(d.image); err != nil {
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
	input := client.Variables{"serviceInstanceId": l.InstanceID, "skipBuildCache": d.noCache}
	if d.message != "" {
		input["message"] = d.message
	}
	switch {
	case d.image != "":
		input["image"] = d.image
	case d.repo.said():
		if d.repo.ref != "" {
			input["ref"] = d.repo.ref
		}
	default:
		input["artifactId"], err = d.send(ctx, c, l.ServiceID)
	}
	if err != nil {
		return err
	}
	var out struct {
		Deploy struct{ Deployment deploymentView }
	}
	if err := c.Do(ctx, `mutation($input:DeployInput!){deploy(input:$input){deployment{`+deploymentFields+`}}}`, client.Variables{"input": input}, &out); err != nil {
		return err
	}
	return d.watch(ctx, c, d.out, out.Deploy.Deployment, d.detach)
}

// watch shows a deployment until it ended, and returns what that means.
func (s *session) watch(ctx context.Context, c *client.Client, out io.Writer, first deploymentView, detach bool) error {
	if detach {
		if s.json {
			return s.emit(out, first)
		}
		fmt.Fprintf(out, "Deployment #%d (%s) was requested. Look after it with \"davit status\".\n", first.Number, first.ID)
		return nil
	}
	show := s.display(out)
	last, err := followDeployment(ctx, c, first.ID, show.state)
	show.end()
	if err != nil && ctx.Err() != nil {
		return fault.New(fault.Canceled, "Deployment #%d goes on.", first.Number).
			WithHint("Cancel it with \"davit cancel %s\", look after it with \"davit status\".", first.ID)
	}
	if err != nil {
		return err
	}
	if !s.json {
		explain(out, last)
	}
	return outcome(last)
}
