package model

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"github.com/davitdev/davit/internal/logs"
)

// nanoLayout writes every instant with the same number of digits, so that
// texts sort like times.
const nanoLayout = "2006-01-02T15:04:05.000000000Z"

// The instants that have a number of nanoseconds since 1970 lie between these
// years, both included.
const firstYear, lastYear = 1678, 2261

// MarshalNanoTime writes an instant in UTC with all its nanoseconds.
func MarshalNanoTime(t time.Time) graphql.Marshaler {
	return graphql.WriterFunc(func(w io.Writer) {
		_, _ = io.WriteString(w, strconv.Quote(t.UTC().Format(nanoLayout)))
	})
}

// UnmarshalNanoTime reads an instant of RFC 3339 with up to nine digits of a
// second.
func UnmarshalNanoTime(v any) (time.Time, error) {
	s, ok := v.(string)
	if !ok {
		return time.Time{}, fmt.Errorf("%T is not a time", v)
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}, err
	}
	t = t.UTC()
	if t.Year() < firstYear || t.Year() > lastYear {
		return time.Time{}, fmt.Errorf("the year %d is out of range", t.Year())
	}
	return t, nil
}

// MarshalLogSeverity writes the name of a severity.
func MarshalLogSeverity(s logs.Severity) graphql.Marshaler {
	return graphql.WriterFunc(func(w io.Writer) { _, _ = io.WriteString(w, strconv.Quote(s.String())) })
}

// UnmarshalLogSeverity reads the name of a severity.
func UnmarshalLogSeverity(v any) (logs.Severity, error) {
	name, _ := v.(string)
	s, ok := logs.ParseSeverity(name)
	if !ok {
		return 0, fmt.Errorf("%v is not a severity", v)
	}
	return s, nil
}
