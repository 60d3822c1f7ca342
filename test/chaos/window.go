//go:build linux

package main

import (
	"sync"
	"time"
)

// everybody is whom a window is for that is no project's.
const everybody = -1

// window is a time in which something may fail that otherwise must not.
type window struct {
	project  int // or everybody
	from, to time.Time
	requests bool // those to applications may fail
	sites    bool // those to static sites may, too
	changes  bool // deployments and commands may fail
	lines    bool // the last ones a container printed may be gone
}

// What a window may be asked for.
func requests(w *window) bool { return w.requests }
func visits(w *window) bool   { return w.sites }
func changes(w *window) bool  { return w.changes }
func lines(w *window) bool    { return w.lines }

// windows are those that were opened. It is safe for concurrent use.
type windows struct {
	mu   sync.Mutex
	list []*window
}

// open opens a window, which close closes.
func (w *windows) open(one window) (shut func()) {
	one.from = time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = append(w.list, &one)
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		one.to = time.Now()
	}
}

// since reports whether a window for a project, which is as wanted, was open
// at some time since then.
func (w *windows) since(began time.Time, project int, wanted func(*window) bool) bool {
	return w.during(began, time.Time{}, project, wanted)
}

// during is the same of a time that has ended, or 0: that has not.
func (w *windows) during(began, ended time.Time, project int, wanted func(*window) bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, one := range w.list {
		if (one.project == everybody || one.project == project) && wanted(one) &&
			(one.to.IsZero() || one.to.After(began)) && (ended.IsZero() || one.from.Before(ended)) {
			return true
		}
	}
	return false
}
