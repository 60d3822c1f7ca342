// Package ident makes the ids of rows: a prefix that says what the row is and
// a UUIDv7 in lower-case base32hex, for example
// "prj_069mqv8t2rs7v0k8j3q1b2c3d4". Ids of one kind sort by the time they were
// made. They are public, opaque to clients and safe in file names, host labels
// after the underscore, and container names.
package ident

import (
	"encoding/base32"
	"encoding/binary"
	"strings"
	"sync"
	"time"

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
	FileVersion        Kind = "flv"
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
	LoginSession       Kind = "ses"
	ClaimLink          Kind = "clm"
)

const (
	prefixLen = 3
	bodyLen   = 26
)

var encoding = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// made is the time in the last id of this process: milliseconds and, in the 12
// lowest bits, what of the millisecond had passed.
var made struct {
	sync.Mutex
	at int64
}

// New returns a fresh id of kind k. Ids made one after the other by one
// process sort in that order, whatever the clock does.
func New(k Kind) string {
	u := uuid.New() // panics only without an entropy source
	now := time.Now().UnixNano()
	at := now/1e6<<12 | now%1e6>>8
	made.Lock()
	at = max(at, made.at+1)
	made.at = at
	made.Unlock()
	binary.BigEndian.PutUint64(u[:], uint64(at)>>12<<16|7<<12|uint64(at)&0xfff) //nolint:gosec // positive
	return string(k) + "_" + encoding.EncodeToString(u[:])
}

// After lets the ids that this process makes from now on sort behind one that
// was made before, perhaps by a clock that was set back since. What is no id is
// ignored.
func After(id string) {
	if _, ok := KindOf(id); !ok {
		return
	}
	u, err := encoding.DecodeString(id[prefixLen+1:])
	if err != nil {
		return
	}
	bits := binary.BigEndian.Uint64(u)
	at := int64(bits>>16<<12 | bits&0xfff) //nolint:gosec // 60 bits
	made.Lock()
	defer made.Unlock()
	made.at = max(made.at, at)
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
