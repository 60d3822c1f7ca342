package outbound

import (
	"context"
	"net/netip"
	"testing"

	"github.com/davitdev/davit/internal/fault"
)

func TestPublicAddresses(t *testing.T) {
	t.Parallel()

	for addr, want := range map[string]bool{
		"93.184.215.14": true, "2606:2800:21f:cb07:6820:80da:af6b:8b2c": true,
		"127.0.0.1": false, "127.8.8.8": false, "0.0.0.0": false, "0.1.2.3": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false,
		"169.254.169.254": false, "100.64.0.1": false, "192.0.0.1": false, "198.18.0.1": false, "224.0.0.1": false, "240.0.0.1": false, "255.255.255.255": false,
		"::": false, "::1": false, "fe80::1": false, "fe80::1%eth0": false, "fc00::1": false, "ff02::1": false, "::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false,
		"::127.0.0.1": false, "::10.0.0.1": false, "::93.184.215.14": false, "64:ff9b::7f00:1": false, "2002:7f00:1::": false, "2001::1": false, "2001:db8::1": false,
	} {
		if got := public(netip.MustParseAddr(addr)); got != want {
			t.Errorf("public(%s) = %t", addr, got)
		}
	}
}

func TestOurOwnHostsAreRefused(t *testing.T) {
	t.Parallel()

	for _, host := range []string{"127.0.0.1", "::1", "localhost", "169.254.169.254"} {
		if err := (Policy{}).Allow(t.Context(), host); !fault.Is(err, fault.SourceForbidden) {
			t.Errorf("Allow(%s) = %v", host, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (Policy{}).Allow(ctx, "name-that-must-be-looked-up.example"); err == nil {
		t.Error("a host that was not looked up is let through")
	}
}

// What looks them up takes them for names, and what connects for addresses.
func TestNumbersAreNoHosts(t *testing.T) {
	t.Parallel()

	for host, want := range map[string]bool{
		"0x7f.1": true, "0x7F000001": true, "2130706433": true, "017700000001": true, "127.1": true, "127.0.0.1.": true, "0177.0.0.1": true,
		"0x7f.1.": true, "example.0x": true, "example.1": true, "example.09": true, "1.2.3.4.5": true, "0X": true,
		"": false, ".": false, "example.com": false, "example.com.": false, "1.example": false, "0x7f.1.example.com": false, "a1": false,
		"example.0xg": false, "1a": false, "::1": false, "3com": false,
	} {
		if got := endsInNumber(host); got != want {
			t.Errorf("endsInNumber(%q) = %t", host, got)
		}
		if !want {
			continue
		}
		for _, p := range []Policy{{}, {AllowPrivate: true}} {
			if err := p.Allow(t.Context(), host); !fault.Is(err, fault.SourceForbidden) {
				t.Errorf("Allow(%q) with private ones %t: %v", host, p.AllowPrivate, err)
			}
		}
	}
	if err := (Policy{}).Allow(t.Context(), "93.184.215.14"); err != nil {
		t.Errorf("an address: %v", err)
	}
}

func TestWhoeverRunsItMayAllowEverything(t *testing.T) {
	t.Parallel()

	addrs, err := Policy{AllowPrivate: true}.Resolve(t.Context(), "::ffff:127.0.0.1")
	if err != nil || len(addrs) != 1 || addrs[0] != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("%v, %v", addrs, err)
	}
}
