//go:build tools

// Package tools names the generators, so that go.mod keeps what they need.
package tools

import (
	_ "entgo.io/ent/entc"
	_ "github.com/99designs/gqlgen"
	_ "github.com/Khan/genqlient"
)
