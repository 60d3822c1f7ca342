package guard_test

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"github.com/davitdev/davit/graph/guard"
	"github.com/davitdev/davit/internal/fault"
)

//go:embed testdata/schema.graphql
var sdl string

//go:embed testdata/introspection.graphql
var introspection string

// schema is executable in name only: nothing in these tests gets that far.
type schema struct{ schema *ast.Schema }

func load(tb testing.TB) schema {
	tb.Helper()
	s, err := gqlparser.LoadSchema(&ast.Source{Input: sdl})
	if err != nil {
		tb.Fatal(err)
	}
	return schema{s}
}

func (s schema) Schema() *ast.Schema { return s.schema }

func (s schema) Complexity(context.Context, string, string, int, map[string]any) (int, bool) {
	return 0, false
}

func (schema) Exec(context.Context) graphql.ResponseHandler {
	return graphql.OneShot(&graphql.Response{})
}

func house() *guard.Guard {
	return &guard.Guard{
		Limits:   guard.DefaultLimits(),
		Weights:  map[string]int{"Query.search": 10, "User.name": 2},
		PageSize: 20,
		ListSize: 5,
		Known:    guard.NewCache(10),
	}
}

// try gives the executor an operation and returns its refusal, "" if there is
// none, with its code.
func try(tb testing.TB, g *guard.Guard, query, variables string) (message string, code any) {
	tb.Helper()
	exec := executor.New(load(tb))
	exec.Use(g)
	return run(tb, exec, query, variables)
}

func run(tb testing.TB, exec *executor.Executor, query, variables string) (message string, code any) {
	tb.Helper()
	params := &graphql.RawParams{Query: query}
	if variables != "" {
		dec := json.NewDecoder(strings.NewReader(variables))
		dec.UseNumber()
		if err := dec.Decode(&params.Variables); err != nil {
			tb.Fatal(err)
		}
	}
	_, errs := exec.CreateOperationContext(graphql.StartOperationTrace(tb.Context()), params)
	if len(errs) == 0 {
		return "", nil
	}
	return errs[0].Message, errs[0].Extensions["code"]
}

// nest returns open + open … inner … close, n times.
func nest(n int, open, inner, end string) string {
	return strings.Repeat(open, n) + inner + strings.Repeat(end, n)
}

