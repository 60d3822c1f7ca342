package e2e

import (
	"context"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/moby/moby/client"
)

// engine looks at the Docker engine past Davit, for what one installation has
// in it.
type engine struct {
	t     *testing.T
	api   *client.Client
	label string
}

func newEngine(t *testing.T, installation string) engine {
	t.Helper()
	api, err := client.New(client.WithHost(os.Getenv("DOCKER_HOST")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { api.Close() })
	return engine{t: t, api: api, label: "davit.installation=" + installation}
}

func (e engine) filter() client.Filters { return make(client.Filters).Add("label", e.label) }

// containers lists the containers, each as "NAME STATE".
func (e engine) containers(ctx context.Context) []string {
	e.t.Helper()
	list, err := e.api.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: e.filter()})
	if err != nil {
		e.t.Errorf("list containers: %v", err)
		return nil
	}
	var out []string
	for _, c := range list.Items {
		out = append(out, strings.TrimPrefix(c.Names[0], "/")+" "+string(c.State))
	}
	return out
}

// all lists everything: containers, networks, images and volumes.
func (e engine) all(ctx context.Context) []string {
	e.t.Helper()
	out := e.containers(ctx)
	networks, err := e.api.NetworkList(ctx, client.NetworkListOptions{Filters: e.filter()})
	if err != nil {
		e.t.Errorf("list networks: %v", err)
	}
	for _, n := range networks.Items {
		out = append(out, "network "+n.Name)
	}
	for _, i := range e.images(ctx) {
		out = append(out, "image "+i)
	}
	volumes, err := e.api.VolumeList(ctx, client.VolumeListOptions{Filters: e.filter()})
	if err != nil {
		e.t.Errorf("list volumes: %v", err)
	}
	for _, v := range volumes.Items {
		out = append(out, "volume "+v.Name)
	}
	return out
}

// images lists the images that were built, each by its id.
func (e engine) images(ctx context.Context) []string {
	e.t.Helper()
	images, err := e.api.ImageList(ctx, client.ImageListOptions{Filters: e.filter()})
	if err != nil {
		e.t.Errorf("list images: %v", err)
	}
	var out []string
	for _, i := range images.Items {
		out = append(out, i.ID)
	}
	return out
}

// built is the image that a deployment built, as docker save writes it: its
// layers, configuration and history.
func (e engine) built(ctx context.Context, deployment string) []byte {
	e.t.Helper()
	list, err := e.api.ImageList(ctx, client.ImageListOptions{Filters: e.filter().Add("label", "davit.deployment="+deployment)})
	if err != nil || len(list.Items) != 1 {
		e.t.Fatalf("it has %d images: %v", len(list.Items), err)
	}
	archive, err := e.api.ImageSave(ctx, []string{list.Items[0].ID})
	if err != nil {
		e.t.Fatal(err)
	}
	defer archive.Close()
	data, err := io.ReadAll(archive)
	if err != nil {
		e.t.Fatal(err)
	}
	return data
}

// remove takes a container away behind Davit's back.
func (e engine) remove(ctx context.Context, name string) {
	e.t.Helper()
	if _, err := e.api.ContainerRemove(ctx, name, client.ContainerRemoveOptions{Force: true}); err != nil {
		e.t.Errorf("remove container: %v", err)
	}
}

// clear removes what a failed test left.
func (e engine) clear(ctx context.Context) {
	e.t.Helper()
	for _, c := range e.containers(ctx) {
		name, _, _ := strings.Cut(c, " ")
		e.remove(ctx, name)
	}
	networks, err := e.api.NetworkList(ctx, client.NetworkListOptions{Filters: e.filter()})
	if err != nil {
		e.t.Errorf("list networks: %v", err)
	}
	for _, n := range networks.Items {
		_, _ = e.api.NetworkRemove(ctx, n.ID, client.NetworkRemoveOptions{})
	}
	for _, i := range e.images(ctx) {
		_, _ = e.api.ImageRemove(ctx, i, client.ImageRemoveOptions{Force: true, PruneChildren: true})
	}
}

// untag removes a name of an image.
func (e engine) untag(ctx context.Context, ref string) {
	_, _ = e.api.ImageRemove(ctx, ref, client.ImageRemoveOptions{}) // it may never have been pulled
}
