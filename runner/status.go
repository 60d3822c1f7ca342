package runner

// Statuses is a set of HTTP status codes; the empty set stands for 200 to 399.
type Statuses []StatusRange

// StatusRange is a run of status codes, both ends included.
type StatusRange struct{ First, Last int }

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