func TestEveryLimitHolds(t *testing.T) {
	t.Parallel()

	list := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	tests := []struct {
		name  string
		set   func(*guard.Limits)
		pass  string
		fails string
		says  string
	}{
		{
			name:  "bytes",
			set:   func(l *guard.Limits) { l.Bytes = 20 },
			pass:  "{viewer{name}}      ",
			fails: "{viewer{name}}       ",
			says:  "The document is 21 bytes long; at most 20 are allowed.",
		},
		{
			name:  "tokens, comments among them",
			set:   func(l *guard.Limits) { l.Tokens = 7 },
			pass:  "{viewer{name}}#a",
			fails: "{viewer{name}}#a\n#b",
			says:  "The document has 8 tokens; at most 7 are allowed.",
		},
		{
			name:  "depth",
			set:   func(l *guard.Limits) { l.Depth = 4 },
			pass:  "{viewer{friend{friend{name}}}}",
			fails: "{viewer{friend{friend{friend{name}}}}}",
			says:  "The query nests fields 5 levels deep; at most 4 are allowed.",
		},
		{
			name:  "depth hidden in fragments",
			set:   func(l *guard.Limits) { l.Depth = 4 },
			pass:  "{viewer{...on User{...F}}} fragment F on User{friend{...G}} fragment G on User{friend{name}}",
			fails: "{viewer{...on User{...F}}} fragment F on User{friend{friend{...G}}} fragment G on User{friend{name}}",
			says:  "The query nests fields 5 levels deep; at most 4 are allowed.",
		},
		{
			name:  "introspection depth",
			set:   func(l *guard.Limits) { l.IntrospectionDepth, l.Depth = 4, 3 },
			pass:  "{viewer{friend{name}} __schema{types{fields{name}}}}",
			fails: "{viewer{friend{name}} __schema{types{fields{type{name}}}}}",
			says:  "The introspection nests fields 5 levels deep; at most 4 are allowed.",
		},
		{
			name:  "fields after expansion",
			set:   func(l *guard.Limits) { l.Fields = 6 },
			pass:  "{viewer{friend{...F} ...F}} fragment F on User{id name}",
			fails: "{viewer{friend{...F} ...F id}} fragment F on User{id name}",
			says:  "The query has 7 fields once its fragments are expanded; at most 6 are allowed.",
		},
		{
			name:  "aliases after expansion",
			set:   func(l *guard.Limits) { l.Aliases = 4 },
			pass:  "{viewer{friend{...F} ...F}} fragment F on User{a:id b:id}",
			fails: "{c:viewer{friend{...F} ...F}} fragment F on User{a:id b:id}",
			says:  "The query has 5 aliases once its fragments are expanded; at most 4 are allowed.",
		},
		{
			name:  "root fields, under any fragment",
			set:   func(l *guard.Limits) { l.RootFields = 3 },
			pass:  "{viewer{id} ...F ...F ...on Query{viewer{name}}} fragment F on Query{open{totalCount} __typename}",
			fails: "{viewer{id} ...F ...F ...on Query{me:viewer{name}}} fragment F on Query{open{totalCount} __typename}",
			says:  "The operation has 4 root fields; at most 3 are allowed.",
		},
		{
			name:  "one root field under many aliases",
			set:   func(*guard.Limits) {},
			pass:  "mutation{" + list(5, `a%d:login(name:"a"){id}`) + "}",
			fails: "mutation{" + list(6, `a%d:login(name:"a"){id}`) + "}",
			says:  "The operation asks for login 6 times; at most 5 times are allowed.",
		},
		{
			name:  "fragments, defined, spread and inline",
			set:   func(l *guard.Limits) { l.Fragments = 4 },
			pass:  "{viewer{...F ...F ...{id}}} fragment F on User{id}",
			fails: "{viewer{...F ...F ...{...{id}}}} fragment F on User{id}",
			says:  "The document defines and spreads 5 fragments; at most 4 are allowed.",
		},
		{
			name:  "the same field again in a selection",
			set:   func(l *guard.Limits) { l.Duplicates = 3 },
			pass:  "{viewer{id id a:id} viewer{...F}} fragment F on User{id id}",
			fails: "{viewer{id id a:id a:id} viewer{...F}} fragment F on User{id id}",
			says:  "The document repeats 4 fields in the same selections; at most 3 are allowed.",
		},
		{
			name:  "the same field again in a fragment whose name is taken",
			set:   func(l *guard.Limits) { l.Duplicates = 3 },
			pass:  "{viewer{...F id id id id}} fragment F on User{id}",
			fails: "{viewer{...F}} fragment F on User{id} fragment F on User{id id id id id}",
			says:  "The document repeats 4 fields in the same selections; at most 3 are allowed.",
		},
		{
			name:  "directives, wherever they stand",
			set:   func(l *guard.Limits) { l.Directives = 3 },
			pass:  "{viewer @skip(if:false) @include(if:true){...F @skip(if:false)}} fragment F on User{id}",
			fails: "{viewer @skip(if:false) @include(if:true){...F @skip(if:false)}} fragment F on User{id @skip(if:false)}",
			says:  "The document has 4 directives; at most 3 are allowed.",
		},
		{
			name:  "depth of a literal",
			set:   func(l *guard.Limits) { l.InputDepth = 3 },
			pass:  "{projects(filter:" + nest(2, "{and:[", "", "]}") + "){totalCount}}",
			fails: "{projects(filter:" + nest(2, "{and:[", "{}", "]}") + "){totalCount}}",
			says:  "An argument nests 4 levels deep; at most 3 are allowed.",
		},
		{
			name:  "cost",
			set:   func(l *guard.Limits) { l.Cost = 42 },
			pass:  "{projects(first:40){nodes{id}}}",
			fails: "{projects(first:41){nodes{id}}}",
			says:  "The operation costs 43; at most 42 is allowed. Ask for fewer items or fewer nested lists.",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := house()
			tt.set(&g.Limits)
			if message, _ := try(t, g, tt.pass, ""); message != "" {
				t.Errorf("at the limit: refused with %q", message)
			}
			message, code := try(t, g, tt.fails, "")
			if message != tt.says {
				t.Errorf("over the limit: got %q, want %q", message, tt.says)
			}
			if code != string(fault.QueryTooComplex) {
				t.Errorf("code %v, want %v", code, fault.QueryTooComplex)
			}
		})
	}
}

