package main

import (
	"context"
	"errors"
	"net/netip"
	"path/filepath"
	"strings"
	"time"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/proxy"
)

// benchHost is what the proxies of a benchmark route by: all of them look at
// the host, tell the application who asked, log no request if that can be had,
// and keep connections to the application.
const benchHost = "app.bench.localhost"

// davitBefore starts davit proxy alone, as davit serve does.
func davitBefore(ctx context.Context, b *bench, app string) (*program, error) {
	path, err := filepath.Abs(b.program)
	if err != nil {
		return nil, err
	}
	target, err := netip.ParseAddrPort(app)
	if err != nil {
		return nil, err
	}
	table := proxy.Table{Installation: "bench", Version: 1, Routes: []proxy.Route{{
		Host: benchHost, Targets: []proxy.Target{{Addr: target, ReplicaID: "rep_bench"}},
	}}}
	return startProgram(ctx, func(p *program) error {
		data := filepath.Join(p.dir, "data")
		if err := p.start(ctx, path, "proxy", "--data", data, "--listen", p.addr); err != nil {
			return err
		}
		return again(ctx, func() error {
			_, err := proxy.NewClient(data).Push(ctx, table)
			return err
		}, func(err error) bool { return fault.CodeOf(err) == fault.Unavailable })
	})
}

// nginxConfig is a reverse proxy as nginx's manual and its guide to performance
// have it: a socket for each worker, connections kept for as long as there are
// requests, answers never written to a file.
const nginxConfig = `
daemon off;
worker_processes %[4]s;
pid %[1]s/pid;
error_log %[1]s/error.log;
events { worker_connections 4096; }
http {
	access_log off;
	keepalive_requests 1000000000;
	client_body_temp_path %[1]s; proxy_temp_path %[1]s; fastcgi_temp_path %[1]s; uwsgi_temp_path %[1]s; scgi_temp_path %[1]s;
	upstream app { server %[2]s; keepalive 64; keepalive_requests 1000000000; }
	server {
		listen %[3]s reuseport;
		server_name ` + benchHost + `;
		location / {
			proxy_pass http://app;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
			proxy_set_header Host $host;
			proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
			proxy_set_header X-Forwarded-Proto $scheme;
			proxy_buffers 16 64k;
			proxy_max_temp_file_size 0;
		}
	}
}
`

// nginxBefore starts nginx with a number of workers, or "auto".
func nginxBefore(ctx context.Context, b *bench, app, workers string) (*program, error) {
	path, err := b.packaged(ctx, "nginx")
	if err != nil {
		return nil, err
	}
	return startProgram(ctx, func(p *program) error {
		config, err := p.file("nginx.conf", nginxConfig, p.dir, app, p.addr, workers)
		return errors.Join(err, p.start(ctx, path, "-p", p.dir, "-c", config))
	})
}

// haproxyConfig has a thread for each core and logs nothing, which are its
// defaults; connections to the application are shared by all requests.
const haproxyConfig = `
global
	maxconn 4096
defaults
	mode http
	timeout connect 3s
	timeout client 60s
	timeout server 60s
	option forwardfor
frontend web
	bind %[1]s
	use_backend app if { req.hdr(host),field(1,:) -i ` + benchHost + ` }
backend app
	http-reuse always
	http-request set-header X-Forwarded-Proto http
	server app %[2]s
`

// haproxyBefore starts HAProxy.
func haproxyBefore(ctx context.Context, b *bench, app string) (*program, error) {
	path, err := b.packaged(ctx, "haproxy")
	if err != nil {
		return nil, err
	}
	return startProgram(ctx, func(p *program) error {
		config, err := p.file("haproxy.cfg", haproxyConfig, p.addr, app)
		return errors.Join(err, p.start(ctx, path, "-db", "-f", config))
	})
}

// caddyConfig logs no request, which is Caddy's default, and keeps a connection
// to the application for each of ours instead of 32.
const caddyConfig = `
{
	admin off
	persist_config off
	auto_https off
}
http://` + benchHost + `:%[1]s {
	bind 127.0.0.1
	reverse_proxy %[2]s {
		transport http {
			keepalive_idle_conns_per_host 64
		}
	}
}
`

// caddyBefore starts Caddy.
func caddyBefore(ctx context.Context, b *bench, app string) (*program, error) {
	path, err := b.built(ctx, "caddy", "github.com/caddyserver/caddy/v2/cmd/caddy")
	if err != nil {
		return nil, err
	}
	return startProgram(ctx, func(p *program) error {
		config, err := p.file("Caddyfile", caddyConfig, portOf(p.addr), app)
		return errors.Join(err, p.start(ctx, path, "run", "--config", config, "--adapter", "caddyfile"))
	})
}

func portOf(addr string) string { return addr[strings.LastIndexByte(addr, ':')+1:] }

// again calls do until it succeeds or fails otherwise than with what passes, for
// at most half a minute.
func again(ctx context.Context, do func() error, passes func(error) bool) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		err := do()
		if err == nil || !passes(err) {
			return err
		}
		if sleep(ctx, 10*time.Millisecond) != nil {
			return err
		}
	}
}
