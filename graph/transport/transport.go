// Package transport carries GraphQL to gqlgen's executor and back: HTTP
// speaks GraphQL over HTTP (https://graphql.github.io/graphql-over-http/),
// WebSocket speaks graphql-transport-ws
// (https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md).
//
// Both treat what arrives as hostile, limit it before they look at it, and
// answer every failure with a code of package fault. What an operation may
// cost is not decided here but in the executor, by package guard.
package transport

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/davitdev/davit/internal/fault"
)

// maxErrors is how many errors of one refused document are reported: a small
// document can hold thousands.
const maxErrors = 20

// prepare makes an operation of params. It returns what the client is to be
// told if that is impossible.
func prepare(ctx context.Context, exec graphql.GraphExecutor, params *graphql.RawParams) (*graphql.OperationContext, gqlerror.List) {
	op, errs := exec.CreateOperationContext(ctx, params)
	if len(errs) == 0 {
		return op, nil
	}
	return nil, exec.DispatchError(graphql.WithOperationContext(ctx, op), errs[:min(len(errs), maxErrors)]).Errors
}

// recovered is what the client is told after a panic, once the executor's
// recover function has seen it. It is called while the panic is handled, so
// that the function can log the stack. It does not panic itself.
func recovered(ctx context.Context, exec graphql.GraphExecutor, p any) (told gqlerror.List) {
	told = gqlerror.List{Present(fault.New(fault.Internal, "Something broke on our side."))}
	defer func() { _ = recover() }() // of the presenter: it would end the process
	if e, ok := exec.(interface {
		PresentRecoveredError(ctx context.Context, err any) error
	}); ok {
		if err, ok := errors.AsType[*gqlerror.Error](e.PresentRecoveredError(ctx, p)); ok && err != nil {
			told = gqlerror.List{err}
		}
	}
	return told
}

// IsUpgrade reports whether r asks for a websocket. What else a client would like
// to speak, such as h2c, does not change what it sends.
func IsUpgrade(r *http.Request) bool {
	for _, v := range r.Header.Values("Upgrade") {
		for token := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(token), "websocket") {
				return true
			}
		}
	}
	return false
}

// object decodes the JSON object in data, its values left as they are. Unlike
// a struct it knows exact names only. It is nil for null and for nothing.
func object(data []byte) (fields map[string]json.RawMessage, ok bool) {
	if len(data) == 0 {
		return nil, true
	}
	return fields, json.Unmarshal(data, &fields) == nil
}
