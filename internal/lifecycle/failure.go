package lifecycle

import (
	"errors"
	"io"
	"time"

	"github.com/davitdev/davit/internal/enum"
	"github.com/davitdev/davit/internal/fault"
)

// Failure explains why something ended badly: whose fault it is, in which
// phase, what the program said last and what to do. It is kept in the row.
type Failure struct {
	Code      fault.Code   `json:"code"`
	Domain    fault.Domain `json:"domain"`
	Phase     *PhaseName   `json:"phase,omitempty"`
	Message   string       `json:"message"`
	Hint      *string      `json:"hint,omitempty"`
	ExitCode  *int         `json:"exitCode,omitempty"`
	OOMKilled bool         `json:"oomKilled"`
	Retryable bool         `json:"retryable"`
	// Excerpt is the end of what the program or the build said, oldest first.
	Excerpt []ExcerptLine `json:"excerpt,omitempty"`
}

// ExcerptLine is a log line kept with the failure, which outlives the log.
type ExcerptLine struct {
	Time    time.Time `json:"time"`
	Stream  string    `json:"stream"` // BUILD, STDOUT, STDERR or SYSTEM
	Message string    `json:"message"`
}

// ExcerptLines and ExcerptBytes bound an excerpt: its lines, and a line.
const (
	ExcerptLines = 20
	ExcerptBytes = 1 << 10
)

// AppError is an error about a program that ran: what it adds to a Failure.
type AppError struct {
	Err       error
	ExitCode  *int
	OOMKilled bool
	Excerpt   []ExcerptLine
}

func (e *AppError) Error() string { return e.Err.Error() }
func (e *AppError) Unwrap() error { return e.Err }

// Explain turns err, which happened in phase, into a Failure. What nobody
// classified is a fault of the platform whose text stays in the log.
func Explain(err error, phase PhaseName) *Failure {
	code := fault.CodeOf(err)
	info := code.Info()
	f := &Failure{Code: code, Domain: info.Domain, Retryable: info.Retryable, Message: "Something broke on our side. The operator's log has the details."}
	if phase != "" {
		f.Phase = &phase
	}
	if e, ok := errors.AsType[*fault.Error](err); ok {
		f.Message = e.Message
		if e.Hint != "" {
			f.Hint = &e.Hint
		}
	}
	if a, ok := errors.AsType[*AppError](err); ok {
		f.ExitCode, f.OOMKilled = a.ExitCode, a.OOMKilled
		f.Excerpt = a.Excerpt[max(0, len(a.Excerpt)-ExcerptLines):]
		for i := range f.Excerpt {
			f.Excerpt[i].Message = f.Excerpt[i].Message[:min(len(f.Excerpt[i].Message), ExcerptBytes)]
		}
	}
	return f
}

// Backoff returns how long to wait before attempt n (counted from 1):
// 1s, 2s, 4s … capped at one minute. n below 1 counts as 1.
func Backoff(n int) time.Duration {
	const ceiling = time.Minute
	n = max(n, 1)
	if n > 6 { // 2^6 s is past the ceiling
		return ceiling
	}
	return time.Second << (n - 1)
}

// OperationStatus says where an operation is.
type OperationStatus string

// The statuses of an operation.
const (
	OperationQueued    OperationStatus = "QUEUED"
	OperationRunning   OperationStatus = "RUNNING"
	OperationSucceeded OperationStatus = "SUCCEEDED"
	OperationFailed    OperationStatus = "FAILED"
	OperationCanceled  OperationStatus = "CANCELED"
)

var operationStatuses = []OperationStatus{OperationQueued, OperationRunning, OperationSucceeded, OperationFailed, OperationCanceled}

// Final reports whether the operation has ended.
func (s OperationStatus) Final() bool { return s != OperationQueued && s != OperationRunning }

func (OperationStatus) Values() []string            { return enum.Strings(operationStatuses) }
func (s OperationStatus) MarshalGQL(w io.Writer)    { enum.Write(w, s) }
func (s *OperationStatus) UnmarshalGQL(v any) error { return enum.Read(s, v, operationStatuses) }
