// Package config is what an operator can set, by flags or the environment, and
// where Davit keeps its files.
package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/davitdev/davit/internal/fault"
)

// Config is everything an operator can set of a server.
type Config struct {
	Data           string   // directory of everything that must outlive a restart
	Listen         string   // host:port of the API
	ProxyListen    string   // host:port of the applications
	BaseDomain     string   // host names of applications are below it
	AllowedOrigins []string // exact origins of other sites that may use the API from a browser
	Runner         string   // auto, docker, process or none
	AdminToken     string   // the operator's token; "" makes one
	Kept           int      // successful deployments of a service to be rolled back to
	MaxBuilds      int      // that run at a time
	// AllowPrivateNetworks lets users name hosts of this machine and its
	// network as sources.
	AllowPrivateNetworks bool
}

// Defaults returns what holds where nothing is said.
func Defaults() Config {
	return Config{
		Data: "./davit-data", Listen: "127.0.0.1:7070", ProxyListen: "127.0.0.1:8080",
		BaseDomain: "localhost", Runner: "auto", Kept: 5, MaxBuilds: 2,
	}
}

var domain = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

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
	if !domain.MatchString(c.BaseDomain) || len(c.BaseDomain) > 180 {
		bad("base-domain", "%q is not a domain such as apps.example.com.", c.BaseDomain)
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
	switch c.Runner {
	case "auto", "docker", "process", "none":
	default:
		bad("runner", "%q is not one of auto, docker, process and none.", c.Runner)
	}
	return errors.Join(errs...)
}

// Files of the data directory.
func (c Config) path(name string) string { return filepath.Join(c.Data, name) }

// Database is the SQLite file.
func (c Config) Database() string { return c.path("davit.db") }

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

// AppURL is where a browser on this machine opens a host name.
func (c Config) AppURL(host string) string {
	_, port, err := net.SplitHostPort(c.ProxyListen)
	if err != nil || port == "80" {
		return "http://" + host
	}
	return "http://" + strings.TrimSuffix(host, ".") + ":" + port
}
