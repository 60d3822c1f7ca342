package config_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/davitdev/davit/internal/config"
)

func TestAddressesOfDatabaseAndRedis(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ database, redis, at, queue string }{
		{"", "", "", ""},
		{"postgres://davit:s3cret@db/davit", "redis://:s3cret@cache", "db:5432/davit", "cache:6379/0"},
		{"postgresql://db.example.com:6432/shop?sslmode=disable", "rediss://davit:s3cret@cache:7000/3", "db.example.com:6432/shop", "cache:7000/3"},
		{"postgres://davit:s3cret%23%2f@[::1]/davit", "redis://:s3cret@[::1]:7000/", "[::1]:5432/davit", "[::1]:7000/0"},
		{"postgres://davit:s3cret@/davit?host=/run/postgresql", "unix:///run/redis.sock?db=2", "/run/postgresql/davit", "/run/redis.sock"},
	} {
		c := config.Defaults()
		c.DatabaseURL, c.RedisURL = tt.database, tt.redis
		if err := c.Validate(); err != nil {
			t.Errorf("%q and %q: %v", tt.database, tt.redis, err)
		}
		if c.DatabaseAddress() != tt.at || c.RedisAddress() != tt.queue {
			t.Errorf("got %q and %q, want %q and %q", c.DatabaseAddress(), c.RedisAddress(), tt.at, tt.queue)
		}
	}
	for _, url := range []string{
		"db", "davit.db", "mysql://davit:s3cret@db/davit", "postgres://davit:s3cret@db", "postgres://davit:s3cret@db/", "postgres:///davit",
		"postgres://davit:s3cret@db/a/b", "postgres://davit:s3#cret@db/davit", "postgres://davit:s3cret@db:port/davit", "redis://:s3cret@cache",
		"postgres://davit:2024/s3c?x@db/davit", "postgres://davit:2024?s3c@db/davit",
	} {
		c := config.Defaults()
		c.DatabaseURL = url
		refuses(t, c, "--database-url: ")
	}
	for _, url := range []string{
		"cache", "cache:6379", "http://:s3cret@cache", "redis://", "redis://:s3cret@cache/x", "redis://:s3cret@cache/1/2", "redis://:s3#cret@cache/0", "unix://cache",
		"redis://:2024?s3cret@cache:6379/0", "redis://:2024/s3cret@cache:6379/0",
	} {
		c := config.Defaults()
		c.RedisURL = url
		refuses(t, c, "--redis-url: ")
	}
}

// refuses fails the test unless c is refused by a sentence about a flag, without
// what is secret.
func refuses(t *testing.T, c config.Config, about string) {
	t.Helper()
	err := c.Validate()
	if err == nil || !strings.HasPrefix(err.Error(), about) || strings.Contains(err.Error(), "s3") {
		t.Errorf("%q and %q: got %v", c.DatabaseURL, c.RedisURL, err)
	}
}

func TestAddressesOfApplications(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ scheme, listen, url string }{
		{"http", "127.0.0.1:8080", "http://web-shop.example.com:8080"},
		{"http", ":80", "http://web-shop.example.com"},
		{"https", "127.0.0.1:8080", "https://web-shop.example.com"},
	} {
		c := config.Defaults()
		c.AppScheme, c.ProxyListen = tt.scheme, tt.listen
		for _, host := range []string{"web-shop.example.com", "web-shop.example.com."} {
			if got := c.AppURL(host); got != tt.url {
				t.Errorf("%s at %s of %s: %s", tt.scheme, tt.listen, host, got)
			}
		}
	}
}

func TestTrustedProxiesAreRanges(t *testing.T) {
	t.Parallel()
	c := config.Defaults()
	c.TrustedProxies = []string{"127.0.0.1", "::ffff:192.0.2.7", "10.1.2.3/8", "fd00::/8"}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(c.Trusted()); got != "[127.0.0.1/32 192.0.2.7/32 10.0.0.0/8 fd00::/8]" {
		t.Errorf("they are %s", got)
	}
}

func TestWhatIsWrongIsSaidByItsFlag(t *testing.T) {
	t.Parallel()

	if err := config.Defaults().Validate(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	loki := func(tenant string) func(*config.Config) {
		return func(c *config.Config) { c.LokiURL, c.LokiTenant = "http://loki:3100", tenant }
	}
	for name, tt := range map[string]struct {
		set  func(*config.Config)
		flag string // "" for none
	}{
		"no room for logs":              {func(c *config.Config) { c.MaxLogs = 0 }, "max-logs"},
		"more room than there is":       {func(c *config.Config) { c.MaxLogs = 2_000_000 }, "max-logs"},
		"a GiB of logs":                 {func(c *config.Config) { c.MaxLogs = 1 }, ""},
		"a tenant":                      {loki("Team-a_1!.*'()"), ""},
		"a proxy of a name":             {func(c *config.Config) { c.TrustedProxies = []string{"nginx"} }, "trusted-proxies"},
		"a proxy in a zone":             {func(c *config.Config) { c.TrustedProxies = []string{"fe80::1%eth0"} }, "trusted-proxies"},
		"a proxy of no name":            {func(c *config.Config) { c.TrustedProxies = []string{""} }, "trusted-proxies"},
		"a scheme of its own":           {func(c *config.Config) { c.AppScheme = "ftp" }, "app-scheme"},
		"a tenant and no Loki":          {func(c *config.Config) { c.LokiTenant = "team-a" }, "loki-tenant"},
		"a tenant of two lines":         {loki("team-a\r\nAuthorization: Basic x"), "loki-tenant"},
		"a tenant that ends a line":     {loki("team-a\n"), "loki-tenant"},
		"two tenants, to whom no write": {loki("team-a|team-b"), "loki-tenant"},
		"a tenant with a space":         {loki("team a"), "loki-tenant"},
		"a tenant that is a directory":  {loki(".."), "loki-tenant"},
		"a tenant that is too long":     {loki(strings.Repeat("a", 151)), "loki-tenant"},
	} {
		c := config.Defaults()
		tt.set(&c)
		err := c.Validate()
		if (err == nil) != (tt.flag == "") || err != nil && !strings.Contains(err.Error(), "--"+tt.flag+":") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
