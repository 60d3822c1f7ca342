// Package fault is the one error vocabulary of the product.
//
// Every error a user may see is a *fault.Error with a Code of the closed list
// in codes.go. Every other error is internal: it is logged with its cause and
// reaches clients only as INTERNAL. The GraphQL presenter, the HTTP endpoints,
// the retry rule of the worker and the exit status of the CLI all read the
// same Code.
package fault

import (
	"errors"
	"fmt"
	"time"
)

// Error is a failure that is safe to show.
type Error struct {
	Code    Code
	Message string // a full sentence for the user that says what to do
	Field   string // the offending input as a dotted path, "" if there is none
	Hint    string // a second sentence: how to mend it; "" if Message says all

	// RetryAfter is how long to wait before trying again; 0 means unknown.
	RetryAfter time.Duration

	err error // the cause: logged, never sent
}

func (e *Error) Error() string {
	if e.err == nil {
		return e.Message
	}
	return e.Message + ": " + e.err.Error()
}

func (e *Error) Unwrap() error { return e.err }

// New returns an Error without a cause.
func New(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// At returns an Error about the input field, a dotted path such as
// "source.image".
func At(field string, code Code, format string, args ...any) *Error {
	return &Error{Code: code, Field: field, Message: fmt.Sprintf(format, args...)}
}

// Wrap gives err a code and a message a user can read. It returns nil for a
// nil err so that it can sit on a return line.
func Wrap(err error, code Code, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), err: err}
}

// Because returns a copy of e with err as its cause.
func (e *Error) Because(err error) *Error {
	c := *e
	c.err = err
	return &c
}

// WithHint returns a copy of e with a sentence that says how to mend it.
func (e *Error) WithHint(format string, args ...any) *Error {
	c := *e
	c.Hint = fmt.Sprintf(format, args...)
	return &c
}

// CodeOf returns the code of the outermost *Error in err's chain, "" for nil
// and Internal for an error nobody classified.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return Internal
}

// Is reports whether err carries code.
func Is(err error, code Code) bool { return err != nil && CodeOf(err) == code }
