//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/davitdev/davit/internal/config"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/proxy"
)

// checkPorts looks whether the API and the proxy listen, or could. Where the port
// of the API is that of a Davit server that answers, it is no intruder that listens
// there, nor is its proxy.
func checkPorts(ctx context.Context, c config.Config, server string) []check {
	held, serving, err := findHolder(c.Lock())
	api := check{Name: "API port"}
	switch {
	case err != nil:
		api.Verdict, api.Message = unknown, err.Error()
	case serving:
		api.Verdict, api.Message = sound, fmt.Sprintf("davit serve listens on %s (process %d).", held.Listen, held.PID)
	default:
		api = free(ctx, "API port", "--listen", c.Listen)
		if api.Verdict == broken && samePort(c.Listen, server) {
			api = check{"API port", sound, "The Davit server that answers listens on " + c.Listen + ", with another data directory than " + c.Data + ".", ""}
		}
	}
	hello, err := proxy.NewClient(c.Data).Hello(ctx)
	if err != nil {
		if serving {
			return []check{api, {"proxy port", broken, "The server runs, and its proxy does not answer.", componentHints["proxy"]}}
		}
		port := free(ctx, "proxy port", "--proxy-listen", c.ProxyListen)
		if port.Verdict == broken && server != "" && isProxy(ctx, c.ProxyListen) {
			port = check{"proxy port", sound, "The proxy of a Davit server answers on " + c.ProxyListen + ", with another data directory than " + c.Data + ".", ""}
		}
		return []check{api, port}
	}
	return []check{api, answers(ctx, hello)}
}

// free looks whether an address can be listened on.
func free(ctx context.Context, name, flag, addr string) check {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		message := err.Error() + "."
		if f, ok := errors.AsType[*fault.Error](portFault(err, flag, addr)); ok {
			message = f.Message
		}
		return check{name, broken, message, "Stop what listens there, or choose another address with " + flag + "."}
	}
	_ = ln.Close()
	return check{name, sound, addr + " is free for davit serve.", ""}
}

// answers sends the proxy a request as a browser does.
func answers(ctx context.Context, hello proxy.Hello) check {
	const name = "proxy port"
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	addr := hello.Listen
	if len(hello.Addrs) > 0 {
		addr = hello.Addrs[0]
	}
	began := time.Now()
	if _, err := asBrowser(ctx, addr); err != nil {
		return check{name, broken, "The proxy runs, and nothing answers on " + addr + ".", componentHints["proxy"]}
	}
	return check{name, sound, fmt.Sprintf("The proxy answers on %s in %s (process %d).", addr, short(time.Since(began)), hello.PID), ""}
}

// asBrowser asks what listens on an address for a host that is nobody's, so that no
// application is disturbed.
func asBrowser(ctx context.Context, addr string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, holder{Listen: addr}.url()+"/", nil)
	if err != nil {
		return nil, fmt.Errorf("ask proxy: %w", err)
	}
	req.Host = "doctor.invalid"
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return nil, fmt.Errorf("ask proxy: %w", err)
	}
	defer res.Body.Close()
	return io.ReadAll(io.LimitReader(res.Body, 1<<20))
}

// isProxy reports whether what listens on an address answers as Davit's proxy
// does for a host that is nobody's.
func isProxy(ctx context.Context, addr string) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	text, err := asBrowser(ctx, addr)
	var answer struct {
		Error struct {
			Code string `json:"code"`
		} `json:"error"`
	}
	return err == nil && json.Unmarshal(text, &answer) == nil && answer.Error.Code == "ROUTE_NOT_FOUND"
}

// samePort reports whether a server of this machine has the port of an address.
func samePort(addr, server string) bool {
	u, err := url.Parse(server)
	if err != nil || server == "" {
		return false
	}
	_, port, err := net.SplitHostPort(addr)
	return err == nil && port != "" && port == u.Port()
}
