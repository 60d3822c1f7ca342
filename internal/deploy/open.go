package deploy

import (
	"entgo.io/ent/dialect/sql"

	"github.com/davitdev/davit/ent/deployment"
	"github.com/davitdev/davit/ent/replica"
	"github.com/davitdev/davit/internal/lifecycle"
)

// Unfinished is a predicate of deployments: those that have not ended. It names
// the status in the statement, by which the databases know that the index of
// just these will do. Any other predicate about a status wants it beside it.
func Unfinished(s *sql.Selector) {
	s.Where(sql.ExprP(s.C(deployment.FieldStatus) + " <> '" + string(lifecycle.Completed) + "'"))
}

// Existing is likewise one of replicas: those that have or should have a
// container.
func Existing(s *sql.Selector) {
	s.Where(sql.ExprP(s.C(replica.FieldStatus) + " <> '" + string(lifecycle.ReplicaRemoved) + "'"))
}
