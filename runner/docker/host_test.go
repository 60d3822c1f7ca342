package docker_test

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/davitdev/davit/runner"
	"github.com/davitdev/davit/runner/docker"
)

// place is an engine with a network, for tests of one container after the
// other.
type place struct {
	*docker.Engine
	t       *testing.T
	api     *client.Client
	network string
}

func newPlace(t *testing.T, change ...func(*docker.Options)) *place {
	t.Helper()
	api := engine(t)
	installation := "docker-" + strings.ToLower(regexp.MustCompile(`[^A-Za-z]`).ReplaceAllString(t.Name(), ""))
	installation = installation[:min(len(installation), 60)]
	p := &place{Engine: newEngine(t, installation, change...), t: t, api: api, network: installation}
	t.Cleanup(func() { sweep(t, api, installation) })
	if _, err := p.EnsureNetwork(t.Context(), p.network); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.RemoveNetwork(context.WithoutCancel(t.Context()), p.network); err != nil {
			t.Error(err)
		}
	})
	return p
}

// run creates and starts a container; it returns its name.
func (p *place) run(spec runner.Spec) string {
	p.t.Helper()
	spec.Network = p.network
	if spec.Name == "" {
		spec.Name = p.network
	}
	if _, err := p.Create(p.t.Context(), spec); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		if err := p.Remove(context.WithoutCancel(p.t.Context()), spec.Name); err != nil {
			p.t.Error(err)
		}
	})
	if err := p.Start(p.t.Context(), spec.Name); err != nil {
		p.t.Fatal(err)
	}
	return spec.Name
}