// The console, GraphiQL and every code generator send this one.
func TestTheStandardIntrospectionQueryPasses(t *testing.T) {
	t.Parallel()

	if message, _ := try(t, house(), introspection, ""); message != "" {
		t.Errorf("refused: %s", message)
	}
}

// Each of these asks for more fields than there are atoms, and would keep a
// checker that follows every spread busy for ever.
func TestBombsAreRefusedAtOnce(t *testing.T) {
	t.Parallel()

	fragments := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i, i+1, i+1)
		}
		fmt.Fprintf(&b, "fragment F%d on User{id}", n)
		return b.String()
	}
	tests := []struct{ name, query, says string }{
		{
			"fragments under two aliases",
			"{viewer{...F0}}" + fragments(90, "fragment F%d on User{a:friend{...F%d}b:friend{...F%d}}"),
			"The query nests fields 92 levels deep; at most 16 are allowed.",
		},
		{
			"fragments spread twice on the same object",
			"{viewer{...F0}}" + fragments(90, "fragment F%d on User{...F%d...F%d}"),
			"The query has more than 1000000000 fields once its fragments are expanded; at most 1500 are allowed.",
		},
		{
			"introspection",
			"{__schema{types{...F0}}}" + strings.ReplaceAll(
				fragments(90, "fragment F%d on User{a:fields{type{...F%d}}b:fields{type{...F%d}}}"), "User{", "__Type{"),
			"The introspection nests fields 183 levels deep; at most 16 are allowed.",
		},
		{
			"a fragment that spreads itself",
			"{viewer{...A}} fragment A on User{friend{...B}} fragment B on User{friend{...A}}",
			"The fragment A contains itself, so the query would never end.",
		},
		{
			"a cycle that nothing spreads",
			"{viewer{id}} fragment A on User{...A}",
			"The fragment A contains itself, so the query would never end.",
		},
		{
			"nesting as deep as the parser allows",
			"{viewer" + nest(900, "{friend", "{id}", "}") + "}",
			"The query nests fields 902 levels deep; at most 16 are allowed.",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			message, code := try(t, house(), tt.query, "")
			if message != tt.says || code != string(fault.QueryTooComplex) {
				t.Errorf("got %q with code %v, want %q", message, code, tt.says)
			}
		})
	}
}

func TestWhatIsNotTheGuardsIsLeftToTheExecutor(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name, query string
		want        fault.Code
	}{
		{"a syntax error", "{viewer", fault.GraphQLParse},
		{"a character that is no token", "{viewer{id}} ~", fault.GraphQLParse},
		{"an unknown field", "{nobody}", fault.GraphQLValidation},
		{"an unknown fragment", "{viewer{...F}}", fault.GraphQLValidation},
		{"an empty document", "", fault.GraphQLValidation},
		{"@defer, which no transport of ours delivers", "{viewer{...@defer{name}}}", fault.GraphQLValidation},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if message, code := try(t, house(), tt.query, ""); code != string(tt.want) {
				t.Errorf("got %q with code %v, want code %v", message, code, tt.want)
			}
		})
	}
}

