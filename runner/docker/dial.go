package docker

import (
	"context"
	"net"
)

// DialBuild connects to the engine's own BuildKit, which speaks HTTP/2 on the
// connection. Its signature fits buildkit's client.WithContextDialer but for
// the address.
func (e *Engine) DialBuild(ctx context.Context) (net.Conn, error) {
	return e.hijack(ctx, "/grpc", "h2c", nil)
}

// DialSession opens the connection over which the engine's BuildKit asks its
// client for sources and secrets; it fits buildkit's client.WithSessionDialer.
func (e *Engine) DialSession(ctx context.Context, proto string, meta map[string][]string) (net.Conn, error) {
	return e.hijack(ctx, "/session", proto, meta)
}

func (e *Engine) hijack(ctx context.Context, path, proto string, meta map[string][]string) (net.Conn, error) {
	ctx, cancel := e.answered(ctx, 0)
	defer cancel()
	s, err := e.connect(ctx)
	if err != nil {
		return nil, err
	}
	conn, err := s.api.DialHijack(ctx, path, proto, meta)
	if err != nil {
		return nil, e.fail(ctx, path, err)
	}
	return conn, nil
}
