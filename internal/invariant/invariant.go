// Package invariant proves that an installation is as Davit promises it to be. It
// reads what there is, the rows, the engine, the proxy, the logs and the files,
// and compares: it changes nothing, asks no server, and believes nobody.
//
// What it finds may be about to be healed, so a finding is only what was there
// at every look for a while.
package invariant

import (
	"context"
	"slices"
	"time"

	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/proxy"
	"github.com/davitdev/davit/internal/secret"
	"github.com/davitdev/davit/internal/site"
	"github.com/davitdev/davit/internal/source"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/runner"
)

// Checker looks at an installation. Its zero fields are parts that are not
// there, and not looked at, but that rows may need; only the database is
// required. It is used by one goroutine.
type Checker struct {
	DB      *store.DB
	Runner  runner.Runner
	Proxy   *proxy.Client
	Logs    string // directory of the log store
	Sites   *site.Store
	Uploads *source.Store
	Keys    *secret.Box
	Scratch string // directory of sources that are unpacked
	Kept    int    // deployments kept of each instance, as the server's; 0: its default
	// Overdue lists the rows whose doorbells have been waiting in the queue for
	// longer than age.
	Overdue func(ctx context.Context, age time.Duration) ([]string, error)

	// Working says that a worker is at work on the installation. Without one
	// nothing is healed, and what one would heal is only pending.
	Working bool
	// Settle is how long what is found must have been there; 0 is one look.
	Settle time.Duration
}

// Finding is something that is not as it was promised.
type Finding struct {
	Rule   string `json:"rule"`   // the promise, a sentence
	Object string `json:"object"` // what it is about: an id, a name, a path
	Seen   string `json:"seen"`   // what is there instead, a sentence
	Do     string `json:"do"`     // what to do about it, a sentence
	// Pending says that a worker's next clean-up may put it right.
	Pending bool `json:"pending"`
}

// Result is what was found about a part of the installation.
type Result struct {
	Name   string
	Looked int // things that were looked at
	Found  []Finding
	Err    error // why it could not be looked at, or not to its end
}

// part is something to look at.
type part struct {
	name string
	look func(context.Context) (looked int, found []Finding, err error)
	// healed says that a worker puts right what is found.
	healed bool
	there  bool
}

// all lists every part, also those that are not there.
func (c *Checker) all() []part {
	return []part{
		{"deployments", c.deployments, false, true},
		{"journal", c.journal, false, true},
		{"leases", c.leases, true, true},
		{"doorbells", c.doorbells, true, true},
		{"kept sites", c.keptSites, false, true},
		{"kept uploads", c.keptUploads, false, true},
		{"sealed values", c.sealed, false, true},
		{"containers", c.containers, true, c.Runner != nil},
		{"networks", c.networks, true, c.Runner != nil},
		{"images", c.images, true, c.Runner != nil},
		{"kept images", c.keptImages, false, c.Runner != nil},
		{"routes", c.routes, true, c.Proxy != nil},
		{"logs", c.logs, false, c.Logs != ""},
		{"logs of the gone", c.oldLogs, true, c.Logs != ""},
		{"sites", c.sites, true, c.Sites != nil},
		{"uploads", c.uploads, true, c.Uploads != nil},
		{"sources", c.sources, true, c.Scratch != ""},
	}
}

func (c *Checker) parts() []part {
	return slices.DeleteFunc(c.all(), func(p part) bool { return !p.there })
}

// Names are those of the results about an installation that has every part.
func Names() (out []string) {
	for _, p := range new(Checker).all() {
		out = append(out, p.name)
	}
	return out
}

// again is the pause between two looks.
const again = 50 * time.Millisecond

// Run looks at everything, and again at what was found until Settle is over. It
// tells progress, if there is any, what it looks at. It ends early with ctx, in
// which case what was found last counts.
func (c *Checker) Run(ctx context.Context, progress func(part string)) []Result {
	if progress == nil {
		progress = func(string) {}
	}
	parts := c.parts()
	out := make([]Result, len(parts))
	for i, p := range parts {
		progress(p.name)
		out[i] = c.once(ctx, p)
	}
	end := time.NewTimer(c.Settle)
	defer end.Stop()
	tick := time.NewTicker(again)
	defer tick.Stop()
	for settled := false; !settled && !sound(out); {
		select {
		case <-ctx.Done():
			return out
		case <-end.C:
			settled = true // one more look
		case <-tick.C:
		}
		for i, p := range parts {
			if len(out[i].Found) == 0 && out[i].Err == nil {
				continue
			}
			progress(p.name)
			now := c.once(ctx, p)
			if out[i].Err == nil && now.Err == nil {
				now.Found = slices.DeleteFunc(now.Found, func(f Finding) bool { return !slices.ContainsFunc(out[i].Found, f.same) })
			}
			out[i] = now
		}
	}
	return out
}

func (c *Checker) once(ctx context.Context, p part) Result {
	r := Result{Name: p.name}
	r.Looked, r.Found, r.Err = p.look(ctx)
	for i := range r.Found {
		r.Found[i].Pending = r.Found[i].Pending || p.healed && !c.Working
	}
	return r
}

// same reports whether two looks found the same.
func (f Finding) same(g Finding) bool { return f.Rule == g.Rule && f.Object == g.Object }

// sound reports whether there is nothing that another look would find healed.
// Garbage stays until the next clean-up, for which nobody waits.
func sound(results []Result) bool {
	return !slices.ContainsFunc(results, func(r Result) bool {
		return r.Err != nil || slices.ContainsFunc(r.Found, func(f Finding) bool { return f.Rule != noGarbage })
	})
}

// verbs are used to read.
func (c *Checker) verbs() *deploy.Service { return &deploy.Service{DB: c.DB, Kept: c.Kept} }
