package docker

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func prefixes(list ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

func TestFreeSubnet(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name  string
		all   string
		size  int
		taken []netip.Prefix
		want  string // "" if none is free
	}{
		{"the first of an empty range", "10.201.0.0/16", 25, nil, "10.201.0.0/25"},
		{"the first gap", "10.201.0.0/16", 25, prefixes("10.201.0.0/25", "10.201.1.0/25"), "10.201.0.128/25"},
		{"a larger one beside it is left alone", "10.201.0.0/16", 25, prefixes("10.201.0.0/17"), "10.201.128.0/25"},
		{"a smaller one inside it is left alone", "10.201.0.0/16", 25, prefixes("10.201.0.77/32"), "10.201.0.128/25"},
		{"others do not matter", "10.201.0.0/16", 25, prefixes("10.200.0.0/16", "fd00::/8"), "10.201.0.0/25"},
		{"the last one", "10.201.0.0/24", 25, prefixes("10.201.0.0/25"), "10.201.0.128/25"},
		{"a full range", "10.201.0.0/24", 25, prefixes("10.201.0.0/25", "10.201.0.200/32"), ""},
		{"a range inside a route", "10.201.0.0/16", 25, prefixes("10.0.0.0/8"), ""},
		{"a range that is one subnet", "10.201.7.0/24", 24, nil, "10.201.7.0/24"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, ok := freeSubnet(netip.MustParsePrefix(tt.all), tt.size, tt.taken)
			if ok != (tt.want != "") || ok && got.String() != tt.want {
				t.Errorf("%v, %t, want %q", got, ok, tt.want)
			}
		})
	}
}

func TestParseRoutes(t *testing.T) {
	t.Parallel()

	const table = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	010200C0	0003	0	0	0	00000000	0	0	0
eth0	000200C0	00000000	0001	0	0	0	00FFFFFF	0	0	0
tun0	0000C90A	00000000	0001	0	0	0	0000FFFF	0	0	0
bad	xyz	0	0	0	0	0	00FFFFFF
short	00
`
	want := prefixes("192.0.2.0/24", "10.201.0.0/16")
	if got := parseRoutes(strings.NewReader(table)); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()

	for name, o := range map[string]Options{
		"no installation":          {},
		"an installation to quote": {Installation: "a,b=c"},
		"IPv6":                     {Installation: "test", Subnets: netip.MustParsePrefix("fd00::/8")},
		"subnets over the range":   {Installation: "test", Subnets: netip.MustParsePrefix("10.0.0.0/24"), SubnetBits: 16},
		"subnets without room":     {Installation: "test", SubnetBits: 30},
		"an address of nothing":    {Installation: "test", Host: "nonsense"},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
