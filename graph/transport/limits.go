package transport

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// Limits bound what one client can hold of the server by websocket. Every
// field is required.
type Limits struct {
	Message      int64 // bytes of one message from the client
	Operations   int   // running at once on one socket
	Unsent       int64 // bytes of results that wait on one socket; then the peer is cut
	PerPrincipal int   // sockets of one principal
	PerAddress   int   // sockets of one address that nobody has signed in on

	InitTimeout  time.Duration // from the upgrade to connection_init
	KeepAlive    time.Duration // between pings; a peer silent for two of them is cut
	WriteTimeout time.Duration // for one message to leave; then the peer is cut
	Reconnect    time.Duration // over which clients spread their return after a restart
}

// DefaultLimits fit a console with many tabs behind one address.
func DefaultLimits() Limits {
	return Limits{
		Message:      256 << 10,
		Operations:   50,
		Unsent:       20 << 20, // more than one answer may have
		PerPrincipal: 50,
		PerAddress:   200,
		InitTimeout:  5 * time.Second,
		KeepAlive:    20 * time.Second,
		WriteTimeout: 10 * time.Second,
		Reconnect:    5 * time.Second,
	}
}

// SameOrigin allows what no browser sent, and pages that came from the host
// they call.
func SameOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && strings.EqualFold(u.Host, r.Host)
}

// PeerAddress is the address that r came from, for IPv6 the network of 64
// bits, which one client has to itself. Behind a proxy that is the proxy's.
func PeerAddress(r *http.Request) string {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	addr := peer.Addr().Unmap().WithZone("")
	if addr.Is6() {
		if network, err := addr.Prefix(64); err == nil {
			return network.String()
		}
	}
	return addr.String()
}
