package transport_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/davitdev/davit/graph/transport"
	"github.com/davitdev/davit/graph/transport/testdata/schema"
	"github.com/davitdev/davit/internal/fault"
)

const (
	own    = "application/graphql-response+json"
	legacy = "application/json"
)

// answer is a response read to its end.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) String() string { return fmt.Sprintf("%d %s", a.status, a.body) }

func read(tb testing.TB, resp *http.Response) answer {
	tb.Helper()
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(text)}
}

// post is a request as most clients send it; change alters it.
func post(tb testing.TB, s *server, body string, change func(*http.Request)) answer {
	tb.Helper()
	r, err := http.NewRequestWithContext(tb.Context(), http.MethodPost, s.url(), strings.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", own)
	if change != nil {
		change(r)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		tb.Fatal(err)
	}
	return read(tb, resp)
}

func query(q string) string {
	text, _ := json.Marshal(map[string]string{"query": q})
	return string(text)
}

// codes are those of the errors in body.
func codes(tb testing.TB, body string) []string {
	tb.Helper()
	var resp struct {
		Errors []struct{ Extensions map[string]any }
	}
	if err := json.Unmarshal([]byte(body), &resp); err != nil {
		tb.Fatalf("%v in %s", err, body)
	}
	var list []string
	for _, e := range resp.Errors {
		code, _ := e.Extensions["code"].(string)
		list = append(list, code)
		if _, ok := e.Extensions["retryable"].(bool); !ok || e.Extensions["requestId"] != "req_1" {
			tb.Errorf("extensions are incomplete: %v", e.Extensions)
		}
	}
	return list
}

func TestHTTPRefusals(t *testing.T) {
	t.Parallel()

	s := serve(t, listen(t), nil)
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	get := func(values url.Values) func(*http.Request) {
		return func(r *http.Request) {
			r.Method, r.Body, r.ContentLength = http.MethodGet, nil, 0
			r.URL.RawQuery = values.Encode()
		}
	}
	tests := []struct {
		name   string
		body   string
		change func(*http.Request)
		status int
		code   fault.Code
		header string // "Name: value" expected
	}{
		{"another method", query("{hello}"), func(r *http.Request) { r.Method = http.MethodPut }, 405, fault.MethodNotAllowed, "Allow: GET, POST"},
		{"nothing acceptable", query("{hello}"), header("Accept", "text/html"), 406, fault.NotAcceptable, ""},
		{"all refused", query("{hello}"), header("Accept", own+";q=0, "+legacy+";q=0"), 406, fault.NotAcceptable, ""},
		{"no content type", query("{hello}"), header("Content-Type", ""), 415, fault.UnsupportedMedia, ""},
		{"a form", "query={hello}", header("Content-Type", "application/x-www-form-urlencoded"), 415, fault.UnsupportedMedia, ""},
		{"a multipart form", "--x--", header("Content-Type", "multipart/form-data; boundary=x"), 415, fault.UnsupportedMedia, ""},
		{"a document as it is", "{hello}", header("Content-Type", "application/graphql"), 415, fault.UnsupportedMedia, ""},
		{"another charset", query("{hello}"), header("Content-Type", "application/json; charset=utf-16"), 415, fault.UnsupportedMedia, ""},
		{"a compressed body", query("{hello}"), header("Content-Encoding", "gzip"), 415, fault.UnsupportedMedia, ""},
		{"a long body", query("{hello}" + strings.Repeat(" ", 4<<10)), nil, 413, fault.RequestTooLarge, ""},
		{"a long body of unknown length", query("{hello}" + strings.Repeat(" ", 4<<10)), func(r *http.Request) { r.ContentLength = -1 }, 413, fault.RequestTooLarge, ""},
		{"a long query string", "", get(url.Values{"query": {"{hello}" + strings.Repeat(" ", 4<<10)}}), 413, fault.RequestTooLarge, ""},
		{"no JSON", `{"query":"{hello}"`, nil, 400, fault.BadRequest, ""},
		{"JSON and more", `{"query":"{hello}"}{}`, nil, 400, fault.BadRequest, ""},
		{"a batch", "[" + query("{hello}") + "]", nil, 400, fault.BadRequest, ""},
		{"a string", `"{hello}"`, nil, 400, fault.BadRequest, ""},
		{"nothing", "", nil, 400, fault.BadRequest, ""},
		{"null", "null", nil, 400, fault.BadRequest, ""},
		{"no query", `{"variables":{}}`, nil, 400, fault.BadRequest, ""},
		{"another case of query", `{"Query":"{hello}"}`, nil, 400, fault.BadRequest, ""},
		{"a query that is no string", `{"query":{}}`, nil, 400, fault.BadRequest, ""},
		{"variables that are no object", `{"query":"{hello}","variables":[1]}`, nil, 400, fault.BadRequest, ""},
		{"extensions that are no object", `{"query":"{hello}","extensions":"a"}`, nil, 400, fault.BadRequest, ""},
		{"an operation name that is no string", `{"query":"{hello}","operationName":1}`, nil, 400, fault.BadRequest, ""},
		{"a query string that is none", "", func(r *http.Request) { get(nil)(r); r.URL.RawQuery = "query=%zz" }, 400, fault.BadRequest, ""},
		{"variables in a query string with more behind", "", get(url.Values{"query": {"{hello}"}, "variables": {"{}}"}}), 400, fault.BadRequest, ""},
		{"a mutation by GET", "", get(url.Values{"query": {"mutation{add(n:1)}"}}), 405, fault.MethodNotAllowed, "Allow: POST"},
		{"a subscription", query("subscription{idle}"), nil, 400, fault.BadRequest, ""},
		{"a syntax error", query("{"), nil, 400, fault.GraphQLParse, ""},
		{"an unknown field", query("{nothing}"), nil, 400, fault.GraphQLValidation, ""},
		{"a missing variable", query("query($n:Int!){hello}"), nil, 400, fault.GraphQLValidation, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := post(t, s, tt.body, tt.change)
			if got.status != tt.status {
				t.Errorf("got %v, want %d", got, tt.status)
			}
			if list := codes(t, got.body); len(list) == 0 || list[0] != string(tt.code) {
				t.Errorf("codes %v, want %s", list, tt.code)
			}
			if strings.Contains(got.body, `"data"`) {
				t.Errorf("what was not executed has data: %v", got)
			}
			if name, value, ok := strings.Cut(tt.header, ": "); ok && got.header.Get(name) != value {
				t.Errorf("%s is %q, want %q", name, got.header.Get(name), value)
			}
		})
	}
}

