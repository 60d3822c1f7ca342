package queue

import (
	"slices"
	"sync"
)

// flights keeps this process from handling one row twice at once. A second
// task for a row that is being handled is absorbed: the handler runs once more
// afterwards, because it may have read the row before it changed. The zero
// value is ready to use.
type flights struct {
	mu    sync.Mutex
	again map[flight]bool // of each that is being handled: rung meanwhile
}

// flight is the handling of one row.
type flight struct{ typ, id string }

// begin reports whether the caller is to handle f. If not, whoever does has
// been told.
func (f *flights) begin(key flight) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, busy := f.again[key]; busy {
		f.again[key] = true
		return false
	}
	if f.again == nil {
		f.again = map[flight]bool{}
	}
	f.again[key] = false
	return true
}

// end reports whether the caller, who began, has to handle the row once more;
// if not, the flight is over.
func (f *flights) end(key flight) (again bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.again[key] {
		f.again[key] = false
		return true
	}
	delete(f.again, key)
	return false
}

// list names what is being handled.
func (f *flights) list() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var names []string
	for key := range f.again {
		names = append(names, key.typ+" "+key.id)
	}
	slices.Sort(names)
	return names
}
