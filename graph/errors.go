package graph

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/graph/transport"
	"github.com/davitdev/davit/internal/access"
	"github.com/davitdev/davit/internal/fault"
)

// present turns err into what a client may see. What the executor itself
// raised about the request passes through; what nobody classified is logged
// and shown as INTERNAL, without its text.
func present(log *slog.Logger) graphql.ErrorPresenterFunc {
	return func(ctx context.Context, err error) *gqlerror.Error {
		out := graphql.DefaultErrorPresenter(ctx, err)
		if g, ok := errors.AsType[*gqlerror.Error](err); ok && g.Err == nil && g.Extensions["code"] != nil {
			return out
		}
		f := classify(ctx, log, err, out.Path)
		shown := transport.Present(f)
		shown.Path, shown.Locations = out.Path, out.Locations
		return shown
	}
}

// classify finds the fault in err.
func classify(ctx context.Context, log *slog.Logger, err error, path ast.Path) *fault.Error {
	f, ok := errors.AsType[*fault.Error](err)
	switch {
	case ok:
		if f.Code.Info().Class == fault.ClassBug {
			log.ErrorContext(ctx, "request failed", "path", path.String(), "err", err)
		} else if cause := f.Unwrap(); cause != nil {
			log.InfoContext(ctx, "request refused", "code", f.Code, "err", cause)
		}
		return f
	case inInput(ctx, path):
		field, _ := path[len(path)-1].(ast.PathName)
		return fault.At(string(field), fault.Invalid, "This value is not of the type the API expects.")
	case ent.IsNotFound(err):
		f, _ = errors.AsType[*fault.Error](access.Missing())
		return f
	case ctx.Err() != nil:
		return fault.New(fault.Canceled, "The request was canceled.")
	default:
		log.ErrorContext(ctx, "unclassified error", "path", path.String(), "err", err)
		return fault.New(fault.Internal, "Something broke on our side. The operator's log has the details.")
	}
}

// inInput reports whether path points into the arguments of the field being
// resolved: gqlgen reports a value it cannot decode there, deeper than the
// field itself.
func inInput(ctx context.Context, path ast.Path) bool {
	fc := graphql.GetFieldContext(ctx)
	return fc != nil && len(path) > len(fc.Path())
}

// recoverResolver turns a panic of a resolver into an error.
func recoverResolver(log *slog.Logger) graphql.RecoverFunc {
	return func(ctx context.Context, v any) error {
		log.ErrorContext(ctx, "resolver panicked", "panic", v, "stack", string(debug.Stack()))
		return fault.New(fault.Internal, "Something broke on our side. The operator's log has the details.")
	}
}
