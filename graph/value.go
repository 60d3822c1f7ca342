package graph

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/graph/model"
	"github.com/davitdev/davit/internal/access"
	"github.com/davitdev/davit/internal/principal"
	"github.com/davitdev/davit/internal/project"
	"github.com/davitdev/davit/internal/spec"
)

// or is what p points to, or the zero value.
func or[T any](p *T) T {
	var v T
	if p != nil {
		v = *p
	}
	return v
}

// ptr points to v, or is nil for the zero value.
func ptr[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

func pointers[T any](list []T) []*T {
	out := make([]*T, len(list))
	for i := range list {
		out[i] = &list[i]
	}
	return out
}

// keyed returns ctx with the idempotency key of an input, which goes before
// that of the header.
func keyed(ctx context.Context, key *string) context.Context {
	return principal.WithIdempotencyKey(ctx, or(key))
}

// snapshotOf shows what a deployment wanted.
func snapshotOf(ctx context.Context, d *ent.Deployment) (*model.DeploymentSnapshot, error) {
	svc, err := load(ctx).service.Load(ctx, d.ServiceID)
	if err != nil {
		return nil, err
	}
	wanted := d.Settings.WithDefaults(svc.Kind)
	text, err := json.Marshal(wanted)
	if err != nil {
		return nil, err
	}
	out := &model.DeploymentSnapshot{Variables: pointers(d.Variables)}
	if err := json.Unmarshal(text, &out.Settings); err != nil {
		return nil, err
	}
	writeDurations(out.Settings, map[string]time.Duration{"drainTimeout": wanted.DrainTimeout})
	if h, ok := out.Settings["healthCheck"].(map[string]any); ok {
		writeDurations(h, map[string]time.Duration{
			"interval": wanted.HealthCheck.Interval, "timeout": wanted.HealthCheck.Timeout, "startPeriod": wanted.HealthCheck.StartPeriod,
		})
	}
	return out, nil
}

// writeDurations writes durations that are in object as the API does elsewhere,
// where rows have nanoseconds.
func writeDurations(object map[string]any, durations map[string]time.Duration) {
	for name, d := range durations {
		if _, ok := object[name]; ok {
			var b strings.Builder
			graphql.MarshalDuration(d).MarshalGQL(&b)
			object[name] = strings.Trim(b.String(), `"`)
		}
	}
}

func triggerOf(ctx context.Context, d *ent.Deployment) (*model.DeploymentTrigger, error) {
	t := &model.DeploymentTrigger{Kind: d.Trigger}
	if d.CreatedByID == nil {
		return t, nil
	}
	var err error
	t.Actor, err = actor(ctx, *d.CreatedByID)
	return t, err
}

// settingsOf shows the settings of an instance, defaults filled in.
func settingsOf(ctx context.Context, i *ent.ServiceInstance) (*model.ServiceSettings, error) {
	svc, err := load(ctx).service.Load(ctx, i.ServiceID)
	if err != nil {
		return nil, err
	}
	s := i.Settings.WithDefaults(svc.Kind)
	h := s.HealthCheck
	return &model.ServiceSettings{
		Builder: s.Builder, Language: ptr(s.Language), LanguageVersion: ptr(s.LanguageVersion), InstallCommand: ptr(s.InstallCommand),
		BuildCommand: ptr(s.BuildCommand), OutputDirectory: ptr(s.OutputDirectory), Packages: append([]string{}, s.Packages...),
		DockerfilePath: s.DockerfilePath, DockerTarget: ptr(s.DockerTarget), BuildArgs: pointers(s.BuildArgs),
		PreDeployCommand: s.PreDeployCommand, Processes: processesOf(i), ConfigFiles: filesOf(s.ConfigFiles), Cron: ptr(s.Cron), TimeZone: cmp.Or(s.TimeZone, "UTC"), CronOverlap: s.CronOverlap, StartCommand: ptr(s.StartCommand), Port: ptr(s.Port), Replicas: i.ReplicaCount,
		Resources:     &model.Resources{CPUMillis: s.Resources.CPUMillis, MemoryBytes: s.Resources.MemoryBytes},
		RestartPolicy: s.RestartPolicy, RestartMaxRetries: s.RestartMaxRetries, DrainTimeout: s.DrainTimeout,
		HealthCheck: &model.HealthCheck{
			Kind: h.Kind, SuccessCodes: ptr(h.SuccessCodes), Path: ptr(h.Path), Port: ptr(h.Port), Command: append([]string{}, h.Command...),
			Interval: h.Interval, Timeout: h.Timeout, StartPeriod: h.StartPeriod, HealthyThreshold: h.HealthyThreshold,
		},
	}, nil
}

// processesOf shows the processes of an instance's settings, as they are scaled.
func processesOf(i *ent.ServiceInstance) []*spec.Process {
	out := make([]*spec.Process, len(i.Settings.Processes))
	for n, p := range i.Settings.Processes {
		if count, scaled := i.ProcessReplicas[p.Name]; scaled {
			p.Replicas = count
		}
		out[n] = &p
	}
	return out
}

// patch returns what an input changes of settings: absent keeps, null resets.
func patch(in model.ServiceSettingsInput) func(spec.Settings) spec.Settings {
	return func(s spec.Settings) spec.Settings {
		set(&s.Builder, in.Builder)
		set(&s.Language, in.Language)
		set(&s.LanguageVersion, in.LanguageVersion)
		set(&s.InstallCommand, in.InstallCommand)
		set(&s.BuildCommand, in.BuildCommand)
		set(&s.OutputDirectory, in.OutputDirectory)
		if list, said := in.Packages.ValueOK(); said {
			s.Packages = list
		}
		set(&s.DockerfilePath, in.DockerfilePath)
		set(&s.DockerTarget, in.DockerTarget)
		set(&s.StartCommand, in.StartCommand)
		set(&s.Port, in.Port)
		set(&s.Cron, in.Cron)
		set(&s.TimeZone, in.TimeZone)
		set(&s.CronOverlap, in.CronOverlap)
		set(&s.RestartPolicy, in.RestartPolicy)
		set(&s.RestartMaxRetries, in.RestartMaxRetries)
		set(&s.DrainTimeout, in.DrainTimeout)
		if list, said := in.Processes.ValueOK(); said {
			s.Processes = nil
			for _, p := range list {
				s.Processes = append(s.Processes, *p)
			}
		}
		if list, said := in.ConfigFiles.ValueOK(); said {
			s.ConfigFiles = patchFiles(s.ConfigFiles, list)
		}
		if words, said := in.PreDeployCommand.ValueOK(); said {
			s.PreDeployCommand = words
		}
		if args, said := in.BuildArgs.ValueOK(); said {
			s.BuildArgs = nil
			for _, a := range args {
				s.BuildArgs = append(s.BuildArgs, *a)
			}
		}
		if r, said := in.Resources.ValueOK(); said {
			s.Resources = spec.Resources{}
			if r != nil {
				s.Resources = spec.Resources{CPUMillis: or(r.CPUMillis), MemoryBytes: or(r.MemoryBytes)}
			}
		}
		if h, said := in.HealthCheck.ValueOK(); said {
			s.HealthCheck = healthCheckOf(h)
		}
		return s
	}
}

// filesOf shows config files in the order of their paths.
func filesOf(files []spec.ConfigFile) []*spec.ConfigFile {
	sorted := slices.SortedFunc(slices.Values(files), func(a, b spec.ConfigFile) int { return strings.Compare(a.Path, b.Path) })
	return pointers(sorted)
}

// patchFiles are the config files of an input. What one does not say of itself
// is what old has at its path.
func patchFiles(old []spec.ConfigFile, in []*model.ConfigFileInput) []spec.ConfigFile {
	var out []spec.ConfigFile
	for _, f := range in {
		file := spec.ConfigFile{Path: f.Path, Mode: spec.DefaultMode}
		if at := slices.IndexFunc(old, func(o spec.ConfigFile) bool { return o.Path == f.Path }); at >= 0 {
			file = old[at]
		}
		if f.Mode != nil {
			file.Mode = *f.Mode
		}
		if f.Content != nil {
			file.Content, file.Size = f.Content, len(*f.Content)
		}
		out = append(out, file)
	}
	return out
}

func set[T any](dst *T, v graphql.Omittable[*T]) {
	if p, said := v.ValueOK(); said {
		*dst = or(p)
	}
}

func healthCheckOf(in *model.HealthCheckInput) *spec.HealthCheck {
	if in == nil {
		return nil
	}
	return &spec.HealthCheck{
		Kind: in.Kind, SuccessCodes: or(in.SuccessCodes), Path: or(in.Path), Port: or(in.Port), Command: in.Command,
		Interval: or(in.Interval), Timeout: or(in.Timeout), StartPeriod: or(in.StartPeriod), HealthyThreshold: or(in.HealthyThreshold),
	}
}

func sourceOf(in model.ServiceSourceInput) spec.Source {
	if g := in.Git; g != nil {
		return spec.Source{Git: &spec.GitSource{Repository: g.Repository, Ref: or(g.Ref), RootDirectory: or(g.RootDirectory)}}
	}
	if in.Image != nil {
		return spec.Source{Image: &spec.ImageSource{Image: in.Image.Image, CredentialID: or(in.Image.CredentialID)}}
	}
	return spec.Source{Upload: &spec.UploadSource{ArtifactID: or(in.Upload.ArtifactID)}}
}

// accessOf is what an input says about how a repository is opened.
func accessOf(in model.ServiceSourceInput) project.GitAccess {
	if g := in.Git; g != nil {
		return project.GitAccess{Username: or(g.Username), Token: or(g.Token), GenerateDeployKey: g.GenerateDeployKey}
	}
	return project.GitAccess{}
}

func serviceSource(svc *ent.Service) model.ServiceSource {
	switch s := svc.Source; {
	case s.Git != nil:
		return &model.GitSource{Repository: s.Git.Repository, Ref: ptr(s.Git.Ref), RootDirectory: ptr(s.Git.RootDirectory), ServiceID: svc.ID}
	case s.Image != nil:
		return s.Image
	case s.Upload != nil:
		return s.Upload
	default:
		return nil
	}
}

func targetOf(in model.VariableTarget) project.Target {
	return project.Target{ProjectID: or(in.ProjectID), EnvironmentID: or(in.EnvironmentID), InstanceID: or(in.ServiceInstanceID)}
}

func valuesOf(in []*model.VariableInput) []project.Value {
	out := make([]project.Value, len(in))
	for i, v := range in {
		out[i] = project.Value{Name: v.Name, Value: v.Value, Secret: v.Secret}
		for _, use := range v.UsedAt {
			out[i].Build = out[i].Build || use == model.VariableUseBuild
			out[i].Runtime = out[i].Runtime || use == model.VariableUseRuntime
		}
	}
	return out
}

func usesOf(v *ent.Variable) []model.VariableUse {
	uses := []model.VariableUse{}
	if v.Build {
		uses = append(uses, model.VariableUseBuild)
	}
	if v.Runtime {
		uses = append(uses, model.VariableUseRuntime)
	}
	return uses
}

// plainValue is the value of a variable that is no secret.
func (r *Resolver) plainValue(ctx context.Context, v *ent.Variable) (*string, error) {
	if v.Secret || v.CurrentID == nil {
		return nil, nil //nolint:nilnil // null in the API
	}
	if err := readable(ctx); err != nil { // who set some is not to see the others
		return nil, err
	}
	a := allowanceOf(ctx)
	if a.spent() {
		return new(string), nil
	}
	version, err := load(ctx).version.Load(ctx, *v.CurrentID)
	if errors.Is(err, errTooLarge) && a != nil {
		a.spend()
		return new(string), nil
	}
	if err != nil {
		return nil, err
	}
	value, err := r.Projects.Reveal(v, version)
	return &value, err
}

// createService makes a service with its variables, and deploys it where it
// has something to deploy. Each part is safe to repeat under the same key.
func (r *Resolver) createService(ctx context.Context, in model.CreateServiceInput) (*ent.Service, []*ent.Deployment, error) {
	ctx = keyed(ctx, in.IdempotencyKey)
	n := project.NewService{
		ProjectID: in.ProjectID, Name: in.Name, Slug: or(in.Slug), Kind: in.Kind, Source: sourceOf(*in.Source), Access: accessOf(*in.Source),
		Replicas: in.Replicas, EnvironmentIDs: in.EnvironmentIds, Variables: valuesOf(in.Variables),
	}
	if in.Settings != nil {
		n.Settings = patch(*in.Settings)(spec.Settings{})
	}
	deploys := in.Deploy && n.Source.Ready() && !n.Access.GenerateDeployKey
	if deploys { // asked before anything is changed
		if _, err := access.Project(ctx, r.DB, access.Deploy, in.ProjectID); err != nil {
			return nil, nil, err
		}
	}
	svc, err := r.Projects.CreateService(ctx, n)
	if err != nil || !deploys {
		return svc, []*ent.Deployment{}, err
	}
	deployments, err := r.Deployments.RequestAll(ctx, svc.ID)
	return svc, deployments, err
}

// asked is the input of the mutation under way as it was sent, where null is not
// absent, without what is only echoed.
func asked(ctx context.Context) map[string]any {
	arguments := graphql.GetFieldContext(ctx).Field.ArgumentMap(graphql.GetOperationContext(ctx).Variables)
	in, _ := arguments["input"].(map[string]any)
	in = maps.Clone(in)
	delete(in, "clientMutationId")
	return in
}

// updateInstance changes settings and, unless they are only staged, deploys them
// with the image that serves.
func (r *Resolver) updateInstance(ctx context.Context, in model.UpdateServiceInstanceInput) (*ent.ServiceInstance, *ent.Deployment, error) {
	if in.Apply != model.ApplyModeStage { // asked before anything is changed
		if _, err := access.Instance(ctx, r.DB, access.Deploy, in.ServiceInstanceID); err != nil {
			return nil, nil, err
		}
	}
	i, err := r.Projects.UpdateInstance(ctx, project.ChangeInstance{
		ID: in.ServiceInstanceID, ExpectedVersion: in.ExpectedVersion, Apply: patch(*in.Settings), Asked: asked(ctx),
	})
	if err != nil || in.Apply == model.ApplyModeStage {
		return i, nil, err
	}
	if key := principal.IdempotencyKey(ctx); key != "" { // under which the settings were changed
		ctx = principal.WithIdempotencyKey(ctx, key+"/apply")
	}
	d, err := r.Deployments.Apply(ctx, i.ID)
	return i, d, err
}
