package docker

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"

	"github.com/davitdev/davit/runner"
)

// rootCapabilities is what a container that starts as root keeps: enough for
// official images to prepare their directories, bind a low port and step down
// to a user of their own. One that starts as somebody else keeps none.
var rootCapabilities = []string{"CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID"}

// hostConfig is everything a container may do, in full: what is not named here
// is the engine's default, and nothing here comes from a user but the limits,
// the port and the name servers. There is no way to a path, a socket, a device
// or a namespace of the host.
//
// The restart policy is "no": Davit's reconciler restarts, so that a crash loop
// is seen, counted and backed off in one place.
func (e *Engine) hostConfig(s *session, spec runner.Spec, networkID, user string) *container.HostConfig {
	limit := func(v, standard int) int {
		if v == 0 {
			return standard
		}
		return v
	}
	memory := spec.Memory
	if memory == 0 {
		memory = e.opts.Memory
	}
	pids := int64(limit(spec.Pids, e.opts.Pids))
	// More cores than there are is an error for the engine, and no limit.
	millis := min(limit(spec.CPUMillis, e.opts.CPUMillis), s.cpus*1000)
	h := &container.HostConfig{
		NetworkMode:   container.NetworkMode(networkID),
		RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyDisabled},
		CapDrop:       []string{"ALL"},
		SecurityOpt:   []string{"no-new-privileges"},
		IpcMode:       container.IPCModePrivate,
		DNS:           spec.Names,
		LogConfig: container.LogConfig{
			Type: "json-file",
			// The daemon's own options would fill in what is missing here.
			Config: map[string]string{
				"max-size": strconv.FormatInt(e.opts.LogSize, 10),
				"max-file": strconv.Itoa(e.opts.LogFiles),
				"mode":     "blocking",
				"compress": "false",
			},
		},
		Resources: container.Resources{
			Memory:     memory,
			MemorySwap: memory, // the sum of both: no swap
			NanoCPUs:   int64(millis) * 1_000_000,
			PidsLimit:  &pids,
		},
	}
	if s.init {
		h.Init = &s.init
	}
	if isRoot(user) {
		h.CapAdd = rootCapabilities
	}
	if s.publish && spec.Port != 0 {
		h.PortBindings = network.PortMap{
			tcpPort(spec.Port): {{HostIP: netip.AddrFrom4([4]byte{127, 0, 0, 1})}},
		}
	}
	return h
}

// isRoot reads the user of an image, "name-or-uid[:group]".
func isRoot(user string) bool {
	name, _, _ := strings.Cut(user, ":")
	uid, err := strconv.Atoi(name)
	return name == "" || name == "root" || err == nil && uid == 0
}

func tcpPort(port int) network.Port {
	p, _ := network.PortFrom(uint16(port), network.TCP) // the only error is about the protocol
	return p
}
