package transport

import (
	"bytes"
	"context"
	"encoding/json"
	"sync/atomic"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// operation is one that a client subscribed to.
type operation struct {
	id     string
	quoted string // id as JSON
	cancel context.CancelFunc

	// Guarded by socket.mu.
	counted bool // among socket.running
	single  bool // among socket.singles: is, or may be, no subscription

	failed atomic.Pointer[error]
}

type operationKey struct{}

// EndWith makes err the end of the subscription that ctx belongs to: when its
// channel is closed the client gets err, presented like a resolver's, instead
// of the message that all is complete. Only the last err counts. Where there
// is no subscription it does nothing.
func EndWith(ctx context.Context, err error) {
	if op, ok := ctx.Value(operationKey{}).(*operation); ok && err != nil {
		op.failed.Store(&err)
	}
}

// subscribe starts an operation.
func (s *socket) subscribe(ctx context.Context, m message) error {
	quoted, err := json.Marshal(m.id)
	if err != nil {
		return closef(closeBadRequest, "Invalid message: id") // not for a string that was JSON
	}
	op := &operation{id: m.id, quoted: string(quoted)}
	ctx, op.cancel = context.WithCancel(context.WithValue(graphql.StartOperationTrace(ctx), operationKey{}, op))
	refused, err := s.add(op)
	if err != nil {
		op.cancel()
		return err
	}
	if refused != nil {
		defer op.cancel()
		return s.sendErrors(ctx, op, gqlerror.List{Present(refused)})
	}
	s.helpers.Add(1)
	created, errs := s.create(ctx, m.operation)
	if len(errs) > 0 {
		defer s.done(op)
		return s.finish(ctx, op, errs)
	}
	if created.Operation.Operation == ast.Subscription {
		s.settle(op)
	}
	go s.execute(ctx, op, created)
	return nil
}

// create is prepare with its panics turned into errors.
func (s *socket) create(ctx context.Context, p *graphql.RawParams) (op *graphql.OperationContext, errs gqlerror.List) {
	defer func() {
		if p := recover(); p != nil {
			errs = recovered(ctx, s.exec, p)
		}
	}()
	start := graphql.Now()
	p.ReadTime = graphql.TraceTiming{Start: start, End: start}
	return prepare(ctx, s.exec, p)
}

// execute sends what op yields until it ends.
func (s *socket) execute(ctx context.Context, op *operation, created *graphql.OperationContext) {
	defer s.done(op)
	defer func() {
		if p := recover(); p != nil {
			_ = s.finish(ctx, op, recovered(graphql.WithOperationContext(ctx, created), s.exec, p))
		}
	}()
	responses, ctx := s.exec.DispatchOperation(ctx, created)
	for {
		resp := responses(ctx)
		switch {
		case resp == nil:
			_ = s.finish(ctx, op, s.failure(ctx, op))
			return
		case len(resp.Data) == 0 && len(resp.Errors) > 0: // it was not executed
			_ = s.finish(ctx, op, resp.Errors)
			return
		case created.Operation.Operation != ast.Subscription:
			_ = s.sendLast(ctx, op, resp)
			return
		case s.sendNext(ctx, op, resp) != nil:
			return
		}
	}
}

// failure is what EndWith left.
func (s *socket) failure(ctx context.Context, op *operation) gqlerror.List {
	err := op.failed.Load()
	if err == nil {
		return nil
	}
	return s.exec.DispatchError(ctx, gqlerror.List{gqlerror.WrapIfUnwrapped(*err)}).Errors
}

// finish ends op with errs, or as complete if there are none. A client that
// completed op itself is told nothing.
func (s *socket) finish(ctx context.Context, op *operation, errs gqlerror.List) error {
	if !s.remove(op) {
		return nil
	}
	if len(errs) > 0 {
		return s.sendErrors(ctx, op, errs)
	}
	return s.send(ctx, completed(op.quoted))
}

func (s *socket) sendNext(ctx context.Context, op *operation, resp *graphql.Response) error {
	defer s.wait(len(resp.Data))()
	return s.write(ctx, func(b *bytes.Buffer) [][]byte { return [][]byte{s.result(ctx, b, op, resp)} })
}

// sendLast sends the one response of op and that op is complete.
func (s *socket) sendLast(ctx context.Context, op *operation, resp *graphql.Response) error {
	defer s.wait(len(resp.Data))()
	if !s.remove(op) {
		return nil
	}
	return s.write(ctx, func(b *bytes.Buffer) [][]byte { return [][]byte{s.result(ctx, b, op, resp), completed(op.quoted)} })
}

// result encodes what op yielded.
func (s *socket) result(ctx context.Context, b *bytes.Buffer, op *operation, resp *graphql.Response) []byte {
	head(b, next, op.quoted)
	s.transport.Encoder.response(ctx, b, resp)
	tail(b)
	return b.Bytes()
}

func (s *socket) sendErrors(ctx context.Context, op *operation, errs gqlerror.List) error {
	b := s.transport.Encoder.buffer()
	defer s.transport.Encoder.release(b)
	head(b, errorMessage, op.quoted)
	s.transport.Encoder.errors(ctx, b, errs)
	tail(b)
	return s.send(ctx, b.Bytes())
}
