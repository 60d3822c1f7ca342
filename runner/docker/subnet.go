package docker

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/bits"
	"net"
	"net/netip"
	"os"
	"strings"
)

// freeSubnet returns the first subnet of the size bits in all that overlaps
// none of taken.
func freeSubnet(all netip.Prefix, size int, taken []netip.Prefix) (netip.Prefix, bool) {
	first := binary.BigEndian.Uint32(all.Addr().AsSlice())
	step := uint32(1) << (32 - size)
next:
	for i := range uint32(1) << (size - all.Bits()) {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], first+i*step)
		candidate := netip.PrefixFrom(netip.AddrFrom4(b), size)
		for _, t := range taken {
			if t.IsValid() && t.Overlaps(candidate) {
				continue next
			}
		}
		return candidate, true
	}
	return netip.Prefix{}, false
}

// hostSubnets returns the IPv4 networks this machine has addresses in or
// routes to: a bridge over one of them would cut the machine off from it.
func hostSubnets() ([]netip.Prefix, error) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("addresses of this machine: %w", err)
	}
	var taken []netip.Prefix
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() {
			taken = append(taken, p.Masked())
		}
	}
	f, err := os.Open("/proc/net/route")
	if errors.Is(err, fs.ErrNotExist) { // not Linux: the engine is in a machine of its own
		return taken, nil
	}
	if err != nil {
		return nil, fmt.Errorf("routes of this machine: %w", err)
	}
	defer f.Close()
	return append(taken, parseRoutes(f)...), nil
}

// parseRoutes reads the destinations in /proc/net/route, without the default
// route, which leads everywhere.
func parseRoutes(r io.Reader) []netip.Prefix {
	var found []netip.Prefix
	for lines := bufio.NewScanner(r); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if len(f) < 8 {
			continue
		}
		dest, err1 := hex.DecodeString(f[1])
		mask, err2 := hex.DecodeString(f[7])
		if err1 != nil || err2 != nil || len(dest) != 4 || len(mask) != 4 {
			continue
		}
		size := bits.OnesCount32(binary.LittleEndian.Uint32(mask))
		if size > 0 {
			found = append(found, netip.PrefixFrom(netip.AddrFrom4([4]byte{dest[3], dest[2], dest[1], dest[0]}), size))
		}
	}
	return found
}
