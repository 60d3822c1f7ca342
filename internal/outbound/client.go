package outbound

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"
)

// dialTimeout is for one address, answerTimeout for the beginning of an answer.
const (
	dialTimeout   = 10 * time.Second
	answerTimeout = time.Minute
)

// Client is an http.Client that reaches the allowed hosts and no others, also by
// redirects, of which it follows ten. It connects to the addresses that it looked
// up, and uses no proxy: that would look the name up again. What it fails with
// wraps Resolve's error. It keeps no connections, so it needs no closing.
func (p Policy) Client() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: p.dial, DisableKeepAlives: true, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: dialTimeout, ResponseHeaderTimeout: answerTimeout,
	}}
}

// dial connects to one of the addresses of a host, the first that answers.
func (p Policy) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	addrs, err := p.Resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	d := net.Dialer{Timeout: dialTimeout}
	var failed []error
	for _, a := range addrs {
		c, err := d.DialContext(ctx, network, net.JoinHostPort(a.String(), port))
		if err == nil {
			return c, nil
		}
		failed = append(failed, err)
	}
	return nil, errors.Join(failed...)
}
