package lifecycle

import (
	"io"

	"github.com/davitdev/davit/internal/enum"
)

// InstanceStatus says what a service in an environment does.
type InstanceStatus string

// The statuses of an instance.
const (
	NotDeployed       InstanceStatus = "NOT_DEPLOYED"
	InstanceDeploying InstanceStatus = "DEPLOYING" // its first deployment is under way
	InstanceRunning   InstanceStatus = "RUNNING"
	InstanceDegraded  InstanceStatus = "DEGRADED" // serves, with fewer healthy replicas than wanted
	InstanceStopped   InstanceStatus = "STOPPED"
	InstanceCrashed   InstanceStatus = "CRASHED" // wants to run and no replica does
	InstanceDeleting  InstanceStatus = "DELETING"
)

var instanceStatuses = []InstanceStatus{NotDeployed, InstanceDeploying, InstanceRunning, InstanceDegraded, InstanceStopped, InstanceCrashed, InstanceDeleting}

// Health says whether something answers as it should.
type Health string

// The healths.
const (
	HealthUnknown   Health = "UNKNOWN"
	HealthStarting  Health = "STARTING"
	HealthHealthy   Health = "HEALTHY"
	HealthUnhealthy Health = "UNHEALTHY"
)

var healths = []Health{HealthUnknown, HealthStarting, HealthHealthy, HealthUnhealthy}

// ReplicaStatus says where a replica is.
type ReplicaStatus string

// The statuses of a replica.
const (
	ReplicaCreated    ReplicaStatus = "CREATED"  // a row, maybe a container, not started
	ReplicaStarting   ReplicaStatus = "STARTING" // started, not yet healthy for the first time
	ReplicaRunning    ReplicaStatus = "RUNNING"
	ReplicaRestarting ReplicaStatus = "RESTARTING" // ended and starts again soon
	ReplicaDraining   ReplicaStatus = "DRAINING"   // finishes its requests, then stops
	ReplicaExited     ReplicaStatus = "EXITED"     // ended and stays so
	ReplicaCrashed    ReplicaStatus = "CRASHED"    // ended badly; waits for its next start
	ReplicaRemoved    ReplicaStatus = "REMOVED"    // its container is gone
)

var replicaStatuses = []ReplicaStatus{
	ReplicaCreated, ReplicaStarting, ReplicaRunning, ReplicaRestarting, ReplicaDraining, ReplicaExited, ReplicaCrashed, ReplicaRemoved,
}

// Facts is what the state of an instance follows from.
type Facts struct {
	Deleting  bool
	Stopped   bool // a person stopped it
	Active    bool // a deployment serves
	Deploying bool // a deployment is under way
	Wanted    int  // replicas that should run
	Healthy   int  // replicas that run and are healthy
	Starting  int  // replicas on their way to their first good probe
	Missing   int  // replicas of processes beside the service that should run and do not
}

// Derive returns the status and the health of an instance.
func Derive(f Facts) (InstanceStatus, Health) {
	switch {
	case f.Deleting:
		return InstanceDeleting, HealthUnknown
	case !f.Active && f.Deploying:
		return InstanceDeploying, HealthStarting
	case !f.Active:
		return NotDeployed, HealthUnknown
	case f.Stopped:
		return InstanceStopped, HealthUnknown
	case f.Healthy >= f.Wanted && f.Missing > 0:
		return InstanceDegraded, HealthHealthy
	case f.Healthy >= f.Wanted:
		return InstanceRunning, HealthHealthy
	case f.Healthy > 0:
		return InstanceDegraded, HealthHealthy
	case f.Starting > 0:
		return InstanceDegraded, HealthStarting
	default:
		return InstanceCrashed, HealthUnhealthy
	}
}

func (InstanceStatus) Values() []string            { return enum.Strings(instanceStatuses) }
func (s InstanceStatus) MarshalGQL(w io.Writer)    { enum.Write(w, s) }
func (s *InstanceStatus) UnmarshalGQL(v any) error { return enum.Read(s, v, instanceStatuses) }
func (Health) Values() []string                    { return enum.Strings(healths) }
func (h Health) MarshalGQL(w io.Writer)            { enum.Write(w, h) }
func (h *Health) UnmarshalGQL(v any) error         { return enum.Read(h, v, healths) }
func (ReplicaStatus) Values() []string             { return enum.Strings(replicaStatuses) }
func (s ReplicaStatus) MarshalGQL(w io.Writer)     { enum.Write(w, s) }
func (s *ReplicaStatus) UnmarshalGQL(v any) error  { return enum.Read(s, v, replicaStatuses) }
