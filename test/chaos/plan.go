//go:build linux

package main

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// projects are how many there are at most. Of each the kind of its source is
// fixed.
const projects = 10

// source is where the service of a project comes from.
type source int

const (
	fromImage source = iota
	fromDockerfile
	fromSite
	fromPrinter // an image that prints all the time
)

// sources are those of the projects.
var sources = [projects]source{fromImage, fromSite, fromDockerfile, fromPrinter, fromImage, fromImage, fromDockerfile, fromSite, fromImage, fromImage}

// verb is something that is done to a project.
type verb string

// The verbs.
const (
	deploy    verb = "deploy"
	loud      verb = "deploy what prints a burst"
	twice     verb = "deploy twice at once"
	crash     verb = "deploy what crashes"
	unhealthy verb = "deploy what never becomes healthy"
	cancel    verb = "deploy and cancel"
	redeploy  verb = "redeploy"
	rollback  verb = "roll back"
	scale     verb = "scale"
	restart   verb = "restart"
	command   verb = "run a command"
	recreate  verb = "delete and create again"
)

// verbs are what can be done to a project of a source.
var verbs = map[source][]verb{
	fromImage:      {deploy, deploy, loud, twice, crash, unhealthy, cancel, redeploy, rollback, scale, restart, command, recreate},
	fromDockerfile: {deploy, deploy, twice, crash, cancel, redeploy, rollback, restart, recreate},
	fromSite:       {deploy, deploy, twice, cancel, redeploy, rollback, recreate},
	fromPrinter:    {deploy, restart, command, scale},
}

// action is a verb with its figures: how long to wait before, and a number
// that it may use.
type action struct {
	Pause time.Duration
	Verb  verb
	N     int // 0 to 99
}

// kind is a kind of fault.
type kind string

// The kinds of faults.
const (
	serveKill       kind = "serve killed"
	serveKillTwice  kind = "serve killed while it starts"
	serveStop       kind = "serve stopped and continued"
	proxyKill       kind = "proxy killed"
	containerKill   kind = "container killed"
	containerRemove kind = "container removed"
	engineKill      kind = "engine killed"
	engineKillAll   kind = "engine killed with all it runs"
	databaseLock    kind = "database locked"
	diskFull        kind = "disk full"

	// Those of what is elsewhere.
	databaseAway kind = "database away"
	redisKill    kind = "redis killed"
	redisEmpty   kind = "redis emptied"
)

// kinds are those that an installation meets.
func kinds(full bool) []kind {
	if full {
		return elsewhereKinds
	}
	return insideKinds
}

var elsewhereKinds = []kind{serveKill, serveKillTwice, serveStop, proxyKill, containerKill, containerRemove, engineKill, engineKillAll, databaseAway, redisKill, redisEmpty, diskFull}

var insideKinds = []kind{serveKill, serveKillTwice, serveStop, proxyKill, containerKill, containerRemove, engineKill, engineKillAll, databaseLock, diskFull}

// fault is something that goes wrong: after a pause, for a while, to a project.
type fault struct {
	Pause, Lasts time.Duration
	Kind         kind
	Project      int
}

func (f fault) String() string {
	switch f.Kind {
	case containerKill, containerRemove:
		return fmt.Sprintf("%s, of project %d", f.Kind, f.Project)
	case serveStop, databaseLock, databaseAway, redisKill, diskFull, serveKill, serveKillTwice, engineKill, engineKillAll:
		return fmt.Sprintf("%s, for %s", f.Kind, f.Lasts)
	default:
		return string(f.Kind)
	}
}

// plan is all that is done and goes wrong in an episode. It follows from the
// seed and the number of the episode alone.
type plan struct {
	Actions [][]action // of each project
	Faults  []fault
}

// newPlan draws a plan for so many projects, with so many actions of each, and
// faults of these kinds.
func newPlan(seed uint64, episode, projects, actions, faults int, kinds []kind) plan {
	p := plan{Actions: make([][]action, projects)}
	for i := range p.Actions {
		r := rand.New(rand.NewPCG(seed, uint64(episode)<<16|uint64(i)<<1))
		may := verbs[sources[i]]
		for range actions {
			p.Actions[i] = append(p.Actions[i], action{Pause: upTo(r, 4*time.Second), Verb: may[r.IntN(len(may))], N: r.IntN(100)})
		}
	}
	r := rand.New(rand.NewPCG(seed, uint64(episode)<<16|1))
	order := r.Perm(len(kinds)) // so that no kind has to wait long for its turn
	for i := range faults {
		f := fault{Pause: upTo(r, 3*time.Second), Kind: kinds[order[i%len(order)]], Lasts: upTo(r, 4*time.Second), Project: r.IntN(projects)}
		if f.Kind == databaseLock || f.Kind == databaseAway || f.Kind == serveStop {
			f.Lasts *= 3 // past the patience of SQLite, and of leases
		}
		for sources[f.Project] == fromSite { // which has no container
			f.Project = r.IntN(projects)
		}
		p.Faults = append(p.Faults, f)
	}
	return p
}

// upTo is a time below limit, in milliseconds.
func upTo(r *rand.Rand, limit time.Duration) time.Duration {
	return time.Duration(r.Int64N(limit.Milliseconds())) * time.Millisecond
}
