// Package lifecycle is what the things Davit runs can be and become: values
// and pure functions, no I/O, no clock. ent/schema takes its enums from here,
// and the worker asks it what to do next.
package lifecycle

import (
	"io"
	"slices"

	"github.com/davitdev/davit/internal/enum"
)

// Status says where a deployment is.
type Status string

// The statuses, in their total order.
const (
	Queued     Status = "QUEUED"     // waits for its turn
	Preparing  Status = "PREPARING"  // fetches the source or the image
	Building   Status = "BUILDING"   // makes an image of the source
	Deploying  Status = "DEPLOYING"  // starts replicas until they are healthy
	Finalizing Status = "FINALIZING" // serves; what it replaced drains
	Completed  Status = "COMPLETED"  // final; the conclusion says how it ended
)

var statuses = []Status{Queued, Preparing, Building, Deploying, Finalizing, Completed}

// next lists every legal move. A status may always stay: a step that runs
// again repeats its last write.
var next = map[Status][]Status{
	Queued:     {Preparing, Completed},
	Preparing:  {Building, Deploying, Completed},
	Building:   {Deploying, Completed},
	Deploying:  {Finalizing, Completed},
	Finalizing: {Completed},
}

// CanMove reports whether a deployment in s may become to.
func (s Status) CanMove(to Status) bool { return s == to || slices.Contains(next[s], to) }

// Final reports whether no further move is possible.
func (s Status) Final() bool { return s == Completed }

// Running reports whether it is the deployment's turn: at most one deployment
// of an instance is running, and the database promises it. One that finalizes
// serves already and lets the next one begin while it drains.
func (s Status) Running() bool { return s == Preparing || s == Building || s == Deploying }

// Serving reports whether traffic has been switched to the deployment: there
// is no way back but another deployment.
func (s Status) Serving() bool { return s == Finalizing }

// Conclusion says how a deployment ended. It is written once.
type Conclusion string

// The conclusions.
const (
	Succeeded Conclusion = "SUCCEEDED" // it went live
	Failed    Conclusion = "FAILED"
	Canceled  Conclusion = "CANCELED" // stopped on request or by a newer one
	Skipped   Conclusion = "SKIPPED"  // never started; a newer one took its turn
)

var conclusions = []Conclusion{Succeeded, Failed, Canceled, Skipped}

// CanConclude reports whether a deployment in s may end with c.
func (s Status) CanConclude(c Conclusion) bool {
	switch c {
	case Succeeded:
		return s == Finalizing
	case Skipped:
		return s == Queued
	case Failed, Canceled:
		return s != Finalizing && s != Completed
	default:
		return false
	}
}

// Policy says what a newer deployment of an instance does to an older one.
type Policy string

// The policies.
const (
	// Supersede skips older queued ones and cancels one that prepares or builds.
	Supersede Policy = "SUPERSEDE"
	// InOrder lets each have its turn.
	InOrder Policy = "QUEUE"
)

var policies = []Policy{Supersede, InOrder}

// YieldsTo reports whether a running deployment in s is canceled when a newer
// one arrives under p.
func (p Policy) YieldsTo(s Status) bool {
	return p == Supersede && (s == Preparing || s == Building)
}

// Trigger says what asked for a deployment.
type Trigger string

// The triggers.
const (
	Manual       Trigger = "MANUAL" // the console or the CLI
	API          Trigger = "API"
	Redeploy     Trigger = "REDEPLOY"
	Rollback     Trigger = "ROLLBACK"
	ConfigChange Trigger = "CONFIG_CHANGE"
)

var triggers = []Trigger{Manual, API, Redeploy, Rollback, ConfigChange}

// The methods that ent and gqlgen ask of an enum.

func (Status) Values() []string                { return enum.Strings(statuses) }
func (s Status) MarshalGQL(w io.Writer)        { enum.Write(w, s) }
func (s *Status) UnmarshalGQL(v any) error     { return enum.Read(s, v, statuses) }
func (Conclusion) Values() []string            { return enum.Strings(conclusions) }
func (c Conclusion) MarshalGQL(w io.Writer)    { enum.Write(w, c) }
func (c *Conclusion) UnmarshalGQL(v any) error { return enum.Read(c, v, conclusions) }
func (Policy) Values() []string                { return enum.Strings(policies) }
func (p Policy) MarshalGQL(w io.Writer)        { enum.Write(w, p) }
func (p *Policy) UnmarshalGQL(v any) error     { return enum.Read(p, v, policies) }
func (Trigger) Values() []string               { return enum.Strings(triggers) }
func (t Trigger) MarshalGQL(w io.Writer)       { enum.Write(w, t) }
func (t *Trigger) UnmarshalGQL(v any) error    { return enum.Read(t, v, triggers) }
