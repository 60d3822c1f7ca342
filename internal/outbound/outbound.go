// Package outbound is how Davit reaches the hosts that people name: git
// servers, sources of builds, webhooks. Whoever may name a host could otherwise
// reach what only this machine can: its loopback, its network, the metadata
// service of its cloud.
package outbound

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/davitdev/davit/internal/fault"
)

// reserved are the ranges that are neither public nor covered by a method of
// netip.Addr: shared address space, protocol assignments, documentation,
// benchmarks, the future, and prefixes that carry an IPv4 address inside.
var reserved = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("::/96"), netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("100::/64"),
	netip.MustParsePrefix("2001::/32"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("fec0::/10"),
}

// Policy says which hosts may be reached. The zero value allows public ones.
type Policy struct {
	// AllowPrivate allows every address, those of this machine included.
	AllowPrivate bool
}

// Resolve returns the addresses of a host, which is a name or an address. It
// fails with SOURCE_FORBIDDEN if there is none or one of them may not be
// reached, and with UNAVAILABLE while the name cannot be looked up. Whoever
// connects dials what it returned: a second look-up could answer otherwise.
func (p Policy) Resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if _, err := netip.ParseAddr(host); err != nil && endsInNumber(host) {
		return nil, fault.New(fault.SourceForbidden, "The host %q is a number, and no address.", host).
			WithHint("Write an IPv4 address as four decimal numbers, such as 192.0.2.1.")
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if gone, ok := errors.AsType[*net.DNSError](err); ok && !gone.IsNotFound {
		return nil, fault.Wrap(err, fault.Unavailable, "The name of the host %q could not be looked up.", host)
	}
	if err != nil {
		return nil, fault.New(fault.SourceForbidden, "The host %q has no address.", host).
			WithHint("Check how it is written.").Because(err)
	}
	for i, a := range addrs {
		addrs[i] = a.Unmap()
		if !p.AllowPrivate && !public(a) {
			return nil, fault.New(fault.SourceForbidden, "The host %q is not a public one.", host).
				WithHint("Whoever runs this installation can allow it with --allow-private-networks.")
		}
	}
	return addrs, nil
}

// Allow fails like Resolve for a host that may not be reached.
func (p Policy) Allow(ctx context.Context, host string) error {
	_, err := p.Resolve(ctx, host)
	return err
}

// endsInNumber reports whether many a client takes a host for an IPv4 address
// (https://url.spec.whatwg.org/#ends-in-a-number-checker): 0x7f.1 is 127.0.0.1 to
// curl, and to us a name, which somebody's search domain may have.
func endsInNumber(host string) bool {
	host = strings.TrimSuffix(host, ".")
	last := host[strings.LastIndex(host, ".")+1:]
	if digits, hex := strings.CutPrefix(strings.ToLower(last), "0x"); hex {
		return strings.Trim(digits, "0123456789abcdef") == ""
	}
	return last != "" && strings.Trim(last, "0123456789") == ""
}

func public(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return a.IsGlobalUnicast() && !a.IsPrivate() && !a.IsLoopback() && !a.IsLinkLocalUnicast() &&
		!slices.ContainsFunc(reserved, func(p netip.Prefix) bool { return p.Contains(a) })
}
