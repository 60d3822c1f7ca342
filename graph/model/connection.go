// Package model holds the Go types of the API that are neither rows nor values
// of other packages. models_gen.go is generated.
package model

import (
	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/graph/page"
)

type (
	// The connections and edges of the API.

	ProjectConnection     = page.Connection[*ent.Project]
	ProjectEdge           = page.Edge[*ent.Project]
	EnvironmentConnection = page.Connection[*ent.Environment]
	EnvironmentEdge       = page.Edge[*ent.Environment]
	ServiceConnection     = page.Connection[*ent.Service]
	ServiceEdge           = page.Edge[*ent.Service]
	DeploymentConnection  = page.Connection[*ent.Deployment]
	DeploymentEdge        = page.Edge[*ent.Deployment]
	EventConnection       = page.Connection[*ent.Event]
	EventEdge             = page.Edge[*ent.Event]
)
