package transport

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/davitdev/davit/internal/fault"
)

// HTTP is GraphQL over HTTP: queries and mutations by POST as JSON, queries by
// GET. There are no form posts and no batches. It takes every request that
// does not ask for a websocket, so that a wrong one gets a right answer.
//
// For clients that accept application/graphql-response+json the status is the
// one of the error that kept the operation from being executed, and 200 once
// it was executed, whatever became of it. For the legacy application/json it
// is 200 for every well-formed request.
type HTTP struct {
	Encoder *Encoder
	MaxBody int64 // bytes; a longer body, or query string, is not read
	// BodyTime is what a body may take to come.
	BodyTime time.Duration
	// Refusal is why who asks in ctx may do no more than sign in, nil if they may.
	// More than a little they are not heard out, but told that. nil: everybody may.
	Refusal func(ctx context.Context) *fault.Error
}

// maxRefused is what is read of those who may do no more than sign in, bytes.
const maxRefused = 8 << 10

var _ graphql.Transport = HTTP{}

// Supports reports whether r is HTTP to the end.
func (HTTP) Supports(r *http.Request) bool { return !IsUpgrade(r) }

// Do answers r.
func (t HTTP) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	media := negotiate(strings.Join(r.Header.Values("Accept"), ","))
	if media == "" {
		t.fail(w, r, mediaJSON, fault.New(fault.NotAcceptable, "The Accept header must allow %s or %s.", mediaGraphQL, mediaJSON))
		return
	}
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			panic(p) //nolint:forbidigo // not ours to stop
		default:
			t.Encoder.refuse(w, r, media, http.StatusInternalServerError, recovered(r.Context(), exec, p)...)
		}
	}()
	start := graphql.Now()
	p, err := t.read(w, r)
	if err != nil {
		t.fail(w, r, media, err)
		return
	}
	p.Headers = r.Header
	p.ReadTime = graphql.TraceTiming{Start: start, End: graphql.Now()}
	resp, err := execute(r, exec, p)
	if err != nil {
		if err.Code == fault.MethodNotAllowed {
			w.Header().Set("Allow", http.MethodPost)
		}
		t.fail(w, r, media, err)
		return
	}
	status := http.StatusOK
	if media == mediaGraphQL && len(resp.Data) == 0 && len(resp.Errors) > 0 {
		status = codeOf(resp.Errors[0]).Info().Status
	}
	t.Encoder.write(w, r, media, status, resp)
}

func (t HTTP) fail(w http.ResponseWriter, r *http.Request, media string, err *fault.Error) {
	t.Encoder.refuse(w, r, media, err.Code.Info().Status, Present(err))
}

// execute runs the operation in p, one that HTTP and its method allow.
func execute(r *http.Request, exec graphql.GraphExecutor, p *graphql.RawParams) (*graphql.Response, *fault.Error) {
	ctx := r.Context()
	op, errs := prepare(ctx, exec, p)
	if len(errs) > 0 {
		return &graphql.Response{Errors: errs}, nil
	}
	switch kind := op.Operation.Operation; {
	case kind == ast.Subscription:
		return nil, fault.New(fault.BadRequest, "A subscription needs a websocket with the subprotocol %s.", subprotocol)
	case kind == ast.Mutation && r.Method == http.MethodGet:
		return nil, fault.New(fault.MethodNotAllowed, "A mutation must be sent by POST.")
	}
	responses, ctx := exec.DispatchOperation(ctx, op)
	if resp := responses(ctx); resp != nil {
		return resp, nil
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return nil, fault.New(fault.DeadlineExceeded, "The operation took too long.")
	}
	return nil, fault.New(fault.Canceled, "The request was canceled.")
}

// read returns the operation r asks for.
func (t HTTP) read(w http.ResponseWriter, r *http.Request) (*graphql.RawParams, *fault.Error) {
	switch r.Method {
	case http.MethodGet:
		return t.readQuery(r)
	case http.MethodPost:
		return t.readBody(w, r)
	}
	w.Header().Set("Allow", "GET, POST")
	return nil, fault.New(fault.MethodNotAllowed, "Use POST, or GET for a query.")
}

func (t HTTP) readQuery(r *http.Request) (*graphql.RawParams, *fault.Error) {
	if int64(len(r.URL.RawQuery)) > t.MaxBody {
		return nil, t.tooLarge()
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, fault.New(fault.BadRequest, "The query string is malformed.")
	}
	return params(queryFields(values))
}

func (t HTTP) readBody(w http.ResponseWriter, r *http.Request) (*graphql.RawParams, *fault.Error) {
	media, param, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != mediaJSON || !isUTF8(param["charset"]) {
		return nil, fault.New(fault.UnsupportedMedia, "The Content-Type must be application/json in UTF-8.")
	}
	if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return nil, fault.New(fault.UnsupportedMedia, "The body must not be compressed.")
	}
	if r.ContentLength > t.MaxBody {
		return nil, t.tooLarge()
	}
	b := t.Encoder.buffer()
	defer t.Encoder.release(b)
	limit, tooLarge := t.MaxBody, t.tooLarge()
	if t.Refusal != nil {
		if refused := t.Refusal(r.Context()); refused != nil {
			limit, tooLarge = min(limit, maxRefused), refused
		}
	}
	// Without an end to it whoever is slow enough holds memory for ever. A
	// connection that knows no deadlines is a test's.
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(t.BodyTime))
	_, err = b.ReadFrom(http.MaxBytesReader(w, r.Body, limit))
	if _, over := errors.AsType[*http.MaxBytesError](err); over {
		return nil, tooLarge
	}
	if err != nil {
		return nil, fault.New(fault.BadRequest, "The body could not be read to its end.")
	}
	_ = control.SetReadDeadline(time.Time{}) // else it would end the request
	fields, ok := object(b.Bytes())
	if !ok {
		return nil, fault.New(fault.BadRequest, "The body must be one JSON object with a query; batches are not supported.")
	}
	return params(fields)
}

func (t HTTP) tooLarge() *fault.Error {
	return fault.New(fault.RequestTooLarge, "The request is larger than %d bytes.", t.MaxBody)
}
