package fault

import (
	"fmt"
	"io"
	"strconv"
)

// MarshalGQL writes d as a GraphQL enum value.
func (d Domain) MarshalGQL(w io.Writer) { _, _ = io.WriteString(w, strconv.Quote(string(d))) }

// UnmarshalGQL reads a GraphQL enum value.
func (d *Domain) UnmarshalGQL(v any) error {
	switch s, _ := v.(string); Domain(s) {
	case User, Platform, Upstream:
		*d = Domain(s)
		return nil
	}
	return fmt.Errorf("%v is not a fault domain", v)
}