// ended waits for the container's end.
func (p *place) ended(name string) runner.Container {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 30*time.Second)
	defer cancel()
	var c runner.Container
	err := runner.WaitHealthy(ctx, runner.Pace{}, func(ctx context.Context) (err error) {
		if c, err = p.Inspect(ctx, name); err == nil && c.State != runner.Exited {
			err = runner.ErrInUse
		}
		return err
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

// toolImage is an image of testdata/tool.
func (p *place) toolImage(settings ...string) string {
	p.t.Helper()
	return importImage(p.t, p.api, "", map[string][]byte{"tool": program(p.t, "testdata/tool")}, append(settings, `CMD ["/tool", "sleep"]`)...)
}

// What a container may do is what is written here and nothing else: a new
// field of the engine's cannot be set without showing up.
func TestHostConfigIsTheAllowList(t *testing.T) {
	p := newPlace(t)
	name := p.run(runner.Spec{Image: p.toolImage(), Memory: 96 << 20, CPUMillis: 250, Pids: 50})
	res, err := p.api.ContainerInspect(t.Context(), name, client.ContainerInspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	h := res.Container.HostConfig
	for what, set := range map[string]int{
		"binds": len(h.Binds), "mounts": len(h.Mounts), "volumes from": len(h.VolumesFrom), "devices": len(h.Devices),
		"device requests": len(h.DeviceRequests), "device rules": len(h.DeviceCgroupRules), "groups": len(h.GroupAdd),
		"links": len(h.Links), "extra hosts": len(h.ExtraHosts), "ports": len(h.PortBindings), "sysctls": len(h.Sysctls),
	} {
		if set > 0 {
			t.Errorf("%s are set: %+v", what, h)
		}
	}
	if h.Privileged || h.PublishAllPorts || h.AutoRemove || h.PidMode != "" || h.UTSMode != "" || h.UsernsMode != "" || h.CgroupParent != "" {
		t.Errorf("%+v", h)
	}
	got := map[string]any{
		"ipc": h.IpcMode, "restart": h.RestartPolicy.Name, "security": h.SecurityOpt, "drop": h.CapDrop, "add": h.CapAdd,
		"memory": h.Memory, "swap": h.MemorySwap, "cpus": h.NanoCPUs, "pids": *h.PidsLimit, "init": *h.Init, "log": h.LogConfig,
	}
	want := map[string]any{
		"ipc": container.IPCModePrivate, "restart": container.RestartPolicyDisabled, "security": []string{"no-new-privileges"},
		"drop":   []string{"ALL"},
		"add":    []string{"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_SETGID", "CAP_SETUID"},
		"memory": int64(96 << 20), "swap": int64(96 << 20), "cpus": int64(250_000_000), "pids": int64(50), "init": true,
		"log": container.LogConfig{Type: "json-file", Config: map[string]string{
			"max-size": "67108864", "max-file": "4", "mode": "blocking", "compress": "false",
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestWithoutLimitsTheDefaultsHold(t *testing.T) {
	p := newPlace(t, func(o *docker.Options) { o.CPUMillis = 1_000_000 })
	name := p.run(runner.Spec{Image: p.toolImage()})
	res, err := p.api.ContainerInspect(t.Context(), name, client.ContainerInspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	info, err := p.api.Info(t.Context(), client.InfoOptions{})
	if err != nil {
		t.Fatal(err)
	}
	h := res.Container.HostConfig
	if h.Memory != 512<<20 || *h.PidsLimit != 1024 || h.NanoCPUs != int64(info.Info.NCPU)*1e9 {
		t.Errorf("memory %d, pids %d, cpus %d", h.Memory, *h.PidsLimit, h.NanoCPUs)
	}
}

// The kernel has the last word on what a process may do.
func TestPrivilegesAsTheKernelSeesThem(t *testing.T) {
	const (
		chown, dacOverride, fowner, kill, setgid, setuid, bind = 1 << 0, 1 << 1, 1 << 3, 1 << 5, 1 << 6, 1 << 7, 1 << 10
		root                                                   = chown | dacOverride | fowner | kill | setgid | setuid | bind
	)
	tests := map[string]struct {
		user          string
		effective     uint64
		bounding, uid string
	}{
		"root keeps what it needs to step down": {"0", root, "", "0"},
		"anybody else keeps nothing":            {"1000:1000", 0, "0000000000000000", "1000"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			c := p.run(runner.Spec{Image: p.toolImage("USER " + tt.user), Command: []string{"/tool", "cat", "/proc/self/status"}})
			p.ended(c)
			status := map[string]string{}
			for _, line := range p.text(c, runner.Position{}) {
				if k, v, ok := strings.Cut(line, ":"); ok {
					status[k] = strings.TrimSpace(v)
				}
			}
			if status["NoNewPrivs"] != "1" || status["Seccomp"] != "2" || strings.Fields(status["Uid"])[0] != tt.uid {
				t.Errorf("%v", status)
			}
			if tt.bounding != "" && status["CapBnd"] != tt.bounding {
				t.Errorf("it could regain %s", status["CapBnd"])
			}
			if got := status["CapEff"]; got != hex16(tt.effective) {
				t.Errorf("effective %s, want %s", got, hex16(tt.effective))
			}
		})
	}
}

func TestAnonymousVolumesGoWithTheContainer(t *testing.T) {
	p := newPlace(t)
	name := p.run(runner.Spec{Image: p.toolImage(`VOLUME ["/data"]`)})
	res, err := p.api.ContainerInspect(t.Context(), name, client.ContainerInspectOptions{})
	if err != nil || len(res.Container.Mounts) != 1 {
		t.Fatalf("%+v, %v", res.Container.Mounts, err)
	}
	if err := p.Remove(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	if v, err := p.api.VolumeInspect(t.Context(), res.Container.Mounts[0].Name, client.VolumeInspectOptions{}); err == nil {
		t.Errorf("volume %s is still there", v.Volume.Name)
	}
}

// A container somebody runs by hand from an image that was built here has the
// label of the installation, but is not ours.
func TestAnInheritedLabelDoesNotMakeAContainerOurs(t *testing.T) {
	p := newPlace(t)
	img := p.toolImage("LABEL davit.installation=" + p.network + " davit.name=by-image")
	ctx := t.Context()
	made, err := p.api.ContainerCreate(ctx, client.ContainerCreateOptions{Name: p.network + "-by-hand", Image: img})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = p.api.ContainerRemove(context.WithoutCancel(ctx), made.ID, client.ContainerRemoveOptions{Force: true})
	})
	if list, err := p.List(ctx); err != nil || len(list) > 0 {
		t.Errorf("List: %+v, %v", list, err)
	}
	for _, name := range []string{p.network + "-by-hand", made.ID[:12], "by-image"} {
		if err := p.Remove(ctx, name); err != nil {
			t.Errorf("Remove: %v", err)
		}
	}
	if _, err := p.api.ContainerInspect(ctx, made.ID, client.ContainerInspectOptions{}); err != nil {
		t.Errorf("it is gone: %v", err)
	}
}

func TestPublishedOnLoopback(t *testing.T) {
	p := newPlace(t, func(o *docker.Options) { o.PublishLoopback = true })
	n, err := p.EnsureNetwork(t.Context(), p.network)
	if err != nil || n.Gateway.IsValid() {
		t.Errorf("network %+v, %v: its gateway is not this host", n, err)
	}
	name := p.run(runner.Spec{Image: appImage(t, p.api), Port: 8080})
	c, err := p.Inspect(t.Context(), name)
	if err != nil || !c.Addr.Addr().IsLoopback() || c.Addr.Port() == 8080 {
		t.Fatalf("%+v, %v", c, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	err = runner.WaitHealthy(ctx, runner.Pace{}, func(ctx context.Context) error {
		return runner.Probe(ctx, runner.Check{Path: "/healthz"}, c.Addr)
	})
	if err != nil {
		t.Error(err)
	}
}

// A container's names are those of the servers it was given.
func TestNameServers(t *testing.T) {
	p := newPlace(t)
	n, err := p.EnsureNetwork(t.Context(), p.network)
	if err != nil {
		t.Fatal(err)
	}
	name := p.run(runner.Spec{Image: p.toolImage(), Names: []addr{n.Gateway}})
	res, err := p.api.ContainerInspect(t.Context(), name, client.ContainerInspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := res.Container.HostConfig.DNS; len(got) != 1 || got[0] != n.Gateway {
		t.Errorf("DNS %v, want %v", got, n.Gateway)
	}
}
