package build

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/identity"
)

// sourceName is what one build calls its source in the engine: a name of this
// installation, by which the engine's copy is found again, and of no other build.
func (b *BuildKit) sourceName() string { return b.sourcePrefix() + identity.NewID() }

func (b *BuildKit) sourcePrefix() string { return "davit-" + b.Installation + "-" }

// The engine lets go of a source a moment after its build, or with another
// build that made the same of it.
const (
	releaseLimit = time.Second
	dropLimit    = 10 * time.Second
)

// dropSources removes the copies that the engine keeps of the sources of this
// installation's builds, in case the same is sent again. Those of builds under
// way are in use and stay. own begins the names of the build that is over: what
// cannot be removed of it now, the next build removes.
func (b *BuildKit) dropSources(ctx context.Context, c *client.Client, own string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dropLimit)
	defer cancel()
	again, enough := time.NewTimer(0), time.NewTimer(releaseLimit)
	defer again.Stop()
	defer enough.Stop()
	for pause := time.Millisecond; ; pause *= 2 {
		select {
		case <-enough.C:
			return
		case <-again.C:
		}
		if held, err := b.dropUnused(ctx, c, own); err != nil || !held {
			return
		}
		again.Reset(pause)
	}
}

// dropUnused does that once, and reports whether own is still held.
func (b *BuildKit) dropUnused(ctx context.Context, c *client.Client, own string) (held bool, err error) {
	const description = "local source for " // as BuildKit writes it
	all, err := c.DiskUsage(ctx, client.WithFilter([]string{
		fmt.Sprintf("description~=%q", "^"+regexp.QuoteMeta(description+b.sourcePrefix())),
	}))
	if err != nil {
		return false, err
	}
	var unused []string
	for _, one := range all {
		switch {
		case !one.InUse:
			unused = append(unused, "id=="+one.ID) // an old engine finds no description here
		case strings.HasPrefix(strings.TrimPrefix(one.Description, description), own):
			held = true
		}
	}
	if len(unused) == 0 {
		return held, nil
	}
	return held, c.Prune(ctx, nil, client.WithFilter(unused))
}

// Prune implements Pruner. It is the cache of all builds of the engine, whoever
// asked for them; images stay.
func (b *BuildKit) Prune(ctx context.Context, bytes int64) (removed int64, err error) {
	c, err := b.connect(ctx)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	all, err := c.DiskUsage(ctx)
	if err != nil {
		return 0, fmt.Errorf("look at the build cache: %w", err)
	}
	keep := -bytes
	for _, one := range all {
		if !one.Shared { // with an image
			keep += one.Size
		}
	}
	gone := make(chan client.UsageInfo)
	counted := make(chan struct{})
	go func() {
		defer close(counted)
		for one := range gone {
			removed += one.Size
		}
	}()
	err = c.Prune(ctx, gone, client.WithKeepOpt(0, max(keep, 1), 0, 0)) // with 0, in no order
	close(gone)
	<-counted
	if err != nil {
		return removed, fmt.Errorf("empty the build cache: %w", err)
	}
	return removed, nil
}
