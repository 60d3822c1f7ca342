package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/spec"
)

// ensureLink returns the link of the directory. The first time it makes the
// project and the service, asking a person on a terminal about their names.
func (d *deployment) ensureLink(ctx context.Context, c *client.Client) (link, error) {
	l, ok, err := readLink(d.dir)
	if err != nil {
		return l, err
	}
	if ok {
		return l, l.check(d.server)
	}
	dir, err := filepath.Abs(d.dir)
	if err != nil {
		return l, err
	}
	project := cmp.Or(d.project, d.repo.name(), spec.Slugify(filepath.Base(dir)), "app")
	name := cmp.Or(d.name, "web")
	if !d.yes && !d.json && isTerminal(d.in) && isTerminal(d.out) {
		if project, name, err = d.ask(ctx, c, project, name, dir); err != nil {
			return l, err
		}
	}
	l = link{Server: d.server}
	if l.ProjectID, err = d.ensureProject(ctx, c, project); err != nil {
		return l, err
	}
	if err := d.ensureService(ctx, c, &l, project, name); err != nil {
		return l, err
	}
	return l, l.write(d.dir)
}

// ask lets a person change what is proposed: names that nobody has. It speaks
// to the server first, so that nobody answers in vain.
func (d *deployment) ask(ctx context.Context, c *client.Client, project, name, dir string) (string, string, error) {
	if _, err := d.findWorkspace(ctx, c); err != nil {
		return "", "", err
	}
	fmt.Fprintf(d.out, "%s is deployed for the first time, to %s.\n", d.dir, d.server)
	lines := bufio.NewReader(d.in)
	project, err := d.answer(lines, "Project", project)
	if err != nil {
		return "", "", err
	}
	if d.name == "" {
		if name, err = d.freeName(ctx, c, project, name, dir); err != nil {
			return "", "", err
		}
	}
	name, err = d.answer(lines, "Service", name)
	return project, name, err
}

// answer asks one question, and takes what is proposed for an empty line.
func (d *deployment) answer(lines *bufio.Reader, what, proposal string) (string, error) {
	fmt.Fprintf(d.out, "%s [%s]: ", what, proposal)
	line, err := lines.ReadString('\n')
	if err == io.EOF {
		fmt.Fprintln(d.out)
		return "", fault.New(fault.Canceled, "Nothing was deployed.")
	}
	if err != nil {
		return "", fmt.Errorf("read answer: %w", err)
	}
	return cmp.Or(strings.TrimSpace(line), proposal), nil
}

// freeName is a name that no service of a project has: the one that is
// proposed, else that of the directory or one like it.
func (d *deployment) freeName(ctx context.Context, c *client.Client, project, name, dir string) (string, error) {
	var found struct{ Project named }
	err := c.Do(ctx, `query($w:String!,$p:String!){project(workspace:$w,slug:$p){id slug}}`,
		client.Variables{"w": d.workspace, "p": spec.Slugify(project)}, &found)
	if fault.Is(err, fault.NotFound) {
		return name, nil // a new project has no services
	}
	if err != nil {
		return "", err
	}
	for _, name = range []string{name, cmp.Or(spec.Slugify(filepath.Base(dir)), name)} {
		var out struct {
			NameAvailable struct {
				Available  bool
				Suggestion *string
			}
		}
		err := c.Do(ctx, `query($n:String!,$p:ID!){nameAvailable(kind:SERVICE,name:$n,scopeId:$p){available suggestion}}`,
			client.Variables{"n": name, "p": found.Project.ID}, &out)
		if err != nil || out.NameAvailable.Available {
			return name, err
		}
		if s := out.NameAvailable.Suggestion; s != nil {
			name = *s
		}
	}
	return name, nil
}

