// Package ent is the client of the rows that "go generate ./ent" writes from
// ent/schema. Only this file, entc.go, schema/ and migrations/ are written by
// hand.
package ent

//go:generate go run -mod=mod entc.go
