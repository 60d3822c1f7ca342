package spec

import (
	"io"

	"github.com/davitdev/davit/internal/enum"
)

// EnvironmentKind says what an environment is for.
type EnvironmentKind string

// The kinds of environments.
const (
	Production  EnvironmentKind = "PRODUCTION"
	Staging     EnvironmentKind = "STAGING"
	Development EnvironmentKind = "DEVELOPMENT"
	Preview     EnvironmentKind = "PREVIEW"
)

// Scope says what a variable is for.
type Scope string

// The scopes, from the widest to the narrowest.
const (
	ScopeProject     Scope = "PROJECT"
	ScopeEnvironment Scope = "ENVIRONMENT"
	ScopeService     Scope = "SERVICE"
)

var (
	environmentKinds = []EnvironmentKind{Production, Staging, Development, Preview}
	scopes           = []Scope{ScopeProject, ScopeEnvironment, ScopeService}
)

func (EnvironmentKind) Values() []string            { return enum.Strings(environmentKinds) }
func (k EnvironmentKind) MarshalGQL(w io.Writer)    { enum.Write(w, k) }
func (k *EnvironmentKind) UnmarshalGQL(v any) error { return enum.Read(k, v, environmentKinds) }
func (Scope) Values() []string                      { return enum.Strings(scopes) }
func (s Scope) MarshalGQL(w io.Writer)              { enum.Write(w, s) }
func (s *Scope) UnmarshalGQL(v any) error           { return enum.Read(s, v, scopes) }
