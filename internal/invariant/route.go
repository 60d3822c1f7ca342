package invariant

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/proxy"
)

// The promises about the proxy.
const (
	routesRows = "The proxy routes as the rows say."
	servesRows = "The proxy sends requests to the replicas that the rows say, and to no others."
	savesRows  = "The proxy has saved what it routes, and would begin with that."
)

// table is a table of routes in words that can be compared: what each place, a
// label and a path, leads to.
type table map[string]string

func place(host, path string) string {
	label, _, _ := strings.Cut(host, ".") // the base domain is the server's business
	return label + cmp.Or(path, "/")
}

func leadsTo(instance, deployment, bundle string) string {
	return strings.Join([]string{instance, deployment, bundle}, " ")
}

func addresses(targets []netip.AddrPort) string {
	slices.SortFunc(targets, netip.AddrPort.Compare)
	return fmt.Sprint(slices.Compact(targets))
}

// wanted is the table of the rows, and where requests go by it.
func wanted(routes deploy.Routes) (t, targets table, err error) {
	t, targets = table{}, table{}
	for _, r := range routes.List {
		var to []netip.AddrPort
		for _, target := range r.Targets {
			addr, err := netip.ParseAddrPort(target.Addr)
			if err != nil {
				return nil, nil, fmt.Errorf("address of replica %s: %w", target.ReplicaID, err)
			}
			to = append(to, addr)
			targets[target.ReplicaID] = addr.String()
		}
		t[place(r.Label, r.Path)] = leadsTo(r.InstanceID, r.DeploymentID, r.Bundle) + " " + addresses(to)
	}
	return t, targets, nil
}

// routes compares what the proxy does, and what it has saved, with the rows.
func (c *Checker) routes(ctx context.Context) (n int, found []Finding, err error) {
	rows, err := c.verbs().Routes(ctx)
	if err != nil {
		return 0, nil, err
	}
	want, targets, err := wanted(rows)
	if err != nil {
		return 0, nil, err
	}
	stats, err := c.Proxy.Stats(ctx)
	if err != nil {
		return len(want), nil, err
	}
	saved, err := c.Proxy.Saved()
	if err != nil {
		return len(want), nil, err
	}
	short, routed := table{}, table{}
	for at, to := range want {
		short[at] = to[:strings.LastIndex(to, " [")]
	}
	for _, r := range stats.Routes {
		routed[place(r.Host, r.Path)] = leadsTo(r.Instance, r.Deployment, r.Bundle)
	}
	found = short.differ(routed, routesRows)
	sends := table{}
	for _, t := range stats.Targets {
		if !t.Draining {
			sends[t.ReplicaID] = t.Addr.String()
		}
	}
	found = append(found, targets.differ(sends, servesRows)...)
	return len(want), append(found, want.differ(written(saved), savesRows)...), nil
}

// written is the table that the proxy saved.
func written(saved proxy.Table) table {
	t := table{}
	for _, r := range saved.Routes {
		bundle := ""
		if r.Bundle != nil {
			bundle = r.Bundle.ID
		}
		var to []netip.AddrPort
		for _, target := range r.Targets {
			to = append(to, target.Addr)
		}
		t[place(r.Host, r.Path)] = leadsTo(r.Instance, r.Deployment, bundle) + " " + addresses(to)
	}
	return t
}

// differ lists where have is not as t.
func (t table) differ(have table, rule string) (found []Finding) {
	all := maps.Clone(t)
	maps.Copy(all, have)
	for at := range all {
		if t[at] != have[at] {
			found = append(found, Finding{
				Rule: rule, Object: at, Seen: fmt.Sprintf("The rows say %q, the proxy %q.", t[at], have[at]),
				Do: "Look at the server's log and at proxy.log: the table is pushed whenever it changes, and every five seconds.",
			})
		}
	}
	return found
}
