// Package enum has what every enum of ours needs to be a column of ent and a
// type of gqlgen.
package enum

import (
	"fmt"
	"io"
	"slices"
	"strconv"
)

// Strings lists enum values as ent wants them.
func Strings[T ~string](values []T) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return out
}

// Write writes v as a GraphQL enum value.
func Write[T ~string](w io.Writer, v T) { _, _ = io.WriteString(w, strconv.Quote(string(v))) }

// Read reads a GraphQL enum value into dst.
func Read[T ~string](dst *T, v any, values []T) error {
	s, ok := v.(string)
	if !ok || !slices.Contains(values, T(s)) {
		return fmt.Errorf("%v is not one of %v", v, values)
	}
	*dst = T(s)
	return nil
}
