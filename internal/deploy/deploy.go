// Package deploy holds the verbs of what runs: deployments, replicas, the
// state of instances, operations and the table of routes. A verb is one
// transaction that checks who asks and what is, writes, and records an event.
//
// Work that takes longer than a transaction belongs to a worker, which claims
// the row first (claim.go). Every write of a worker names the epoch of its
// claim: whoever has been overtaken touches no row.
package deploy

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/artifact"
	"github.com/davitdev/davit/ent/deployment"
	"github.com/davitdev/davit/ent/serviceinstance"
	"github.com/davitdev/davit/internal/access"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/principal"
	"github.com/davitdev/davit/internal/secret"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
)

// Service executes the verbs. All fields but Kept are required.
type Service struct {
	DB   *store.DB
	Keys *secret.Box
	Log  *slog.Logger
	Kept int // successful deployments of an instance to be rolled back to; 0 means DefaultKept
}

// Tasks that the verbs ring for. They live in Redis across upgrades and are
// never renamed.
const (
	TaskRun      = "deployment:run"
	TaskConverge = "instance:converge"
	TaskOperate  = store.TaskOperation
)

// OutboxTopic is woken when there is something to relay.
const OutboxTopic = store.OutboxTopic

// maxMessage bounds what an author may write about a deployment, in bytes.
const maxMessage = 2000

// Order asks for a deployment.
type Order struct {
	InstanceID string
	// Image replaces the reference of the service's image source, ArtifactID
	// its upload, Ref the branch, tag or commit of its repository; at most one
	// is set. All empty means the service's source.
	Image          string
	ArtifactID     string
	Ref            string
	Message        *string
	SkipBuildCache bool
	Trigger        lifecycle.Trigger
}

// Request queues a deployment of what the service's source, settings and
// variables are now, and returns it. Under SUPERSEDE it takes the turn of
// those before it that have not got far. It fails with UPLOAD_EXPIRED if the
// upload it is made of was forgotten meanwhile.
func (s *Service) Request(ctx context.Context, o Order) (*ent.Deployment, error) {
	i, err := access.Instance(ctx, s.DB.Client, access.Deploy, o.InstanceID)
	if err != nil {
		return nil, err
	}
	if o.Message != nil && (len(*o.Message) > maxMessage || store.Text(*o.Message) != *o.Message) {
		return nil, fault.At("message", fault.Invalid, "A message has at most %d bytes, none of them NUL.", maxMessage)
	}
	src, err := s.source(ctx, i, o)
	if err != nil {
		return nil, err
	}
	return s.enqueue(ctx, i.ID, "deploy", o, func(tx *store.Tx, now *ent.ServiceInstance) (*ent.DeploymentCreate, error) {
		if err := sourceKept(ctx, tx, src, "What was uploaded"); err != nil {
			return nil, err
		}
		variables, err := snapshot(ctx, tx, now)
		if err != nil {
			return nil, err
		}
		return tx.Deployment.Create().SetTrigger(o.Trigger).SetNillableMessage(o.Message).
			SetSource(src).SetSettings(now.Settings).SetVariables(variables).SetSkipBuildCache(o.SkipBuildCache), nil
	})
}

// source is what o asks to deploy.
func (s *Service) source(ctx context.Context, i *ent.ServiceInstance, o Order) (spec.Source, error) {
	src := i.Edges.Service.Source
	switch {
	case o.Image != "" && o.ArtifactID != "" || o.Ref != "" && (o.Image != "" || o.ArtifactID != ""):
		return src, fault.At("image", fault.Invalid, "Say either an image, an artifact or a ref.")
	case o.Ref != "" && src.Git == nil:
		return src, fault.At("ref", fault.Invalid, "The service does not come from a git repository, so it has no branches.")
	case o.Ref != "":
		if err := spec.CheckRef("ref", o.Ref); err != nil {
			return src, err
		}
		git := *src.Git
		git.Ref = o.Ref
		return spec.Source{Git: &git}, nil
	case o.Image != "":
		if i.Edges.Service.Kind == spec.StaticSite {
			return src, fault.At("image", fault.Invalid, "A static site is made of files, not of an image.")
		}
		if err := spec.CheckImage("image", o.Image); err != nil {
			return src, err
		}
		image := spec.ImageSource{Image: o.Image}
		if src.Image != nil && spec.ImageHost(src.Image.Image) == spec.ImageHost(o.Image) {
			image.CredentialID = src.Image.CredentialID
		}
		return spec.Source{Image: &image}, nil
	case o.ArtifactID != "":
		src = spec.Source{Upload: &spec.UploadSource{ArtifactID: o.ArtifactID}}
	}
	switch {
	case src.Image != nil, src.Git != nil:
		return src, nil
	case src.Upload == nil || src.Upload.ArtifactID == "":
		return src, fault.New(fault.SourceMissing, "There is nothing to deploy yet: set a repository or an image as the service's source, or upload a directory.")
	}
	a, err := s.DB.Artifact.Query().Where(artifact.ID(src.Upload.ArtifactID), artifact.ServiceID(i.ServiceID)).Only(ctx)
	switch {
	case ent.IsNotFound(err):
		return src, access.Missing()
	case err != nil:
		return src, fmt.Errorf("find artifact: %w", err)
	case a.ReceivedAt == nil:
		return src, fault.At("artifactId", fault.Conflict, "The upload has not arrived yet: send it to its URL first.")
	}
	return src, nil
}