func TestVariablesThatNestTooDeepAreRefused(t *testing.T) {
	t.Parallel()

	const query = "query($f:Filter){projects(filter:$f){totalCount}}"
	g := house()
	g.Limits.InputDepth = 4
	if message, _ := try(t, g, query, `{"f":{"and":[{"and":[]}]}}`); message != "" {
		t.Errorf("at the limit: refused with %q", message)
	}
	for _, variables := range []string{
		`{"f":{"and":[{"and":[{"and":[]}]}]}}`,
		`{"not declared":[[[[[0]]]]]}`,
		`{"f":` + nest(4000, `{"and":[`, "", "]}") + `}`,
	} {
		if message, code := try(t, g, query, variables); code != string(fault.QueryTooComplex) {
			t.Errorf("%.40s: got %q with code %v", variables, message, code)
		}
	}
}

func TestADocumentTheCacheKnowsIsNotMeasuredAgain(t *testing.T) {
	t.Parallel()

	const query = "query($n:Int){projects(first:$n){nodes{id}}}"
	g := house()
	exec := executor.New(load(t))
	exec.Use(g)
	exec.SetQueryCache(g.Known)
	if message, _ := run(t, exec, query, ""); message != "" {
		t.Fatal(message)
	}
	g.Limits.Bytes = 1
	if message, _ := run(t, exec, query, ""); message != "" {
		t.Errorf("a known document was measured: %s", message)
	}
	if _, code := run(t, exec, query, `{"n":100000}`); code != string(fault.QueryTooComplex) {
		t.Errorf("the cost of a known document was not reckoned: code %v", code)
	}
	if _, code := run(t, exec, query+" ", ""); code != string(fault.QueryTooComplex) {
		t.Errorf("an unknown document was not measured: code %v", code)
	}
}

func TestTheCacheKeepsNoLongDocument(t *testing.T) {
	t.Parallel()

	cache := guard.NewCache(10)
	for _, n := range []int{8 << 10, 8<<10 + 1} {
		query := strings.Repeat(" ", n)
		cache.Add(t.Context(), query, &ast.QueryDocument{})
		if _, kept := cache.Get(t.Context(), query); kept != (n == 8<<10) {
			t.Errorf("a document of %d bytes is kept: %v", n, kept)
		}
	}
}

func TestAGuardThatCannotWorkIsRefusedAtStart(t *testing.T) {
	t.Parallel()

	if err := house().Validate(load(t)); err != nil {
		t.Errorf("the house's guard: %v", err)
	}
	for want, change := range map[string]func(*guard.Guard){
		"guard: limit Depth is not set":                  func(g *guard.Guard) { g.Limits.Depth = 0 },
		"guard: limit Cost is not set":                   func(g *guard.Guard) { g.Limits.Cost = -1 },
		"guard: PageSize and ListSize must be set":       func(g *guard.Guard) { g.ListSize = 0 },
		"guard: Known must be set":                       func(g *guard.Guard) { g.Known = nil },
		"guard: there is no field Query.sreach to weigh": func(g *guard.Guard) { g.Weights = map[string]int{"Query.sreach": 1} },
	} {
		g := house()
		change(g)
		if err := g.Validate(load(t)); err == nil || err.Error() != want {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func BenchmarkBomb(b *testing.B) {
	var query strings.Builder
	query.WriteString("{viewer{...F0}}")
	for i := range 20 {
		fmt.Fprintf(&query, "fragment F%d on User{a:friend{...F%d}b:friend{...F%d}}", i, i+1, i+1)
	}
	query.WriteString("fragment F20 on User{id}")
	g := house()
	for b.Loop() {
		if g.MutateOperationParameters(b.Context(), &graphql.RawParams{Query: query.String()}) == nil {
			b.Fatal("not refused")
		}
	}
	b.ReportMetric(float64(query.Len()), "bytes")
}
