package build

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"

	"github.com/davitdev/davit/internal/fault"
)

// reserved are the ranges that are neither public nor covered by a method of
// netip.Addr: shared address space, protocol assignments, documentation,
// benchmarks, the future, and prefixes that carry an IPv4 address inside.
var reserved = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("100::/64"),
	netip.MustParsePrefix("2001::/32"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("fec0::/10"),
}

// PublicHost is for BuildKit.AllowHost: it fails with SOURCE_FORBIDDEN for a
// host that has an address which is not public, and UNAVAILABLE while its name
// cannot be looked up.
func PublicHost(ctx context.Context, host string) error {
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if gone, ok := errors.AsType[*net.DNSError](err); ok && !gone.IsNotFound {
		return fault.Wrap(err, fault.Unavailable, "The name of the host %q could not be looked up.", host)
	}
	if err != nil {
		return fault.Wrap(err, fault.SourceForbidden, "The host %q has no address.", host)
	}
	for _, a := range addrs {
		if !public(a) {
			return fault.New(fault.SourceForbidden, "The host %q is not a public one.", host)
		}
	}
	return nil
}

func public(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return a.IsGlobalUnicast() && !a.IsPrivate() && !a.IsLoopback() && !a.IsLinkLocalUnicast() &&
		!slices.ContainsFunc(reserved, func(p netip.Prefix) bool { return p.Contains(a) })
}
