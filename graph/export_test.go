package graph

import "time"

// Wait makes the loaders of r wait for more keys for d, so that a busy machine
// does not tear a level apart.
func Wait(r *Resolver, d time.Duration) { r.wait = d }

// Watched counts the rows that are loaded for subscriptions.
func Watched(r *Resolver) int {
	r.watched.mu.Lock()
	defer r.watched.mu.Unlock()
	return len(r.watched.open)
}

// Of event feeds.
var (
	EventCursor     = eventCursor
	ReadEventCursor = readEventCursor
	EventsAfter     = (*Resolver).eventsAfter
)

// LookEvery makes subscriptions to the installation look at it every d.
func LookEvery(r *Resolver, d time.Duration) { r.look = d }
