package graph

import (
	"time"

	"golang.org/x/time/rate"

	"github.com/davitdev/davit/internal/bucket"
	"github.com/davitdev/davit/internal/fault"
)

// How often one address may sign in with a token that is wrong.
const (
	wrongTokens = 10 // at once
	nextAttempt = 6 * time.Second
)

// attempts bounds how fast one address can guess tokens by signing in. Claims
// are not counted: they are 160 random bits, never a person's choice, and stay
// a way in while somebody guesses from behind the same address. The zero value
// is ready to use.
type attempts struct {
	by bucket.Set // by address
}

// allow reports, as nil or an error, whether address may try.
func (a *attempts) allow(address string) error {
	l := a.by.Known(address)
	if l == nil {
		return nil
	}
	tokens := l.Tokens()
	if tokens >= 1 {
		return nil
	}
	err := fault.New(fault.TooManyRequests, "Too many tokens from here were wrong: wait a moment. A link of \"davit console\" works meanwhile.")
	err.RetryAfter = time.Duration((1 - tokens) * float64(nextAttempt))
	return err
}

// refused counts a token of address that was wrong. Many that are tried at the
// same moment are paid for later.
func (a *attempts) refused(address string) {
	a.by.Of(address, rate.Every(nextAttempt), wrongTokens).Reserve()
}
