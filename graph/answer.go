package graph

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/variableversion"
	"github.com/davitdev/davit/graph/transport"
	"github.com/davitdev/davit/internal/fault"
)

// What one answer, or one message of a subscription, may hold. A page of a log
// at its largest is a tenth of it, of control characters alone less than half.
const (
	maxAnswer = 16 << 20 // bytes, written as JSON
	ofField   = 64       // what a field takes of it beside its name and its value
	pagesRead = 4        // pages of logs an operation reads at a time
)

type answerKey struct{}

// allowance is what one answer may still hold, and still read of logs, whether
// it shows it or not. It is safe for concurrent use.
type allowance struct {
	left, unread atomic.Int64
	reading      chan struct{}
}

func newAllowance(bytes int64) *allowance {
	a := &allowance{reading: make(chan struct{}, pagesRead)}
	a.left.Store(bytes)
	a.unread.Store(bytes)
	return a
}

// allowanceOf is that of the answer ctx belongs to, nil outside of one.
func allowanceOf(ctx context.Context) *allowance {
	a, _ := ctx.Value(answerKey{}).(*allowance)
	return a
}

// spent reports whether the answer has become too large. It is refused then as
// a whole, so that nothing more has to be found for it.
func (a *allowance) spent() bool { return a != nil && (a.left.Load() < 0 || a.unread.Load() < 0) }

// spend makes it so.
func (a *allowance) spend() { a.unread.Add(-2 * maxAnswer) }

// read waits for a turn to read a page of a log. Whoever got it gives it back.
func (a *allowance) read(ctx context.Context) (done func(), err error) {
	if a == nil {
		return func() {}, nil
	}
	select {
	case a.reading <- struct{}{}:
		return func() { <-a.reading }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// took counts bytes that were read of a log.
func (a *allowance) took(bytes int) {
	if a != nil {
		a.unread.Add(-int64(bytes))
	}
}

// measure counts each field of an answer. When that has become too large it
// empties what has values or leads to more of them.
func measure(ctx context.Context, next graphql.Resolver) (any, error) {
	v, err := next(ctx)
	a := allowanceOf(ctx)
	if a == nil || err != nil {
		return v, err
	}
	if a.left.Add(-int64(ofField+len(graphql.GetFieldContext(ctx).Field.Alias)+sizeOf(v))) < 0 {
		return emptied(v), nil
	}
	return v, nil
}

// bounded answers with next's answer, unless that has become too large.
func bounded(ctx context.Context, bytes int64, next graphql.ResponseHandler) *graphql.Response {
	a := newAllowance(bytes)
	resp := next(context.WithValue(ctx, answerKey{}, a))
	if resp == nil || !a.spent() {
		return resp
	}
	refused := fault.New(fault.QueryTooComplex, "The answer is larger than %d MiB.", bytes>>20).
		WithHint("Ask for fewer lines, smaller pages or fewer fields at a time. What a mutation changed is changed.")
	return &graphql.Response{Data: []byte("null"), Errors: gqlerror.List{transport.Present(refused)}}
}

// errTooLarge is what a loader says that would have to hold more than an answer
// may.
var errTooLarge = errors.New("more than an answer may hold")

// someVersions loads values of variables, which have no more than so many bytes,
// a hundred at a time.
func someVersions(ctx context.Context, db *ent.Client, ids []string, bytes int) ([]*ent.VariableVersion, error) {
	var out []*ent.VariableVersion
	for some := range slices.Chunk(ids, 100) {
		rows, err := db.VariableVersion.Query().Where(variableversion.IDIn(some...)).All(ctx)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			bytes -= len(r.Sealed)
		}
		if bytes < 0 {
			return nil, errTooLarge
		}
		out = append(out, rows...)
	}
	return out, nil
}

// sizeOf is how many bytes a value takes as JSON, about; 0 for what has fields,
// which are counted themselves.
func sizeOf(v any) int {
	switch v := v.(type) {
	case nil, bool, int, int64, float64, time.Duration, time.Time:
		return 0 // ofField has room for it
	case string:
		return sizeOfText(v)
	case *string:
		if v == nil {
			return 0
		}
		return sizeOfText(*v)
	}
	return sizeOfAny(reflect.ValueOf(v))
}

func sizeOfAny(v reflect.Value) (n int) {
	switch v.Kind() { //nolint:exhaustive // the others are short
	case reflect.String:
		return sizeOfText(v.String())
	case reflect.Pointer, reflect.Interface:
		if k := v.Elem().Kind(); k != reflect.Struct {
			return sizeOfAny(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			n += len(",") + sizeOfAny(v.Index(i))
		}
	case reflect.Map:
		for key, value := range v.Seq2() {
			n += ofField + sizeOfAny(key) + sizeOfAny(value)
		}
	}
	return n
}

func sizeOfText(s string) int {
	n := len(s)
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ':
			n += len(`\u0000`) - 1
		case c == '"', c == '\\':
			n++
		}
	}
	return n
}

// emptied is a value of v's type without a text and without items.
func emptied(v any) any {
	switch of := reflect.ValueOf(v); of.Kind() { //nolint:exhaustive // the others are short
	case reflect.String:
		return reflect.Zero(of.Type()).Interface()
	case reflect.Slice:
		return reflect.MakeSlice(of.Type(), 0, 0).Interface()
	case reflect.Map:
		return reflect.MakeMap(of.Type()).Interface()
	case reflect.Pointer:
		if of.Type().Elem().Kind() == reflect.String && !of.IsNil() {
			return reflect.New(of.Type().Elem()).Interface()
		}
	}
	return v
}
