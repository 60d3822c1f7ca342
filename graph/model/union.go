package model

// The interfaces and unions of the API. Their members are rows and values of
// other packages, which know nothing of GraphQL.
type (
	// Node is anything with an id of its own.
	Node any
	// Principal is a *ent.User or a *SystemPrincipal.
	Principal any
	// ServiceSource is a *GitSource, a *spec.ImageSource or a
	// *spec.UploadSource.
	ServiceSource any
	// RouteTarget is a *ServiceRoute.
	RouteTarget any
	// LogFeed is a *LogBatch, a *logs.Gap or a *LogEnd.
	LogFeed any
)

// GitSource is the repository of a service.
type GitSource struct {
	Repository         string
	Ref, RootDirectory *string
	ServiceID          string
}

// ServiceRoute is a route's way to the replicas of an instance.
type ServiceRoute struct{ InstanceID string }