// enqueue locks the instance, numbers and writes what create makes of the
// locked row, makes room for it, and rings.
func (s *Service) enqueue(ctx context.Context, instanceID, mutation string, input any, create func(*store.Tx, *ent.ServiceInstance) (*ent.DeploymentCreate, error)) (*ent.Deployment, error) {
	var id string
	err := s.DB.Tx(ctx, func(tx *store.Tx) error {
		i, err := access.LockInstance(ctx, tx, instanceID)
		if err != nil {
			return err
		}
		id, err = tx.Once(ctx, mutation, input, func() (string, error) {
			c, err := create(tx, i)
			if err != nil {
				return "", err
			}
			return s.write(ctx, tx, i, c)
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return access.Deployment(ctx, s.DB.Client, access.Deploy, id)
}

func (s *Service) write(ctx context.Context, tx *store.Tx, i *ent.ServiceInstance, c *ent.DeploymentCreate) (string, error) {
	number := i.LastNumber + 1
	if err := tx.ServiceInstance.Update().Where(serviceinstance.ID(i.ID)).SetLastNumber(number).Exec(ctx); err != nil {
		return "", fmt.Errorf("number deployment: %w", err)
	}
	d, err := c.SetProjectID(i.ProjectID).SetInstanceID(i.ID).SetEnvironmentID(i.EnvironmentID).SetServiceID(i.ServiceID).
		SetNumber(number).SetNillableCreatedByID(principal.UserID(ctx)).
		SetPhases(lifecycle.Phases{}.Begin(lifecycle.PhaseQueue, clock(), 1)).Save(ctx)
	if err != nil {
		return "", fmt.Errorf("create deployment: %w", err)
	}
	if i.Edges.Environment.Concurrency == lifecycle.Supersede {
		if err := s.supersede(ctx, tx, d); err != nil {
			return "", err
		}
	}
	if err := s.derive(ctx, tx, i.ID); err != nil {
		return "", err
	}
	if err := tx.Ring(ctx, TaskRun, d.ID); err != nil {
		return "", err
	}
	return d.ID, tx.Record(ctx, store.Event{
		Scope: scopeOf(i.Edges.Project, d), Type: "deployment.queued", SubjectID: d.ID,
		Message: fmt.Sprintf("Deployment #%d of %s to %s was requested.", number, i.Edges.Service.Name, i.Edges.Environment.Name),
	})
}

// supersede skips the older deployments that wait and asks the one that
// prepares or builds to stop.
func (s *Service) supersede(ctx context.Context, tx *store.Tx, newer *ent.Deployment) error {
	older, err := tx.Deployment.Query().
		Where(deployment.InstanceID(newer.InstanceID), Unfinished, deployment.NumberLT(newer.Number)).
		Order(deployment.ByNumber()).IDs(ctx)
	if err != nil {
		return fmt.Errorf("find older deployments: %w", err)
	}
	why := fault.New(fault.Superseded, "Deployment #%d took its turn.", newer.Number)
	for _, id := range older {
		d, err := lockDeployment(ctx, tx, id)
		switch {
		case err != nil:
			return err
		case d.Status == lifecycle.Queued:
			err = s.end(ctx, tx, d, lifecycle.Skipped, lifecycle.Explain(why, lifecycle.PhaseQueue))
		case lifecycle.Supersede.YieldsTo(d.Status):
			err = askToStop(ctx, tx, d, fault.Superseded)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// scopeOf is where the events of a deployment happen.
func scopeOf(p *ent.Project, d *ent.Deployment) store.Scope {
	return store.Scope{
		WorkspaceID: p.WorkspaceID, ProjectID: d.ProjectID, EnvironmentID: d.EnvironmentID,
		ServiceID: d.ServiceID, InstanceID: d.InstanceID, DeploymentID: d.ID,
	}
}

// clock is the time that rows show people. What decides anything is judged by
// the database's clock instead.
func clock() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
