// Package graph serves the GraphQL API. Queries read ent directly, through
// loaders that answer a whole level at once; mutations call one verb of
// internal/… each. There are no rules in this package: what somebody may see
// is decided by the tenant filter, what they may do by the verbs.
package graph

import (
	"context"
	"log/slog"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/graph/model"
	"github.com/davitdev/davit/internal/auth"
	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/logs"
	"github.com/davitdev/davit/internal/project"
	"github.com/davitdev/davit/internal/repository"
	"github.com/davitdev/davit/internal/wake"
)

// Resolver holds what the resolvers need. All exported fields are required.
type Resolver struct {
	DB           *ent.Client
	Auth         *auth.Service
	Projects     *project.Service
	Deployments  *deploy.Service
	Repositories *repository.Reader
	Logs         *logs.Log
	Wakes        wake.Subscriber
	Site         Site
	Log          *slog.Logger

	watched  watches
	attempts attempts
	wait     time.Duration // of loaders for more keys, 0: gather
	look     time.Duration // from one look at the installation to the next, 0: lookEvery
}

// Site is what the API says about this installation.
type Site struct {
	Version, Commit string
	BaseDomain      string // of host names
	// URL returns where to open a host name.
	URL func(host string) string
	// Components asks every part of Davit whether it works.
	Components func(context.Context) []*model.ComponentHealth
	// Queues counts the work that waits.
	Queues func(context.Context) ([]*model.QueueStats, error)
}

// host is the full name of a label below the base domain.
func (s Site) host(label string) string { return label + "." + s.BaseDomain }
