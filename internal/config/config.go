// Package config is what an operator can set, by flags or the environment, and
// where Davit keeps its files.
package config

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lazy"
)

// Config is everything an operator can set of a server.
type Config struct {
	Data           string   // directory of everything that must outlive a restart
	Listen         string   // host:port of the API
	ProxyListen    string   // host:port of the applications
	BaseDomain     string   // host names of applications are below it
	AppScheme      string   // how browsers reach applications: http or https
	TrustedProxies []string // addresses and CIDR ranges of proxies in front of the applications
	AllowedOrigins []string // exact origins of other sites that may use the API from a browser
	Runner         string   // auto, docker or process
	AdminToken     string   // the operator's token; "" makes one
	Kept           int      // successful deployments of a service to be rolled back to
	MaxBuilds      int      // that run at a time
	DatabaseURL    string   // of the PostgreSQL that has the rows; "" keeps them in the data directory
	RedisURL       string   // of the Redis that has the queue; "" keeps it in the process
	MaxLogs        int      // GiB of logs in the data directory
	LokiURL        string   // of the Loki that logs are kept in; "" keeps them in the data directory
	LokiTenant     string   // whose the logs are where that Loki serves many; "" is the only one
	// AllowPrivateNetworks lets users name hosts of this machine and its
	// network as sources.
	AllowPrivateNetworks bool
}

// Defaults returns what holds where nothing is said.
func Defaults() Config {
	return Config{
		Data: "./davit-data", Listen: "127.0.0.1:7070", ProxyListen: "127.0.0.1:8080",
		BaseDomain: "localhost", AppScheme: "http", Runner: "auto", Kept: 5, MaxBuilds: 2, MaxLogs: 10,
	}
}

