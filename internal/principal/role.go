package principal

import (
	"io"
	"slices"

	"github.com/davitdev/davit/internal/enum"
)

// Role is what somebody is in a workspace and all its projects.
type Role string

// The roles. A higher one may do what a lower one may.
const (
	Owner      Role = "OWNER"
	Maintainer Role = "ADMIN"
	Editor     Role = "EDITOR"
	Viewer     Role = "VIEWER"
)

// roles, in rising order of power.
var roles = []Role{Viewer, Editor, Maintainer, Owner}

// AtLeast reports whether r is as powerful as other.
func (r Role) AtLeast(other Role) bool { return slices.Index(roles, r) >= slices.Index(roles, other) }

func (Role) Values() []string            { return enum.Strings(roles) }
func (r Role) MarshalGQL(w io.Writer)    { enum.Write(w, r) }
func (r *Role) UnmarshalGQL(v any) error { return enum.Read(r, v, roles) }
