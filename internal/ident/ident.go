// Package ident makes the ids of rows: a prefix that says what the row is and
// a UUIDv7 in lower-case base32hex, for example
// "prj_069mqv8t2rs7v0k8j3q1b2c3d4". Ids of one kind sort by the time they were
// made. They are public, opaque to clients and safe in file names, host labels
// after the underscore, and container names.
package ident

import (
	"encoding/base32"
	"strings"

	"github.com/google/uuid"
)

// Kind is the prefix of an id.
type Kind string

// The kinds. They are part of the public API and never reused.
const (
	Workspace          Kind = "wsp"
	User               Kind = "usr"
	Membership         Kind = "mbr"
	APIToken           Kind = "tok"
	Project            Kind = "prj"
	Environment        Kind = "env"
	Service            Kind = "svc"
	Instance           Kind = "ins"
	Variable           Kind = "var"
	VariableVersion    Kind = "vrv"
	Deployment         Kind = "dep"
	Build              Kind = "bld"
	Replica            Kind = "rep"
	Domain             Kind = "dom"
	Route              Kind = "rte"
	Event              Kind = "evt"
	Operation          Kind = "opn"
	Artifact           Kind = "art"
	RegistryCredential Kind = "crd"
	GitCredential      Kind = "gcr"
	Installation       Kind = "dvt"
	Outbox             Kind = "obx"
	IdempotencyKey     Kind = "idk"
)

const (
	prefixLen = 3
	bodyLen   = 26
)

var encoding = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// New returns a fresh id of kind k. Ids made one after the other by one
// process sort in that order.
func New(k Kind) string {
	u := uuid.Must(uuid.NewV7()) // fails only without an entropy source
	return string(k) + "_" + encoding.EncodeToString(u[:])
}

// Maker returns a function that makes ids of kind k, as a column default.
func Maker(k Kind) func() string { return func() string { return New(k) } }

// KindOf returns the kind of a well-formed id. ok is false for anything that
// New could not have made; such an id names no row.
func KindOf(id string) (k Kind, ok bool) {
	if len(id) != prefixLen+1+bodyLen || id[prefixLen] != '_' {
		return "", false
	}
	body := id[prefixLen+1:]
	for i := range body {
		if c := body[i]; (c < '0' || c > '9') && (c < 'a' || c > 'v') {
			return "", false
		}
	}
	return Kind(id[:prefixLen]), true
}

// Is reports whether id is a well-formed id of kind k.
func Is(id string, k Kind) bool {
	got, ok := KindOf(id)
	return ok && got == k
}

// Short returns the last n characters of an id's body: random, fit for names
// that must differ but be short.
func Short(id string, n int) string {
	body := id[strings.IndexByte(id, '_')+1:]
	return body[max(0, len(body)-n):]
}
