package project

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/artifact"
	"github.com/davitdev/davit/ent/environment"
	"github.com/davitdev/davit/ent/service"
	"github.com/davitdev/davit/ent/serviceinstance"
	"github.com/davitdev/davit/internal/access"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/ident"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
)

// maxLabel is the longest label of a host name (RFC 1035).
const maxLabel = 63

// NewService describes a service to create.
type NewService struct {
	ProjectID string
	Name      string
	Slug      string // "": made of the name
	Kind      spec.Kind
	Source    spec.Source
	Access    GitAccess // to the repository of Source
	Settings  spec.Settings
	Replicas  int // 0: 1
	// Variables of its own, in each environment.
	Variables []Value
	// EnvironmentIDs are where it gets an instance; nil means everywhere.
	EnvironmentIDs []string
}

// CreateService makes a service and its instances, and for a web service or a
// static site a host name for each. Nothing is deployed yet.
func (s *Service) CreateService(ctx context.Context, in NewService) (*ent.Service, error) {
	p, err := access.Project(ctx, s.DB.Client, access.Write, in.ProjectID)
	if err != nil {
		return nil, err
	}
	if err := spec.CheckName("name", in.Name); err != nil {
		return nil, err
	}
	if err := in.Settings.Validate("settings"); err != nil {
		return nil, err
	}
	if err := checkValues(in.Variables); err != nil {
		return nil, err
	}
	if err := checkReplicas("settings.replicas", in.Replicas); err != nil {
		return nil, err
	}
	if err := s.checkSource(ctx, p.WorkspaceID, "", in.Source, in.Access); err != nil {
		return nil, err
	}
	if err := checkKind(in.Kind, in.Source, in.Replicas); err != nil {
		return nil, err
	}
	var id string
	err = s.DB.Tx(ctx, func(tx *store.Tx) error {
		p, err := lock(ctx, tx, p.ID)
		if err != nil {
			return err
		}
		id, err = tx.Once(ctx, "createService", s.withoutValues(in), func() (string, error) { return s.createService(ctx, tx, p, in) })
		return err
	})
	if err != nil {
		return nil, err
	}
	return access.Service(ctx, s.DB.Client, access.Write, id)
}

func (s *Service) createService(ctx context.Context, tx *store.Tx, p *ent.Project, in NewService) (string, error) {
	slug, err := freeSlug(in.Slug, in.Name, func(slug string) (bool, error) {
		return tx.Service.Query().Where(service.ProjectID(p.ID), service.Slug(slug)).Exist(ctx)
	})
	if err != nil {
		return "", err
	}
	svc, err := tx.Service.Create().SetProjectID(p.ID).SetSlug(slug).SetName(in.Name).SetKind(in.Kind).SetSource(in.Source).Save(ctx)
	if err != nil {
		return "", taken(err, "slug", "The project already has a service %q.", slug)
	}
	if err := s.open(ctx, tx, svc, in.Source, in.Access); err != nil {
		return "", err
	}
	q := tx.Environment.Query().Where(environment.ProjectID(p.ID), environment.Deleting(false))
	if in.EnvironmentIDs != nil {
		if slices.ContainsFunc(in.EnvironmentIDs, func(id string) bool { return !ident.Is(id, ident.Environment) }) {
			return "", noEnvironment()
		}
		q.Where(environment.IDIn(in.EnvironmentIDs...))
	}
	envs, err := q.Order(environment.ByID()).All(ctx)
	if err != nil {
		return "", fmt.Errorf("list environments: %w", err)
	}
	if len(envs) == 0 || in.EnvironmentIDs != nil && len(envs) != len(in.EnvironmentIDs) {
		return "", noEnvironment()
	}
	for _, e := range envs {
		i, err := s.addInstance(ctx, tx, p, svc, e, in.Settings, max(in.Replicas, 1))
		if err != nil {
			return "", err
		}
		for _, v := range in.Variables {
			if _, err := s.set(ctx, tx, target{id: i.ID, kind: spec.ScopeService, projectID: p.ID, instanceID: &i.ID}, nil, v); err != nil {
				return "", err
			}
		}
	}
	return svc.ID, tx.Record(ctx, store.Event{
		Scope: store.Scope{WorkspaceID: p.WorkspaceID, ProjectID: p.ID, ServiceID: svc.ID}, Type: "service.created", SubjectID: svc.ID,
		Message: fmt.Sprintf("Service %s was created.", svc.Name),
	})
}

func noEnvironment() error {
	return fault.At("environmentIds", fault.NotFound, "The project has no such environment.")
}