var domain = lazy.Regexp(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// tenant is what Loki takes as one: dskit's tenant.ValidTenantID.
var tenant = lazy.Regexp(`^[a-zA-Z0-9!_.*'()-]{1,150}$`)

// Validate reports everything that is wrong, each with the flag's name.
func (c Config) Validate() error {
	var errs []error
	bad := func(flag, format string, args ...any) {
		errs = append(errs, fault.At(flag, fault.Invalid, "--%s: %s", flag, fmt.Sprintf(format, args...)))
	}
	if c.Data == "" {
		bad("data", "name a directory.")
	}
	for flag, addr := range map[string]string{"listen": c.Listen, "proxy-listen": c.ProxyListen} {
		if _, err := netip.ParseAddrPort(addr); err != nil {
			if host, port, err := net.SplitHostPort(addr); err != nil || host != "" && host != "localhost" || port == "" {
				bad(flag, "%q is not an address such as 127.0.0.1:7070 or :7070.", addr)
			}
		}
	}
	if c.Listen == c.ProxyListen {
		bad("proxy-listen", "the API listens on %s already.", c.Listen)
	}
	if !domain().MatchString(c.BaseDomain) || len(c.BaseDomain) > 180 {
		bad("base-domain", "%q is not a domain such as apps.example.com.", c.BaseDomain)
	}
	if c.AppScheme != "http" && c.AppScheme != "https" {
		bad("app-scheme", "%q is neither http nor https.", c.AppScheme)
	}
	for _, text := range c.TrustedProxies {
		if _, err := parseRange(text); err != nil {
			bad("trusted-proxies", "%q is not an address or a range such as 10.0.0.0/8.", text)
		}
	}
	for _, o := range c.AllowedOrigins {
		if u, err := url.Parse(o); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Scheme+"://"+u.Host != o {
			bad("allowed-origins", "%q is not an origin such as https://console.example.com.", o)
		}
	}
	if c.Kept < 1 || c.Kept > 1000 {
		bad("keep-deployments", "keep between 1 and 1000.")
	}
	if c.MaxBuilds < 1 || c.MaxBuilds > 100 {
		bad("max-builds", "run between 1 and 100 at a time.")
	}
	if c.MaxLogs < 1 || c.MaxLogs > 1_000_000 {
		bad("max-logs", "keep between 1 and 1000000 GiB.")
	}
	// Of these it is not said what they are: they may hold a password.
	if !isDatabase(c.DatabaseURL) {
		bad("database-url", "it is not an address such as postgres://davit:password@db.example.com:5432/davit; other signs than letters and digits of a password are written as %%23.")
	}
	if !isRedis(c.RedisURL) {
		bad("redis-url", "it is not an address such as redis://:password@redis.example.com:6379/0; other signs than letters and digits of a password are written as %%23.")
	}
	if u, err := url.Parse(c.LokiURL); err != nil || c.LokiURL != "" && (u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "") {
		bad("loki-url", "it is not an address such as http://loki.example.com:3100.")
	}
	if c.LokiTenant != "" && (!tenant().MatchString(c.LokiTenant) || c.LokiTenant == "." || c.LokiTenant == "..") {
		bad("loki-tenant", "%q is not a tenant of Loki: letters, digits and !-_.*'(), at most 150.", c.LokiTenant)
	}
	if c.LokiTenant != "" && c.LokiURL == "" {
		bad("loki-tenant", "say with --loki-url where Loki is.")
	}
	switch c.Runner {
	case "auto", "docker", "process":
	default:
		bad("runner", "%q is not one of auto, docker and process.", c.Runner)
	}
	return errors.Join(errs...)
}

// Trusted are the ranges of TrustedProxies.
func (c Config) Trusted() []netip.Prefix {
	var all []netip.Prefix
	for _, text := range c.TrustedProxies {
		if p, err := parseRange(text); err == nil {
			all = append(all, p)
		}
	}
	return all
}

// parseRange reads a CIDR range, or one address.
func parseRange(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		return netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	return p.Masked(), err
}

// isDatabase reports whether text is nothing or the URL of a database in
// PostgreSQL, which a socket in a directory may lead to: ?host=/directory.
func isDatabase(text string) bool {
	u, err := url.Parse(text)
	if text == "" || err != nil {
		return err == nil
	}
	there := u.Host != "" || strings.HasPrefix(u.Query().Get("host"), "/")
	name := strings.TrimPrefix(u.Path, "/")
	if spilled(u) {
		return false
	}
	return (u.Scheme == "postgres" || u.Scheme == "postgresql") && there && name != "" && !strings.Contains(name, "/") && u.Fragment == ""
}

// spilled reports whether a part of a password is where an address or a setting
// should be, because a sign in it was not written as in %23.
func spilled(u *url.URL) bool { return strings.Contains(u.Path+u.RawQuery+u.Fragment, "@") }

// isRedis reports whether text is nothing or the URL of a database in Redis.
func isRedis(text string) bool {
	u, err := url.Parse(text)
	if text == "" || err != nil {
		return err == nil
	}
	if spilled(u) {
		return false
	}
	if u.Scheme == "unix" {
		return u.Host == "" && len(u.Path) > 1
	}
	_, err = strconv.ParseUint(strings.TrimPrefix(u.Path, "/"), 10, 16)
	return (u.Scheme == "redis" || u.Scheme == "rediss") && u.Host != "" && (u.Path == "" || u.Path == "/" || err == nil) && u.Fragment == ""
}

// DatabaseAddress says where the database of DatabaseURL is, and RedisAddress
// where that of RedisURL is, to people: without user, password and settings. It
// is "" without the URL.
func (c Config) DatabaseAddress() string { return addressOf(c.DatabaseURL, "5432", "") }

// RedisAddress is DatabaseAddress of RedisURL.
func (c Config) RedisAddress() string { return addressOf(c.RedisURL, "6379", "0") }

func addressOf(text, port, name string) string {
	u, err := url.Parse(text)
	if text == "" || err != nil {
		return ""
	}
	if u.Scheme == "unix" {
		return u.Path
	}
	host := u.Host
	switch {
	case host == "":
		host = u.Query().Get("host")
	case u.Port() == "" && !strings.Contains(host, ","): // several have theirs
		host = net.JoinHostPort(u.Hostname(), port)
	}
	return host + "/" + cmp.Or(strings.TrimPrefix(u.Path, "/"), name)
}

// Files of the data directory.
func (c Config) path(name string) string { return filepath.Join(c.Data, name) }

// Database is the SQLite file.
func (c Config) Database() string { return c.path("davit.db") }

// DatabaseMark says which database has the rows, where that is not the file.
func (c Config) DatabaseMark() string { return c.path("database") }

// SecretKey holds the key that seals secrets. Losing it loses them.
func (c Config) SecretKey() string { return c.path("secret-key") }

// TokenFile holds the operator's token, for commands on the same machine.
func (c Config) TokenFile() string { return c.path("admin-token") }

// Logs is the directory of what builds and replicas print.
func (c Config) Logs() string { return c.path("logs") }

// Uploads is the directory of the archives that were sent.
func (c Config) Uploads() string { return c.path("uploads") }

// Sites is the directory of static sites.
func (c Config) Sites() string { return c.path("sites") }

// Scratch is a directory emptied at every start.
func (c Config) Scratch() string { return c.path("scratch") }

// Processes is the directory of the process runner.
func (c Config) Processes() string { return c.path("processes") }

// RunnerFile names the runner that the applications are on: docker or process.
func (c Config) RunnerFile() string { return c.path("runner") }

// KnownHosts has the keys of the hosts that git met by ssh.
func (c Config) KnownHosts() string { return c.path("known_hosts") }

// Lock is held by the one process that serves the directory.
func (c Config) Lock() string { return c.path("lock") }

// ProxyLog is what the proxy process prints.
func (c Config) ProxyLog() string { return c.path("proxy.log") }

// AppURL is where a browser opens a host name: at the proxy itself, or at the
// one in front that has a certificate.
func (c Config) AppURL(host string) string {
	url := c.AppScheme + "://" + strings.TrimSuffix(host, ".")
	if _, port, err := net.SplitHostPort(c.ProxyListen); c.AppScheme == "http" && err == nil && port != "80" {
		url += ":" + port
	}
	return url
}
