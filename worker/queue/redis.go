package queue

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/davitdev/davit/internal/fault"
)

// Report is what is known about the Redis below a Queue.
type Report struct {
	Embedded bool
	Version  string   // "" if Redis does not say
	Policy   string   // maxmemory-policy, "" if Redis does not say
	Warnings []string // sentences for the operator
}

// minVersion is what asynq's scripts need (ZRANGE … BYSCORE).
var minVersion = [2]int{6, 2}

// parseURL reads a Redis URL. Its timeouts, unless the URL sets them, make a
// Redis that is away an error soon. The error never holds the password.
func parseURL(redisURL string) (*redis.Options, error) {
	o, err := redis.ParseURL(redisURL)
	if err != nil {
		if bad, ok := errors.AsType[*url.Error](err); ok {
			err = bad.Err // without the URL itself
		}
		return nil, fault.At("redis-url", fault.Invalid, "The Redis URL cannot be used: %s.", strings.TrimPrefix(err.Error(), "redis: "))
	}
	setDefault(&o.DialTimeout, time.Second)
	setDefault(&o.ReadTimeout, 2*time.Second)
	setDefault(&o.WriteTimeout, 2*time.Second)
	setDefault(&o.PoolTimeout, 2*time.Second)
	setDefault(&o.MaxRetryBackoff, 50*time.Millisecond)
	setDefault(&o.MaxRetries, 1)
	o.ContextTimeoutEnabled = true
	return o, nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Check asks the Redis of a URL how it is set up, as Queue.Inspect does.
func Check(ctx context.Context, redisURL string) (Report, error) {
	options, err := parseURL(redisURL)
	if err != nil {
		return Report{}, err
	}
	client := redis.NewClient(options)
	defer client.Close()
	return inspect(ctx, client)
}

// inspect asks Redis for its version and what it does when memory is full.
func inspect(ctx context.Context, client *redis.Client) (Report, error) {
	if err := client.Ping(ctx).Err(); err != nil {
		return Report{}, unreached(client.Options().Addr, err)
	}
	// A server that hides INFO from this user may still be a good one.
	server, _ := client.Info(ctx, "server").Result()
	memory, _ := client.Info(ctx, "memory").Result()
	r := Report{Version: infoField(server, "redis_version"), Policy: infoField(memory, "maxmemory_policy")}
	if r.Version != "" && !atLeast(r.Version, minVersion) {
		return Report{}, fault.At("redis-url", fault.Invalid, "The Redis at %s is of version %s: %d.%d or newer is needed.",
			client.Options().Addr, r.Version, minVersion[0], minVersion[1])
	}
	if r.Version == "" || r.Policy == "" {
		r.Warnings = append(r.Warnings, "Redis does not answer INFO, so its version and memory policy are unknown.")
	}
	if r.Policy != "" && r.Policy != "noeviction" {
		r.Warnings = append(r.Warnings, fmt.Sprintf("maxmemory-policy is %s, so Redis may throw tasks away; set it to noeviction.", r.Policy))
	}
	return r, nil
}

// ownerKey names the installation whose doorbells are in a Redis.
const ownerKey = "davit:installation"

// own notes whose the Redis is, and warns if it is another's or takes no note.
func (q *Queue) own(ctx context.Context) (warnings []string) {
	if err := q.client.SetNX(ctx, ownerKey, q.owner, 0).Err(); err != nil {
		return []string{fmt.Sprintf("Redis takes nothing: %v.", err)}
	}
	owner, err := q.client.Get(ctx, ownerKey).Result()
	if err == nil && owner != q.owner {
		warnings = append(warnings, fmt.Sprintf("%s rings in the same database of this Redis, and each answers the other's doorbells: "+
			"give each a number of its own, or empty this one if that installation is gone.", owner))
	}
	return warnings
}

// unreached says why nothing can be asked of a Redis: it does not answer, which
// may pass, or it refuses what the URL says.
func unreached(addr string, err error) error {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fault.At("redis-url", fault.Invalid, "The certificate of the Redis at %s is not trusted: %v.", addr, err)
	}
	if _, replied := errors.AsType[redis.Error](err); replied && !passes(err) {
		return fault.At("redis-url", fault.Invalid, "The Redis at %s refuses the Redis URL: %v.", addr, err)
	}
	return fault.Wrap(err, fault.Unavailable, "The Redis at %s does not answer", addr)
}

// passes reports whether a Redis that replied with err may soon reply otherwise.
func passes(err error) bool {
	return slices.ContainsFunc([]string{"LOADING", "BUSY", "MASTERDOWN", "CLUSTERDOWN", "max number of clients"}, func(prefix string) bool {
		return redis.HasErrorPrefix(err, prefix)
	})
}

// infoField returns the value of a line "name:value" of an INFO reply.
func infoField(info, name string) string {
	for lines := bufio.NewScanner(strings.NewReader(info)); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func atLeast(version string, least [2]int) bool {
	major, rest, _ := strings.Cut(version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	have, err := strconv.Atoi(major)
	if err != nil || have != least[0] {
		return err == nil && have > least[0]
	}
	have, err = strconv.Atoi(minor)
	return err == nil && have >= least[1]
}
