package logs

import (
	"fmt"
	"strconv"
	"strings"
)

// MaxLine is the most bytes a message has; longer lines are split.
const MaxLine = 16 << 10

// Line is a line of a stream. Lines are shared between readers: what they
// point to is never changed.
type Line struct {
	Stream   *Stream
	Seq      uint64 // from 1, without holes
	UnixNano int64  // never decreases within a stream
	Message  string // UTF-8 without control bytes but tabs and colour sequences
	Severity Severity

	// A raw line longer than MaxLine makes several. Truncated says that the
	// next one goes on with it, Continued that it goes on with the one before.
	Truncated, Continued bool

	// gap marks the place of lost lines; Message says how many and why.
	gap bool
}

// Severity orders lines by how much they matter.
type Severity uint8

// The severities in rising order. What says nothing about itself is below all.
const (
	SeverityUnknown Severity = iota
	SeverityTrace
	SeverityDebug
	SeverityInfo
	SeverityWarn
	SeverityError
	SeverityFatal
)

var severityNames = [...]string{"UNKNOWN", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"}

// String returns the severity's name in the API.
func (s Severity) String() string {
	if int(s) < len(severityNames) {
		return severityNames[s]
	}
	return severityNames[SeverityUnknown]
}

// ParseSeverity returns the severity of that name in the API.
func ParseSeverity(name string) (Severity, bool) {
	for i, n := range severityNames {
		if n == name {
			return Severity(i), true
		}
	}
	return SeverityUnknown, false
}

// Item is what a Feed gives: a *Batch, a *Gap or an *End.
type Item interface{ item() }

// Gap stands where lines are lost or were left out.
type Gap struct {
	Dropped int64 // lines; 0 if nobody can know
	Reason  GapReason
	// From and To are the cursors before and after the gap: a Query between
	// them gives what is still there.
	From, To string
}

// GapReason says why lines are missing.
type GapReason string

// The reasons. Values are public: they appear in the API.
const (
	SlowConsumer     GapReason = "SLOW_CONSUMER"
	RateLimited      GapReason = "RATE_LIMITED"
	RetentionPassed  GapReason = "RETENTION"
	StoreUnavailable GapReason = "STORE_UNAVAILABLE"
	EngineAway       GapReason = "ENGINE_AWAY"
)

// End is the last item of a feed.
type End struct {
	Reason EndReason
	Cursor string // where the feed ended
}

// EndReason says why a feed ended.
type EndReason string

// The reasons. Values are public: they appear in the API.
const (
	BuildEnded      EndReason = "BUILD_ENDED"
	DeploymentEnded EndReason = "DEPLOYMENT_ENDED"
	CommandEnded    EndReason = "COMMAND_ENDED"
	SourceRemoved   EndReason = "SOURCE_REMOVED"
	ServerShutdown  EndReason = "SERVER_SHUTDOWN"
)

func (*Batch) item() {}
func (*Gap) item()   {}
func (*End) item()   {}

// gapMessage is how a gap is written in the place of a line.
func gapMessage(lines int64, why GapReason) string { return fmt.Sprintf("%d %s", max(lines, 0), why) }

// lost reads a gap's line.
func (l *Line) lost() (lines int64, why GapReason) {
	n, reason, _ := strings.Cut(l.Message, " ")
	lines, err := strconv.ParseInt(n, 10, 64)
	if err != nil || lines < 0 {
		lines = 0
	}
	return lines, GapReason(reason)
}

// hole is the gap in place of the lines r of s, which nobody has any more.
func hole(s *Stream, r Range, nano int64, why GapReason) Line {
	return Line{Stream: s, Seq: r.To, UnixNano: nano, Message: gapMessage(int64(r.To-r.From+1), why), gap: true}
}
