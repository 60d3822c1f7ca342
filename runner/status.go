package runner

import (
	"fmt"
	"strconv"
	"strings"
)

// Statuses is a set of HTTP status codes; the empty set stands for 200 to 399.
type Statuses []StatusRange

// StatusRange is a run of status codes, both ends included.
type StatusRange struct{ First, Last int }

// ParseStatuses reads a set such as "200-399,401".
func ParseStatuses(s string) (Statuses, error) {
	var set Statuses
	for part := range strings.SplitSeq(s, ",") {
		from, to, isRange := strings.Cut(strings.TrimSpace(part), "-")
		if !isRange {
			to = from
		}
		first, err1 := strconv.Atoi(from)
		last, err2 := strconv.Atoi(to)
		if err1 != nil || err2 != nil || first < 100 || last > 599 || first > last {
			return nil, fmt.Errorf("%q is not a status code from 100 to 599 or a range of them", part)
		}
		set = append(set, StatusRange{first, last})
	}
	return set, nil
}

// Contains reports whether code is in the set.
func (s Statuses) Contains(code int) bool {
	if len(s) == 0 {
		return code >= 200 && code < 400
	}
	for _, r := range s {
		if code >= r.First && code <= r.Last {
			return true
		}
	}
	return false
}