// findWorkspace returns the id of the workspace.
func (d *deployment) findWorkspace(ctx context.Context, c *client.Client) (string, error) {
	var owner struct{ Workspace named }
	err := c.Do(ctx, `query($w:String!){workspace(slug:$w){id slug}}`, client.Variables{"w": d.workspace}, &owner)
	if fault.Is(err, fault.NotFound) {
		return "", noWorkspace(d.workspace)
	}
	return owner.Workspace.ID, err
}

// ensureProject returns the id of a project, which it makes if it is missing.
func (d *deployment) ensureProject(ctx context.Context, c *client.Client, name string) (string, error) {
	slug := spec.Slugify(name)
	var found struct{ Project named }
	err := c.Do(ctx, `query($w:String!,$p:String!){project(workspace:$w,slug:$p){id slug}}`, client.Variables{"w": d.workspace, "p": slug}, &found)
	if !fault.Is(err, fault.NotFound) {
		return found.Project.ID, err
	}
	owner, err := d.findWorkspace(ctx, c)
	if err != nil {
		return "", err
	}
	var made struct{ CreateProject struct{ Project named } }
	err = c.Do(ctx, `mutation($input:CreateProjectInput!){createProject(input:$input){project{id slug}}}`,
		client.Variables{"input": client.Variables{"workspaceId": owner, "name": name, "slug": slug}}, &made)
	return made.CreateProject.Project.ID, err
}

// ensureService links to the service of a name, which it makes if it is
// missing. One that is there is taken only if it was named: nobody deploys
// over another's service by chance.
func (d *deployment) ensureService(ctx context.Context, c *client.Client, l *link, project, name string) error {
	type service struct {
		ID        string
		Kind      spec.Kind
		Instances []struct {
			ID          string
			Environment struct{ Kind spec.EnvironmentKind }
		}
	}
	const fields = `id kind instances{id environment{kind}}`
	var found struct{ Service *service }
	err := c.Do(ctx, `query($w:String!,$p:String!,$s:String!){service(workspace:$w,project:$p,slug:$s){`+fields+`}}`,
		client.Variables{"w": d.workspace, "p": spec.Slugify(project), "s": spec.Slugify(name)}, &found)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	svc := found.Service
	if svc != nil && d.name == "" {
		return fault.New(fault.NameTaken, "Project %s has a service %s already, and this directory is not known to be it.", project, name).
			WithHint("To deploy to it, say --project %s --name %s; otherwise choose other names.", project, name)
	}
	if svc == nil {
		source := client.Variables{"upload": client.Variables{}}
		if d.image != "" {
			source = client.Variables{"image": client.Variables{"image": d.image}}
		}
		input := client.Variables{"projectId": l.ProjectID, "name": name, "source": source, "deploy": false}
		if d.static {
			input["kind"] = spec.StaticSite
		}
		if d.output != "" {
			input["settings"] = client.Variables{"outputDirectory": d.output}
		}
		if d.cron != "" {
			input["kind"], input["settings"] = spec.Cron, d.schedule()
		}
		var made struct{ CreateService struct{ Service service } }
		err := c.Do(ctx, `mutation($input:CreateServiceInput!){createService(input:$input){service{`+fields+`}}}`,
			client.Variables{"input": input}, &made)
		if err != nil {
			return err
		}
		svc = &made.CreateService.Service
	}
	if d.static && svc.Kind != spec.StaticSite {
		return fault.New(fault.Conflict, "Service %s is no static site, and cannot become one by --static.", name).
			WithHint("Choose another name with --name, or set its builder to STATIC.")
	}
	l.ServiceID = svc.ID
	for _, i := range svc.Instances {
		if l.InstanceID == "" || i.Environment.Kind == spec.Production {
			l.InstanceID = i.ID
		}
	}
	if l.InstanceID == "" {
		return fault.New(fault.Conflict, "Service %s has no environment to deploy to.", name)
	}
	return nil
}

// schedule are the settings of a cron service.
func (d *deployment) schedule() client.Variables {
	settings := client.Variables{"cron": d.cron}
	if d.timeZone != "" {
		settings["timeZone"] = d.timeZone
	}
	return settings
}
