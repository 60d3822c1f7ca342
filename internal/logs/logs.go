// Package logs keeps what builds and replicas print, and shows it live.
//
// A source (a deployment or an operation) has streams: its build, the system's
// own remarks, and standard output and error of each replica. A stream counts
// its lines from 1 without holes. Sources belong to a group, the service
// instance they are about.
//
// A line's way: a Writer cleans, masks and numbers it and puts it into a
// bounded queue, which never waits. One flusher appends queues to the spool,
// a file per stream; from then on the line is acknowledged: it survives a
// SIGKILL at once and a power cut a second later. The flusher then shows it to
// the feeds that follow, from memory all of them share. A sealer moves full
// spool files into the Store, compressed.
//
// A reader's place is a cursor: one sequence number per stream that can still
// grow. A feed that resumes with a cursor gets the lines after it, each once,
// and a Gap wherever lines are gone.
package logs

import (
	"github.com/davitdev/davit/internal/fault"
)

// Source names what a feed is about. Where something is read, an empty ID
// means the whole group.
type Source struct {
	Group string // "ins_…", or that of an operation alone
	ID    string // "dep_…" or "opn_…"
}

// Kind says what a stream carries.
type Kind string

// The kinds. Values are public: they appear in the API and in file names.
const (
	Build  Kind = "BUILD"
	Stdout Kind = "STDOUT"
	Stderr Kind = "STDERR"
	System Kind = "SYSTEM" // our own remarks, see Log.System
)

// Stream is one stream of a source.
type Stream struct {
	Source  Source
	Number  uint64 // unique in a store, rising with time
	Kind    Kind
	Replica string // "rep_…" for Stdout and Stderr of a replica, else ""
}

const (
	idPrefix = 3
	idLen    = idPrefix + 1 + 26
)

// validID reports whether id has the form of our ids, which makes it safe as
// the name of a file.
func validID(id string) bool {
	if len(id) != idLen || id[idPrefix] != '_' {
		return false
	}
	for i := range len(id) {
		c := id[i]
		switch {
		case i < idPrefix:
			if c < 'a' || c > 'z' {
				return false
			}
		case i > idPrefix:
			if (c < '0' || c > '9') && (c < 'a' || c > 'v') {
				return false
			}
		}
	}
	return true
}

// check refuses ids that are not ours. A scope may leave out the ID.
func (s Source) check(scope bool) error {
	if !validID(s.Group) {
		return fault.At("source", fault.Invalid, "%.64q is not the id of a service instance.", s.Group)
	}
	if !validID(s.ID) && (!scope || s.ID != "") {
		return fault.At("source", fault.Invalid, "%.64q is not the id of a deployment or an operation.", s.ID)
	}
	return nil
}

func checkReplica(id string) error {
	if id != "" && !validID(id) {
		return fault.At("replicaId", fault.Invalid, "%.64q is not the id of a replica.", id)
	}
	return nil
}
