package docker

import (
	"context"
	"fmt"
	"strings"

	"github.com/davitdev/davit/runner"
)

// pullTexts are what engines and registries write, in lower case, and what it
// means. The status codes mean little: 20.10 answers 500 for most, and once the
// stream has begun there is only text. The first match counts.
var pullTexts = []struct {
	text string
	is   error
}{
	{noSpace, runner.ErrDiskFull},

	{"no matching manifest for", runner.ErrImageUnsupported},
	{"does not match the specified platform", runner.ErrImageUnsupported},
	{"cannot be used on this platform", runner.ErrImageUnsupported},
	{"unsupported media type", runner.ErrImageUnsupported},
	{"unsupported manifest", runner.ErrImageUnsupported},
	{"unknown media type", runner.ErrImageUnsupported},
	{"mediatype", runner.ErrImageUnsupported},

	{"unauthorized", runner.ErrImageUnauthorized},
	{"authentication required", runner.ErrImageUnauthorized},
	{"no basic auth credentials", runner.ErrImageUnauthorized},
	{"access forbidden", runner.ErrImageUnauthorized},
	{"denied", runner.ErrImageUnauthorized},
	{"403 forbidden", runner.ErrImageUnauthorized},

	{"manifest unknown", runner.ErrImageNotFound},
	{"name unknown", runner.ErrImageNotFound},
	{"name invalid", runner.ErrImageNotFound},
	{"invalid repository name", runner.ErrImageNotFound},
	{"is a reserved name", runner.ErrImageNotFound},
	{"not found", runner.ErrImageNotFound},

	{"toomanyrequests", runner.ErrRegistry},
	{"too many requests", runner.ErrRegistry},
	{"dial tcp", runner.ErrRegistry},
	{"lookup ", runner.ErrRegistry},
	{"timeout", runner.ErrRegistry},
	{"deadline exceeded", runner.ErrRegistry},
	{"connection refused", runner.ErrRegistry},
	{"connection reset", runner.ErrRegistry},
	{"eof", runner.ErrRegistry},
	{"tls: ", runner.ErrRegistry},
	{"x509: ", runner.ErrRegistry},
	{"http response to https client", runner.ErrRegistry},
	{"unexpected http status: 5", runner.ErrRegistry},
	{"unexpected status code 5", runner.ErrRegistry},
	{"unexpected status from ", runner.ErrRegistry},
	{"500 internal server error", runner.ErrRegistry},
	{"502 bad gateway", runner.ErrRegistry},
	{"503 service unavailable", runner.ErrRegistry},
	{"error parsing http ", runner.ErrRegistry},
	{"filesystem layer verification failed", runner.ErrRegistry},
	{"server gave http", runner.ErrRegistry},
}

// pullError turns the engine's text into one of the contract's errors. A lost
// engine is told apart first: its error is one of the connection, not text.
func (e *Engine) pullError(ctx context.Context, err error, cred *runner.Credential) error {
	if ctx.Err() != nil || isAway(err) {
		return e.fail(ctx, "pull", err)
	}
	text := strings.ToLower(err.Error())
	// What a registry says of what is private as well as of what does not
	// exist; without a password it is rather a typing error. One that asks for
	// a password before it looks says no more.
	if cred == nil && strings.Contains(text, "repository does not exist or may require") && !strings.Contains(text, "no basic auth credentials") {
		return fmt.Errorf("docker pull: %w: %w", runner.ErrImageNotFound, err)
	}
	for _, known := range pullTexts {
		if strings.Contains(text, known.text) {
			return fmt.Errorf("docker pull: %w: %w", known.is, err)
		}
	}
	return e.fail(ctx, "pull", err)
}