// addInstance makes the instance of svc in e, with a host name if it answers
// requests.
func (s *Service) addInstance(ctx context.Context, tx *store.Tx, p *ent.Project, svc *ent.Service, e *ent.Environment, settings spec.Settings, replicas int) (*ent.ServiceInstance, error) {
	if svc.Kind == spec.Cron {
		replicas = 0 // it runs when it is due
	}
	files := settings.ConfigFiles
	settings.ConfigFiles = nil
	i, err := tx.ServiceInstance.Create().SetProjectID(p.ID).SetServiceID(svc.ID).SetEnvironmentID(e.ID).
		SetSettings(settings).SetReplicaCount(replicas).Save(ctx)
	if err != nil {
		return nil, fmt.Errorf("create instance: %w", err)
	}
	if len(files) > 0 { // which are rows below it
		if settings.ConfigFiles, err = s.sealFiles(ctx, tx, p.ID, i.ID, files, nil); err != nil {
			return nil, err
		}
		if err := tx.ServiceInstance.Update().Where(serviceinstance.ID(i.ID)).SetSettings(settings).Exec(ctx); err != nil {
			return nil, fmt.Errorf("write settings: %w", err)
		}
	}
	tx.ChangeRoutes() // its name, and its host name
	if !svc.Kind.HasHost() {
		return i, nil
	}
	label, err := freeLabel(ctx, tx, hostLabel(svc.Slug, p.Slug, e))
	if err != nil {
		return nil, err
	}
	d, err := tx.Domain.Create().SetProjectID(p.ID).SetHostname(label).Save(ctx)
	if err != nil {
		return nil, fmt.Errorf("create domain: %w", store.Race(err))
	}
	err = tx.Route.Create().SetProjectID(p.ID).SetEnvironmentID(e.ID).SetInstanceID(i.ID).SetDomainID(d.ID).Exec(ctx)
	if err != nil {
		return nil, fmt.Errorf("create route: %w", err)
	}
	return i, nil
}

// hostLabel is what a generated host name begins with: service and project,
// and the environment unless it is a production one.
func hostLabel(svc, proj string, e *ent.Environment) string {
	parts := []string{svc, proj}
	if e.Kind != spec.Production {
		parts = append(parts, e.Slug)
	}
	return strings.Join(parts, "-")
}

// freeLabel returns label, shortened and suffixed until nobody has it.
func freeLabel(ctx context.Context, tx *store.Tx, label string) (string, error) {
	try := label
	if len(try) > maxLabel {
		try = suffixed(label, maxLabel)
	}
	for {
		// Other tenants' names count, though the caller may not see them.
		n, err := tx.Int64s(ctx, "SELECT COUNT(*) FROM domains WHERE hostname = ?", try)
		if err != nil {
			return "", fmt.Errorf("find host name: %w", err)
		}
		if n[0] == 0 {
			return try, nil
		}
		try = suffixed(label, maxLabel)
	}
}

// DeleteService begins to delete a service with everything it runs.
func (s *Service) DeleteService(ctx context.Context, id string) (*ent.Operation, error) {
	svc, err := access.Service(ctx, s.DB.Client, access.Delete, id)
	if err != nil {
		return nil, err
	}
	return s.remove(ctx, serviceScope(svc), OpDeleteService, svc.ID, "Service "+svc.Name, func(tx *store.Tx) (int, error) {
		return tx.Service.Update().Where(service.ID(svc.ID), service.Deleting(false)).SetDeleting(true).Save(ctx)
	})
}

// checkSource refuses a source that can never be fetched by the service, which
// is "" for one that is yet to be made.
func (s *Service) checkSource(ctx context.Context, workspaceID, serviceID string, src spec.Source, a GitAccess) error {
	if src.Image != nil && src.Upload != nil || src.Git != nil && (src.Image != nil || src.Upload != nil) {
		return fault.At("source", fault.Invalid, "A source is either a git repository, an image or an upload.")
	}
	if src.Git != nil {
		if err := src.Git.Check("source.git"); err != nil {
			return err
		}
	}
	if err := a.check(src); err != nil {
		return err
	}
	if src.Image != nil {
		if err := spec.CheckImage("source.image.image", src.Image.Image); err != nil {
			return err
		}
		if id := src.Image.CredentialID; id != "" {
			c, err := access.RegistryCredential(ctx, s.DB.Client, access.Write, id)
			if err != nil {
				return err
			}
			if c.WorkspaceID != workspaceID {
				return access.Missing()
			}
			if host := spec.ImageHost(src.Image.Image); c.Host != host {
				return fault.At("source.image.credentialId", fault.Invalid, "This credential is for %s, and the image is at %s.", c.Host, host).
					WithHint("Store one for that registry, or name none.")
			}
		}
	}
	if src.Upload != nil && src.Upload.ArtifactID != "" {
		exists, err := s.DB.Artifact.Query().Where(artifact.ID(src.Upload.ArtifactID), artifact.ServiceID(serviceID)).Exist(ctx)
		if err != nil {
			return fmt.Errorf("find artifact: %w", err)
		}
		if !exists { // or sent to another service
			return access.Missing()
		}
	}
	return nil
}

// checkKind refuses what a static site cannot have.
func checkKind(k spec.Kind, src spec.Source, replicas int) error {
	switch {
	case k != spec.StaticSite:
		return nil
	case src.Image != nil:
		return fault.At("source.image", fault.Invalid, "A static site is made of files: its source is a git repository or an upload.")
	case replicas > 1:
		return fault.At("settings.replicas", fault.Invalid, "A static site has no replicas.")
	}
	return nil
}

func checkReplicas(field string, n int) error {
	if n < 0 || n > spec.MaxReplicas {
		return fault.At(field, fault.Invalid, "Between 1 and %d replicas can run.", spec.MaxReplicas)
	}
	return nil
}

func serviceScope(svc *ent.Service) store.Scope {
	return store.Scope{WorkspaceID: svc.Edges.Project.WorkspaceID, ProjectID: svc.ProjectID, ServiceID: svc.ID}
}
