package queue

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
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
		return nil, fmt.Errorf("redis URL: %w", err)
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

// inspect asks Redis for its version and what it does when memory is full.
func inspect(ctx context.Context, client *redis.Client) (Report, error) {
	if err := client.Ping(ctx).Err(); err != nil {
		return Report{}, fmt.Errorf("redis at %s: %w", client.Options().Addr, err)
	}
	// A server that hides INFO from this user may still be a good one.
	server, _ := client.Info(ctx, "server").Result()
	memory, _ := client.Info(ctx, "memory").Result()
	r := Report{Version: infoField(server, "redis_version"), Policy: infoField(memory, "maxmemory_policy")}
	if r.Version != "" && !atLeast(r.Version, minVersion) {
		return Report{}, fmt.Errorf("redis at %s: version %s is too old, %d.%d or newer is needed",
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
