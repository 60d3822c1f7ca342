package proxy

import (
	"net/netip"
	"strings"

	"github.com/davitdev/davit/internal/fault"
)

// Table is everything the proxy needs to know. It is pushed whole and takes
// the place of the one before; nothing in it is changed afterwards.
type Table struct {
	// Installation is the id of the control plane's database. Versions are
	// compared only within one installation: data that was set up anew
	// starts again at 1.
	Installation string  `json:"installation"`
	Version      int64   `json:"version"` // from 1 on, higher with every change
	Routes       []Route `json:"routes"`
	Zones        []Zone  `json:"zones,omitempty"`
}

// Route sends the requests for a host and a path to one instance.
type Route struct {
	// Host is compared without case, port and trailing dot.
	Host string `json:"host"`
	// Path is a prefix of whole segments of the decoded path: "/api" covers
	// /api and /api/x, not /apix. "" means "/". The longest one wins.
	Path       string `json:"path,omitempty"`
	Instance   string `json:"instance,omitempty"`   // id, for Stats
	Deployment string `json:"deployment,omitempty"` // id, sent as X-Davit-Deployment
	// Targets serve the route. Without any, and without a bundle, a page says
	// what State means.
	Targets []Target `json:"targets,omitempty"`
	// Bundle serves the route instead of targets.
	Bundle *Bundle `json:"bundle,omitempty"`
	State  State   `json:"state,omitempty"`
}

// Target is one replica. Both fields together are its identity: an address
// that returns with another replica is another target, which shares no
// connection and no request with the one before.
type Target struct {
	Addr      netip.AddrPort `json:"addr"`
	ReplicaID string         `json:"replica"`
}

// State says why a route has no targets. An unknown state is shown as an app
// that is not available.
type State string

// The states.
const (
	NotDeployed State = "NOT_DEPLOYED"
	Starting    State = "STARTING"
	Stopped     State = "STOPPED"
	Crashed     State = "CRASHED"
)

// Zone is the name server of one environment's network.
type Zone struct {
	// Listen is the host's address in the network, usually with port 53.
	// Questions are answered only to senders inside the subnet that the
	// host's interface has at this address.
	Listen netip.AddrPort `json:"listen"`
	// Names maps a name to its healthy replicas. It is asked for as
	// <name>.internal or, if it has one label, as <name>. A name without
	// addresses exists and has none.
	Names map[string][]netip.Addr `json:"names"`
}

// Limits of a table; what is over them is refused.
const (
	maxHost  = 253 // characters, RFC 1035
	maxTable = 16 << 20
)

// Validate reports the first thing in t that cannot be served, as
// fault.Invalid with the field's path.
func (t *Table) Validate() error {
	if t.Version < 1 {
		return fault.At("version", fault.Invalid, "A table has a version from 1 on, not %d.", t.Version)
	}
	type place struct{ host, path string }
	seen := make(map[place]bool, len(t.Routes))
	for i := range t.Routes {
		r := &t.Routes[i]
		p := place{canonicalHost(r.Host), canonicalPath(r.Path)}
		switch {
		case p.host == "" || strings.ContainsAny(p.host, "/ \t\r\n"):
			return fault.At("routes.host", fault.Invalid, "%q is no host name.", r.Host)
		case p.path[0] != '/':
			return fault.At("routes.path", fault.Invalid, "The path %q of %s does not begin with a slash.", r.Path, r.Host)
		case seen[p]:
			return fault.At("routes", fault.Invalid, "%s%s has two routes.", p.host, p.path)
		case !isToken(r.Deployment):
			return fault.At("routes.deployment", fault.Invalid, "%q is no id.", r.Deployment)
		}
		seen[p] = true
		if err := r.Bundle.validate(r); err != nil {
			return err
		}
		for _, tg := range r.Targets {
			if !tg.Addr.IsValid() || tg.Addr.Port() == 0 {
				return fault.At("routes.targets", fault.Invalid, "A target of %s has no address.", r.Host)
			}
		}
	}
	zones := make(map[netip.AddrPort]bool, len(t.Zones))
	for _, z := range t.Zones {
		if !z.Listen.IsValid() || zones[z.Listen] {
			return fault.At("zones.listen", fault.Invalid, "%s is no address for one zone.", z.Listen)
		}
		zones[z.Listen] = true
	}
	return nil
}

// isToken reports whether s can stand in a header: printable ASCII without
// blanks.
func isToken(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}
