// Package model holds the Go types of the API that are neither rows nor values
// of other packages. models_gen.go is generated.
package model

import (
	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/graph/page"
)

type (
	// ProjectConnection is a page of the list.
	ProjectConnection = page.Connection[*ent.Project]
	// ProjectEdge is an item of the list.
	ProjectEdge = page.Edge[*ent.Project]
	// EnvironmentConnection is a page of the list.
	EnvironmentConnection = page.Connection[*ent.Environment]
	// EnvironmentEdge is an item of the list.
	EnvironmentEdge = page.Edge[*ent.Environment]
	// ServiceConnection is a page of the list.
	ServiceConnection = page.Connection[*ent.Service]
	// ServiceEdge is an item of the list.
	ServiceEdge = page.Edge[*ent.Service]
	// DeploymentConnection is a page of the list.
	DeploymentConnection = page.Connection[*ent.Deployment]
	// DeploymentEdge is an item of the list.
	DeploymentEdge = page.Edge[*ent.Deployment]
	// EventConnection is a page of the list.
	EventConnection = page.Connection[*ent.Event]
	// EventEdge is an item of the list.
	EventEdge = page.Edge[*ent.Event]
)