func TestHTTPAnswers(t *testing.T) {
	t.Parallel()

	s := serve(t, listen(t), nil)
	tests := []struct{ name, body, want string }{
		{"a query", query("{hello}"), `{"data":{"hello":"hello"}}`},
		{"variables", `{"query":"query($n:String){hello(name:$n)}","variables":{"n":"you"},"operationName":null,"extensions":null}`, `{"data":{"hello":"hello you"}}`},
		{"one of two operations", `{"query":"query A{hello} mutation B{add(n:1)}","operationName":"B"}`, `{"data":{"add":2}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := post(t, s, tt.body, nil)
			if got.status != http.StatusOK || got.body != tt.want {
				t.Errorf("got %v, want %s", got, tt.want)
			}
			if media := got.header.Get("Content-Type"); media != own+"; charset=utf-8" {
				t.Errorf("Content-Type %q", media)
			}
		})
	}
	t.Run("a query by GET", func(t *testing.T) {
		t.Parallel()
		got := post(t, s, "", func(r *http.Request) {
			r.Method, r.Body, r.ContentLength = http.MethodGet, nil, 0
			r.URL.RawQuery = url.Values{"query": {"query($n:String){hello(name:$n)}"}, "variables": {`{"n":"you"}`}}.Encode()
		})
		if got.status != http.StatusOK || got.body != `{"data":{"hello":"hello you"}}` {
			t.Errorf("got %v", got)
		}
	})
}

func TestHTTPNegotiatesTheMediaType(t *testing.T) {
	t.Parallel()

	s := serve(t, listen(t), nil)
	for accept, want := range map[string]string{
		"":                            legacy,
		"*/*":                         legacy,
		"application/*":               legacy,
		legacy:                        legacy,
		own:                           own,
		own + ", " + legacy:           own,
		legacy + ", " + own:           own,
		own + ";q=0.5, " + legacy:     legacy,
		own + ";q=0.5, */*;q=0.1":     own,
		own + ";q=0, */*":             legacy,
		legacy + ";q=0, */*":          own,
		"text/html, */*;q=0.8":        legacy,
		own + ";charset=utf-16, */*":  legacy,
		"nonsense;;, " + own:          own,
		"*/*;q=NaN, " + own + ";q=.1": own,
	} {
		got := post(t, s, query("{hello}"), func(r *http.Request) { r.Header.Set("Accept", accept) })
		if media := got.header.Get("Content-Type"); media != want+"; charset=utf-8" || got.status != http.StatusOK {
			t.Errorf("Accept %q: got %q, want %q: %v", accept, media, want, got)
		}
	}
}

// A legacy client reads 200 as "this is GraphQL" and looks into the errors.
func TestHTTPStatusForLegacyClients(t *testing.T) {
	t.Parallel()

	s := serve(t, listen(t), nil)
	for body, want := range map[string]int{
		query("{"):         200,
		query("{nothing}"): 200,
		query("{broken}"):  200,
		"{":                400,
		"{}":               400,
	} {
		got := post(t, s, body, func(r *http.Request) { r.Header.Set("Accept", legacy) })
		if got.status != want || len(codes(t, got.body)) == 0 {
			t.Errorf("%s: got %v, want %d and errors", body, got, want)
		}
	}
}

// Execution happened: the status is 200 even if it gave nothing.
func TestHTTPErrorsOfExecutionKeepTheirData(t *testing.T) {
	t.Parallel()

	s := serve(t, listen(t), nil)
	for q, want := range map[string]string{
		"{broken hello}": `{"broken":null,"hello":"hello"}`,
		"{panics}":       `null`,
	} {
		got := post(t, s, query(q), nil)
		var resp struct{ Data json.RawMessage }
		if err := json.Unmarshal([]byte(got.body), &resp); err != nil || string(resp.Data) != want || got.status != http.StatusOK {
			t.Errorf("%s: got %v, want data %s", q, got, want)
		}
		if diff := cmp.Diff([]string{"INTERNAL"}, codes(t, got.body)); diff != "" {
			t.Errorf("%s: codes (-want +got):\n%s", q, diff)
		}
		if strings.Contains(got.body, "hunter2") || strings.Contains(got.body, "boom") {
			t.Errorf("%s: internal text got out: %v", q, got)
		}
	}
}

func TestHTTPNeverRepeatsABrokenBody(t *testing.T) {
	t.Parallel()

	s := serve(t, listen(t), nil)
	for _, body := range []string{
		`{"query":"{hello}","token":"s3cret"`,
		`s3cret`,
		`{"query":"{hello}","variables":"s3cret"}`,
		`{"query":"{hello}","operationName":["s3cret"]}`,
	} {
		if got := post(t, s, body, nil); strings.Contains(got.body, "s3cret") {
			t.Errorf("%s was repeated in %v", body, got)
		}
	}
}

func TestHTTPReportsNoMoreThan20ErrorsOfADocument(t *testing.T) {
	t.Parallel()

	s := serve(t, listen(t), nil)
	got := post(t, s, query("{"+strings.Repeat("a ", 500)+"}"), nil)
	if n := len(codes(t, got.body)); n != 20 {
		t.Errorf("got %d", n)
	}
}

// gate is an extension that refuses every operation, or panics if it has
// nothing to refuse it with.
type gate struct{ err *fault.Error }

func (gate) ExtensionName() string                   { return "Gate" }
func (gate) Validate(graphql.ExecutableSchema) error { return nil }

func (g gate) MutateOperationContext(context.Context, *graphql.OperationContext) *gqlerror.Error {
	return transport.Present(g.err)
}

func TestHTTPStatusIsThatOfTheRefusal(t *testing.T) {
	t.Parallel()

	for code, want := range map[fault.Code]int{
		fault.Unauthenticated: 401, fault.Forbidden: 403, fault.QueryTooComplex: 400, fault.TooManyRequests: 429, fault.Unavailable: 503,
	} {
		s := serve(t, listen(t), func(_ *transport.WebSocket, h *handler.Server) {
			h.Use(gate{fault.New(code, "No.")})
		})
		got := post(t, s, query("{hello}"), nil)
		if diff := cmp.Diff([]string{string(code)}, codes(t, got.body)); got.status != want || diff != "" {
			t.Errorf("%s: got %v, want %d", code, got, want)
		}
		if code == fault.Unauthenticated && got.header.Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("a 401 does not say how to authenticate")
		}
	}
}

func TestHTTPAPanicBeforeExecutionIsAnAnswer(t *testing.T) {
	t.Parallel()

	s := serve(t, listen(t), func(_ *transport.WebSocket, h *handler.Server) { h.Use(gate{}) })
	got := post(t, s, query("{hello}"), nil)
	if got.status != http.StatusInternalServerError || codes(t, got.body)[0] != "INTERNAL" {
		t.Errorf("got %v", got)
	}
}

// untouchable is a body that must not be read.
type untouchable struct{ tb testing.TB }

func (u untouchable) Read([]byte) (int, error) {
	u.tb.Error("the body was read")
	return 0, io.EOF
}

func TestHTTPALongBodyIsNotRead(t *testing.T) {
	t.Parallel()

	h := transport.HTTP{Encoder: &transport.Encoder{RequestID: func(context.Context) string { return "req_1" }}, MaxBody: 10, BodyTime: time.Minute}
	gql := handler.New(schema.NewExecutableSchema(schema.Config{Resolvers: newAPI()}))
	gql.AddTransport(h)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/graphql", untouchable{t})
	r.Header.Set("Content-Type", "application/json")
	r.ContentLength = 11
	w := httptest.NewRecorder()
	gql.ServeHTTP(w, r)
	if w.Code != http.StatusRequestEntityTooLarge || codes(t, w.Body.String())[0] != "REQUEST_TOO_LARGE" {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

// Whoever may do no more than sign in is not heard out, and nobody takes for
// ever: what a request holds is held for a while only.
func TestHTTPABodyIsReadForAWhile(t *testing.T) {
	t.Parallel()

	gql := handler.New(schema.NewExecutableSchema(schema.Config{Resolvers: newAPI()}))
	gql.AddTransport(transport.HTTP{
		Encoder: &transport.Encoder{RequestID: func(context.Context) string { return "req_1" }}, MaxBody: 1 << 20, BodyTime: 200 * time.Millisecond,
		Refusal: func(ctx context.Context) *fault.Error {
			if user, _ := ctx.Value(userKey{}).(string); user == "" {
				return fault.New(fault.Unauthenticated, "Sign in.")
			}
			return nil
		},
	})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		gql.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), userKey{}, r.Header.Get("X-User"))))
	}))
	t.Cleanup(srv.Close)
	ask := func(user string, body io.Reader) string {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL, body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-User", user)
		resp, err := srv.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(codes(t, string(text)), " ")
	}
	long := `{"query":"{__typename}","x":"` + strings.Repeat("x", 16<<10) + `"}`
	if got := ask("", strings.NewReader(long)); got != "UNAUTHENTICATED" {
		t.Errorf("a long request of nobody: %q", got)
	}
	if got := ask("ann", strings.NewReader(long)); got != "" {
		t.Errorf("a long request: %q", got)
	}
	never, end := io.Pipe()
	t.Cleanup(func() { end.Close() })
	if got := ask("ann", never); got != "BAD_REQUEST" {
		t.Errorf("one that does not come: %q", got)
	}
}
