package model

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"

	"github.com/davitdev/davit/internal/logs"
)

// MarshalString writes a text.
func MarshalString(s string) graphql.Marshaler { return graphql.MarshalString(s) }

// UnmarshalString reads a text that can be stored: valid UTF-8 without NUL,
// which neither PostgreSQL nor an environment variable can hold.
func UnmarshalString(v any) (string, error) { return storable(graphql.UnmarshalString(v)) }

// MarshalID writes an id.
func MarshalID(s string) graphql.Marshaler { return graphql.MarshalID(s) }

// UnmarshalID reads an id, a text that can be stored.
func UnmarshalID(v any) (string, error) { return storable(graphql.UnmarshalID(v)) }

func storable(s string, err error) (string, error) {
	if err == nil && (strings.IndexByte(s, 0) >= 0 || !utf8.ValidString(s)) {
		err = errors.New("the text has a NUL or is no UTF-8")
	}
	return s, err
}

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
