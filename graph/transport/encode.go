package transport

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/davitdev/davit/internal/fault"
)

// Encoder writes responses as JSON. One serves all transports; it is safe for
// concurrent use.
type Encoder struct {
	// RequestID names the request ctx belongs to; clients quote it when they
	// report a problem. It is written into every error; "" is left out.
	RequestID func(ctx context.Context) string

	buffers sync.Pool
}

// Present is the one shape in which clients see err: its message with its
// hint, and extensions code, retryable, and field and retryAfterMs where they
// are known. The Encoder adds requestId.
func Present(err *fault.Error) *gqlerror.Error {
	out := &gqlerror.Error{
		Err:     err,
		Message: err.Message,
		Extensions: map[string]any{
			"code":      string(err.Code),
			"retryable": err.Code.Info().Retryable,
		},
	}
	if err.Hint != "" {
		out.Message += " " + err.Hint
	}
	if err.Field != "" {
		out.Extensions["field"] = err.Field
	}
	if err.RetryAfter > 0 {
		out.Extensions["retryAfterMs"] = err.RetryAfter.Milliseconds()
	}
	return out
}

// codeOf is the code err carries; INTERNAL if it carries none of ours.
func codeOf(err *gqlerror.Error) fault.Code {
	if code, ok := err.Extensions["code"]; ok {
		return fault.Code(fmt.Sprint(code))
	}
	return fault.Internal
}

// response appends r to b. Errors without data have no data entry: the request
// failed before it was executed. Data is copied as it is; it must be JSON.
func (e *Encoder) response(ctx context.Context, b *bytes.Buffer, r *graphql.Response) {
	b.WriteByte('{')
	if len(r.Errors) > 0 {
		b.WriteString(`"errors":`)
		e.errors(ctx, b, r.Errors)
	}
	switch {
	case len(r.Errors) == 0 && len(r.Data) == 0:
		b.WriteString(`"data":null`)
	case len(r.Errors) == 0:
		b.WriteString(`"data":`)
		b.Write(r.Data)
	case len(r.Data) > 0:
		b.WriteString(`,"data":`)
		b.Write(r.Data)
	}
	if len(r.Extensions) > 0 {
		if extensions, err := json.Marshal(r.Extensions); err == nil {
			b.WriteString(`,"extensions":`)
			b.Write(extensions)
		}
	}
	b.WriteByte('}')
}

// errors appends list to b as an array.
func (e *Encoder) errors(ctx context.Context, b *bytes.Buffer, list gqlerror.List) {
	id := e.RequestID(ctx)
	b.WriteByte('[')
	for i, err := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		out := *err
		out.Extensions = maps.Clone(err.Extensions) // may be shared by requests
		if out.Extensions == nil {
			out.Extensions = map[string]any{}
		}
		code := codeOf(err)
		out.Extensions["code"] = string(code)
		if _, said := out.Extensions["retryable"]; !said {
			out.Extensions["retryable"] = code.Info().Retryable
		}
		if id != "" {
			out.Extensions["requestId"] = id
		}
		text, failed := json.Marshal(&out)
		if failed != nil { // an extension that is no JSON
			text, _ = json.Marshal(Present(fault.New(fault.Internal, "Something broke on our side.")))
		}
		b.Write(text)
	}
	b.WriteByte(']')
}

// refuse answers a request that never became an operation.
func (e *Encoder) refuse(w http.ResponseWriter, r *http.Request, media string, status int, errs ...*gqlerror.Error) {
	e.write(w, r, media, status, &graphql.Response{Errors: errs})
}

// write answers with resp.
func (e *Encoder) write(w http.ResponseWriter, r *http.Request, media string, status int, resp *graphql.Response) {
	b := e.buffer()
	defer e.release(b)
	e.response(r.Context(), b, resp)

	h := w.Header()
	h.Set("Content-Type", media+"; charset=utf-8")
	h.Set("Content-Length", fmt.Sprint(b.Len()))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // the client may have gone
}

// maxPooled is how large a buffer may have grown and still be kept.
const maxPooled = 64 << 10

func (e *Encoder) buffer() *bytes.Buffer {
	if b, ok := e.buffers.Get().(*bytes.Buffer); ok {
		return b
	}
	return &bytes.Buffer{}
}

// release gives b back; nobody may use it or its bytes any more.
func (e *Encoder) release(b *bytes.Buffer) {
	if b.Cap() <= maxPooled {
		b.Reset()
		e.buffers.Put(b)
	}
}
