package main

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/spec"
)

// repository is what was said of a git repository to deploy.
type repository struct {
	url, ref, root string
	deployKey      bool
	token          string
}

func (r *repository) flags(f *pflag.FlagSet, getenv func(string) string) {
	f.StringVar(&r.url, "git", "", "deploy this git repository; a token for a private one is read from $DAVIT_GIT_TOKEN")
	f.StringVar(&r.ref, "ref", "", "branch, tag or commit of the repository (its default branch if absent)")
	f.StringVar(&r.root, "root", "", "directory of the repository to build")
	f.BoolVar(&r.deployKey, "deploy-key", false, "make a key for a private repository reached by ssh, and show what to add there")
	r.token = getenv("DAVIT_GIT_TOKEN")
}

// said reports whether a repository is deployed, and no directory.
func (r *repository) said() bool { return r.url != "" || r.ref != "" }

func (r *repository) check() error {
	if r.url == "" {
		return nil
	}
	return spec.GitSource{Repository: r.url, Ref: r.ref, RootDirectory: r.root}.Check("git")
}

// name is a project's name for the repository, "" without one.
func (r *repository) name() string {
	parsed, err := spec.ParseRepository("git", r.url)
	if err != nil {
		return ""
	}
	return spec.Slugify(parsed.Name())
}

// become makes the repository the source of a service. It returns the public
// half of the deploy key that was made, if one was asked for.
func (r *repository) become(ctx context.Context, c *client.Client, serviceID string) (key string, err error) {
	git := client.GitSourceInput{Repository: r.url, GenerateDeployKey: r.deployKey, Ref: said(r.ref), RootDirectory: said(r.root)}
	if parsed, err := spec.ParseRepository("git", r.url); err == nil && parsed.Scheme != "ssh" {
		git.Token = said(r.token)
	}
	out, err := client.UseRepository(ctx, c, serviceID, git)
	if err != nil || !r.deployKey {
		return "", err
	}
	source, ok := out.UpdateService.Service.Source.(*client.RepositorySourceGitSource)
	if ok && source.Credential != nil && source.Credential.PublicKey != nil {
		return *source.Credential.PublicKey, nil
	}
	return "", fault.New(fault.Internal, "The server made no deploy key.")
}

// showKey says what to do with the public half of a deploy key.
func (d *deployment) showKey(key string) error {
	if key == "" {
		return nil
	}
	if d.json {
		return d.emit(d.out, map[string]string{"publicKey": key})
	}
	ref := ""
	if d.repo.ref != "" {
		ref = " --ref " + d.repo.ref
	}
	_, err := fmt.Fprintf(d.out, "Add this deploy key to %s, for reading only:\n\n  %s\n\nThen: davit deploy --git %s%s\n", d.repo.url, key, d.repo.url, ref)
	return err
}
