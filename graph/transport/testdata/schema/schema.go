// Package schema is a small API that makes every case of a transport happen.
// The executable part is generated from schema.graphql, by a line in
// server_test.go: the go command does not look for any below testdata.
package schema

import "io"

// Bomb is a value that cannot be encoded.
type Bomb struct{ Fuse Fuse }

// Fuse panics in the goroutine that encodes it.
type Fuse struct{}

// MarshalGQL panics.
func (Fuse) MarshalGQL(io.Writer) { panic("boom") }

// UnmarshalGQL takes anything.
func (*Fuse) UnmarshalGQL(any) error { return nil }
