package graph

import "time"

// Wait makes the loaders of r wait for more keys for d, so that a busy machine
// does not tear a level apart.
func Wait(r *Resolver, d time.Duration) { r.wait = d }
