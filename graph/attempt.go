package graph

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/davitdev/davit/internal/fault"
)

// How often one address may sign in with a token that is wrong.
const (
	wrongTokens  = 10 // at once
	nextAttempt  = 6 * time.Second
	maxAddresses = 10_000 // that are remembered
)

// attempts bounds how fast one address can guess tokens by signing in. Claims
// are not counted: they are 160 random bits, never a person's choice, and stay
// a way in while somebody guesses from behind the same address. The zero value
// is ready to use.
type attempts struct {
	mu sync.Mutex
	by map[string]*rate.Limiter // by address
}

// allow reports, as nil or an error, whether address may try.
func (a *attempts) allow(address string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	l := a.by[address]
	if l == nil || l.Tokens() >= 1 {
		return nil
	}
	err := fault.New(fault.TooManyRequests, "Too many tokens from here were wrong: wait a moment. A link of \"davit console\" works meanwhile.")
	err.RetryAfter = time.Duration((1 - l.Tokens()) * float64(nextAttempt))
	return err
}

// refused counts a token of address that was wrong. Many that are tried at the
// same moment are paid for later.
func (a *attempts) refused(address string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.by == nil {
		a.by = map[string]*rate.Limiter{}
	}
	if len(a.by) >= maxAddresses {
		for other, l := range a.by { // those who would be told the same if they were new
			if l.Tokens() >= wrongTokens {
				delete(a.by, other)
			}
		}
	}
	l := a.by[address]
	if l == nil {
		l = rate.NewLimiter(rate.Every(nextAttempt), wrongTokens)
		a.by[address] = l
	}
	l.Reserve()
}
