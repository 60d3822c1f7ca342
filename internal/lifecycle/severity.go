package lifecycle

import (
	"io"

	"github.com/davitdev/davit/internal/enum"
)

// Severity says how much an event matters.
type Severity string

// The severities.
const (
	Info     Severity = "INFO"
	Notice   Severity = "NOTICE"
	Warning  Severity = "WARNING"
	Critical Severity = "CRITICAL"
)

var severities = []Severity{Info, Notice, Warning, Critical}

func (Severity) Values() []string            { return enum.Strings(severities) }
func (s Severity) MarshalGQL(w io.Writer)    { enum.Write(w, s) }
func (s *Severity) UnmarshalGQL(v any) error { return enum.Read(s, v, severities) }
