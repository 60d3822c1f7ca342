package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/spec"
)

// ensureLink returns the link of the directory. The first time it makes the
// project and the service, asking a person on a terminal about their names. It
// makes nothing where the link to them cannot be kept.
func (d *deployment) ensureLink(ctx context.Context, c *client.Client) (link, error) {
	l, ok, err := readLink(d.dir)
	if err != nil {
		return l, err
	}
	if ok {
		return l, d.sameAs(ctx, c, l)
	}
	dir, err := filepath.Abs(d.dir)
	if err != nil {
		return l, err
	}
	if err := keepsLink(dir); err != nil {
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
	project, err := d.answer(ctx, lines, "Project", project)
	if err != nil {
		return "", "", err
	}
	if d.name == "" {
		if name, err = d.freeName(ctx, c, project, name, dir); err != nil {
			return "", "", err
		}
	}
	name, err = d.answer(ctx, lines, "Service", name)
	return project, name, err
}

// answer asks one question, and takes what is proposed for an empty line.
func (d *deployment) answer(ctx context.Context, lines *bufio.Reader, what, proposal string) (string, error) {
	line, err := askLine(ctx, lines, d.out, fmt.Sprintf("%s [%s]: ", what, proposal))
	if errors.Is(err, io.EOF) {
		return "", fault.New(fault.Canceled, "Nothing was deployed.")
	}
	if err != nil {
		return "", fmt.Errorf("read answer: %w", err)
	}
	return cmp.Or(line, proposal), nil
}

// freeName is a name that no service of a project has: the one that is
// proposed, else that of the directory or one like it.
func (d *deployment) freeName(ctx context.Context, c *client.Client, project, name, dir string) (string, error) {
	found, err := client.FindProject(ctx, c, d.workspace, spec.Slugify(project))
	if fault.Is(err, fault.NotFound) {
		return name, nil // a new project has no services
	}
	if err != nil {
		return "", err
	}
	for _, name = range []string{name, cmp.Or(spec.Slugify(filepath.Base(dir)), name)} {
		out, err := client.NameAvailable(ctx, c, found.Project.Id, name)
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
	owner, err := client.FindWorkspace(ctx, c, d.workspace)
	if fault.Is(err, fault.NotFound) {
		return "", noWorkspace(d.workspace)
	}
	return owner.Workspace.Id, err
}

// ensureProject returns the id of a project, which it makes if it is missing.
func (d *deployment) ensureProject(ctx context.Context, c *client.Client, name string) (string, error) {
	slug := spec.Slugify(name)
	found, err := client.FindProject(ctx, c, d.workspace, slug)
	if !fault.Is(err, fault.NotFound) {
		return found.Project.Id, err
	}
	owner, err := d.findWorkspace(ctx, c)
	if err != nil {
		return "", err
	}
	made, err := client.CreateProject(ctx, c, client.CreateProjectInput{WorkspaceId: owner, Name: name, Slug: &slug})
	return made.CreateProject.Project.Id, err
}

// ensureService links to the service of a name, which it makes if it is
// missing. One that is there is taken only if it was named: nobody deploys
// over another's service by chance.
func (d *deployment) ensureService(ctx context.Context, c *client.Client, l *link, project, name string) error {
	found, err := client.FindService(ctx, c, d.workspace, spec.Slugify(project), spec.Slugify(name))
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	svc := found.Service
	if err == nil && d.name == "" {
		return fault.New(fault.NameTaken, "Project %s has a service %s already, and this directory is not known to be it.", project, name).
			WithHint("To deploy to it, say --project %s --name %s; otherwise choose other names.", project, name)
	}
	if err != nil {
		made, err := client.CreateService(ctx, c, d.newService(l.ProjectID, name))
		if err != nil {
			return err
		}
		svc = made.CreateService.Service
	}
	if err := d.fits(svc.Kind, name); err != nil {
		return err
	}
	l.ServiceID = svc.Id
	for _, i := range svc.Instances {
		if l.InstanceID == "" || i.Environment.Kind == spec.Production {
			l.InstanceID = i.Id
		}
	}
	if l.InstanceID == "" {
		return fault.New(fault.Conflict, "Service %s has no environment to deploy to.", name)
	}
	return nil
}

// sameAs refuses a link to another server, workspace, project or service than was
// named, which would be deployed to in their place.
func (d *deployment) sameAs(ctx context.Context, c *client.Client, l link) error {
	if err := l.check(d.server); err != nil || d.project == "" && d.name == "" && !d.named && !d.static && d.cron == "" {
		return err
	}
	i, err := loadInstance(ctx, c, l.InstanceID)
	if err != nil {
		return err
	}
	svc := i.Service
	if d.project != "" && spec.Slugify(d.project) != svc.Project.Slug || d.name != "" && spec.Slugify(d.name) != svc.Slug {
		return fault.New(fault.Conflict, "This directory is deployed as service %s of project %s.", plain(svc.Slug), plain(svc.Project.Slug)).
			WithHint("Leave --project and --name away, or remove %s to deploy it as something else.", filepath.Join(d.dir, linkFile))
	}
	if d.named {
		there, err := client.FindProject(ctx, c, d.workspace, svc.Project.Slug)
		if fault.Is(err, fault.NotFound) || err == nil && there.Project.Id != l.ProjectID {
			return fault.New(fault.Conflict, "This directory is deployed to another workspace than %s.", plain(d.workspace)).
				WithHint("Leave --workspace away, or remove %s to deploy it there.", filepath.Join(d.dir, linkFile))
		}
		if err != nil {
			return err
		}
	}
	return d.fits(svc.Kind, svc.Slug)
}

// fits refuses a service of another kind than was said.
func (d *deployment) fits(kind spec.Kind, name string) error {
	switch {
	case d.static && kind != spec.StaticSite:
		return fault.New(fault.Conflict, "Service %s is no static site, and cannot become one by --static.", plain(name)).
			WithHint("Choose another name with --name, or set its builder to STATIC.")
	case d.cron != "" && kind != spec.Cron:
		return fault.New(fault.Conflict, "Service %s is no cron service, and cannot become one by --cron.", plain(name)).
			WithHint("Choose another name with --name.")
	}
	return nil
}

// newService is what was said of a service that is made.
func (d *deployment) newService(projectID, name string) client.CreateServiceInput {
	in := client.CreateServiceInput{
		ProjectId: projectID, Name: name, Kind: spec.Web, Replicas: 1,
		Source: client.ServiceSourceInput{Upload: &client.UploadSourceInput{}},
	}
	if d.image != "" {
		in.Source = client.ServiceSourceInput{Image: &client.ImageSourceInput{Image: d.image}}
	}
	switch {
	case d.static:
		in.Kind = spec.StaticSite
	case d.cron != "":
		in.Kind = spec.Cron
	}
	in.Settings = &client.ServiceSettingsInput{OutputDirectory: said(d.output), Cron: said(d.cron), TimeZone: said(d.timeZone)}
	return in
}
