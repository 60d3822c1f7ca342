package runner_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/davitdev/davit/runner"
)

func TestParseSockets(t *testing.T) {
	t.Parallel()

	const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0
   1: 00000000:0BB8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 100 0 0 10 0
   2: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 4713 1 0 100 0 0 10 0
   3: nonsense:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4714 1 0 100 0 0 10 0
   4: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 4715 1 0
   5: 0000000000000000FFFF00000100007F:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 4716 1 0
   6: 0A
`
	got := runner.ParseSockets(strings.NewReader(table))
	want := []runner.Socket{
		{netip.MustParseAddrPort("127.0.0.1:8080"), 4711},
		{netip.MustParseAddrPort("0.0.0.0:3000"), 4712},
		{netip.MustParseAddrPort("[::1]:8080"), 4715},
		{netip.MustParseAddrPort("127.0.0.1:80"), 4716},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestParseSocketsSeesARealOne(t *testing.T) {
	t.Parallel()

	addr := silent(t, nil)
	found, err := runner.ReadSockets("/proc/self")
	if err != nil {
		t.Skipf("no /proc here: %v", err)
	}
	for _, s := range found {
		if s.Addr == addr && s.Inode != 0 {
			return
		}
	}
	t.Errorf("%s is not listed", addr)
}

func TestAdvice(t *testing.T) {
	t.Parallel()

	at := func(list ...string) []netip.AddrPort {
		var out []netip.AddrPort
		for _, s := range list {
			out = append(out, netip.MustParseAddrPort(s))
		}
		return out
	}
	tests := []struct {
		name string
		in   runner.Listening
		want string
	}{
		{"nothing to say about what listens", runner.Listening{Port: 80, Sockets: at("127.0.0.1:80", "0.0.0.0:80")}, ""},
		{"loopback is fine where it is shared", runner.Listening{Port: 80, Loopback: true, Sockets: at("127.0.0.1:80")}, ""},
		{"loopback only", runner.Listening{Port: 80, Sockets: at("127.0.0.1:80", "[::1]:80", "0.0.0.0:81")}, "only at 127.0.0.1 and ::1"},
		{"other ports", runner.Listening{Port: 8080, Sockets: at("0.0.0.0:3000", "[::]:3000", "0.0.0.0:3001")}, "on port 3000 and 3001, but port 8080"},
		{"no port", runner.Listening{Port: 80}, "does not listen on any port"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := tt.in.Advice()
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("%q, want %q in it", got, tt.want)
			}
		})
	}
}
