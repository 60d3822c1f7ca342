package e2e

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/davitdev/davit/internal/ident"
)

// foreign makes what looks like ours in the engine and is not: containers of a
// present image and a network, without a label and of another installation.
// untouched fails the test unless all is as it was.
func (e engine) foreign(ctx context.Context, image string) (untouched func()) {
	e.t.Helper()
	other := map[string]string{"davit.installation": ident.New(ident.Installation)}
	names := []string{containerName(ident.Replica), containerName(ident.Replica)}
	for i, labels := range []map[string]string{nil, other} {
		_, err := e.api.ContainerCreate(ctx, client.ContainerCreateOptions{Name: names[i], Config: &container.Config{Image: image, Labels: labels}})
		if err == nil {
			_, err = e.api.ContainerStart(ctx, names[i], client.ContainerStartOptions{})
		}
		if err != nil {
			e.t.Fatalf("make a foreign container: %v", err)
		}
	}
	subnet := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 254, byte(os.Getpid()), 0}), 29)
	net := containerName(ident.Environment)
	if _, err := e.api.NetworkCreate(ctx, net, client.NetworkCreateOptions{
		Driver: "bridge", Labels: other, IPAM: &network.IPAM{Driver: "default", Config: []network.IPAMConfig{{Subnet: subnet}}},
	}); err != nil {
		e.t.Fatalf("make a foreign network: %v", err)
	}
	e.t.Cleanup(func() {
		ctx := context.WithoutCancel(ctx)
		for _, name := range names {
			e.remove(ctx, name)
		}
		if _, err := e.api.NetworkRemove(ctx, net, client.NetworkRemoveOptions{}); err != nil {
			e.t.Errorf("remove network: %v", err)
		}
	})
	look := func() string {
		var out []string
		for _, name := range names {
			c, err := e.api.ContainerInspect(ctx, name, client.ContainerInspectOptions{})
			if err != nil {
				out = append(out, err.Error())
				continue
			}
			out = append(out, fmt.Sprint(c.Container.ID, c.Container.State.Running, c.Container.State.StartedAt))
		}
		n, err := e.api.NetworkInspect(ctx, net, client.NetworkInspectOptions{})
		return strings.Join(append(out, fmt.Sprint(n.Network.ID, err)), "\n")
	}
	before := look()
	return func() {
		e.t.Helper()
		if now := look(); now != before {
			e.t.Errorf("what is not ours was touched: it was\n%s\nand is\n%s", before, now)
		}
	}
}

// containerName is a name as ours are.
func containerName(kind ident.Kind) string {
	return "davit-" + strings.ReplaceAll(ident.New(kind), "_", "-")
}
