package graph_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
)

// vars are the variables of an operation.
type vars = map[string]any

// answer is what came back.
type answer struct {
	t      testing.TB
	status int
	header http.Header
	raw    string
	Data   any `json:"data"`
	Errors []struct {
		Message    string
		Path       []any
		Extensions struct {
			Code, Field, RequestID string
			Retryable              *bool
		}
	} `json:"errors"`
}

// do runs an operation over HTTP.
func (p *person) do(query string, v vars) *answer {
	p.Helper()
	body, err := json.Marshal(map[string]any{"query": query, "variables": v})
	check(p, err)
	return p.post(string(body), nil)
}

// post sends a body as it is, with more headers.
func (p *person) post(body string, more map[string]string) *answer {
	p.Helper()
	req, err := http.NewRequestWithContext(p.Context(), http.MethodPost, p.http.URL, strings.NewReader(body))
	check(p, err)
	req.Header = p.header()
	for k, v := range more {
		req.Header.Set(k, v)
	}
	resp, err := p.http.Client().Do(req)
	check(p, err)
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	check(p, err)
	a := parse(p, raw)
	a.status, a.header = resp.StatusCode, resp.Header
	return a
}

func parse(t testing.TB, raw []byte) *answer {
	t.Helper()
	a := &answer{t: t, raw: string(raw)}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(a); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	return a
}

// ok fails the test unless the operation succeeded.
func (a *answer) ok() *answer {
	a.t.Helper()
	if len(a.Errors) > 0 {
		a.t.Fatalf("unexpected errors: %s", a.raw)
	}
	return a
}

// code is that of the first error, "" without one.
func (a *answer) code() string {
	if len(a.Errors) == 0 {
		return ""
	}
	return a.Errors[0].Extensions.Code
}

// fails checks the code and the field of the first error.
func (a *answer) fails(code, field string) *answer {
	a.t.Helper()
	if a.code() != code || a.Errors[0].Extensions.Field != field {
		a.t.Errorf("got %s, want %s at %q", a.raw, code, field)
	}
	return a
}

// at is the value of a path such as "project.name" or "list.0"; nil if there is
// none.
func (a *answer) at(path string) any { return dig(a.Data, path) }

func dig(v any, path string) any {
	for key := range strings.SplitSeq(path, ".") {
		switch in := v.(type) {
		case map[string]any:
			v = in[key]
		case []any:
			i, err := json.Number(key).Int64()
			if err != nil || int(i) >= len(in) {
				return nil
			}
			v = in[i]
		default:
			return nil
		}
	}
	return v
}

// text is the string at a path.
func (a *answer) text(path string) string {
	s, _ := a.at(path).(string)
	return s
}

// list is the list at a path.
func (a *answer) list(path string) []any {
	l, _ := a.at(path).([]any)
	return l
}

// frame is a message of graphql-transport-ws.
type frame struct {
	ID      string          `json:"id,omitempty"`
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload,omitempty"`
}

// feed is a subscription on a socket of its own.
type feed struct {
	t    testing.TB
	ctx  context.Context
	conn *websocket.Conn
	tcp  *net.TCPConn
}

// connect opens a socket, with headers of the upgrade as names and values. It is
// cut when the test ends.
func (p *person) connect(headers ...string) *feed {
	p.Helper()
	f := p.dial(headers...)
	f.init(p.token)
	if got := f.read(); got.Type != "connection_ack" {
		p.Fatalf("got %+v, want connection_ack", got)
	}
	return f
}

// init says who is there, by a token or, without one, by nothing.
func (f *feed) init(token string) {
	f.t.Helper()
	m := frame{Type: "connection_init"}
	if token != "" {
		m.Payload = toJSON(f.t, vars{"Authorization": "Bearer " + token})
	}
	f.send(m)
}

// dial is connect without a word.
func (p *person) dial(headers ...string) *feed {
	p.Helper()
	f := &feed{t: p, ctx: p.Context()}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		f.tcp, _ = conn.(*net.TCPConn)
		return conn, err
	}
	header := http.Header{}
	p.browse(header)
	for i := 0; i < len(headers); i += 2 {
		header.Set(headers[i], headers[i+1])
	}
	conn, resp, err := websocket.Dial(p.Context(), p.http.URL, &websocket.DialOptions{
		HTTPHeader:   header,
		Subprotocols: []string{"graphql-transport-ws"}, HTTPClient: &http.Client{Transport: &http.Transport{DialContext: dial}},
	})
	check(p, err)
	if resp.Body != nil {
		defer resp.Body.Close()
	}
	p.Cleanup(func() { _ = conn.CloseNow() })
	conn.SetReadLimit(-1)
	f.conn = conn
	return f
}

// begin starts an operation on the socket.
func (f *feed) begin(id, query string, v vars) {
	f.t.Helper()
	f.send(frame{ID: id, Type: "subscribe", Payload: toJSON(f.t, vars{"query": query, "variables": v})})
}

// subscribe starts a subscription on a socket of its own.
func (p *person) subscribe(query string, v vars) *feed {
	p.Helper()
	f := p.connect()
	f.begin("1", query, v)
	return f
}

func toJSON(t testing.TB, v any) json.RawMessage {
	t.Helper()
	b, err := json.Marshal(v)
	check(t, err)
	return b
}

func (f *feed) send(m frame) {
	f.t.Helper()
	check(f.t, wsjson.Write(f.ctx, f.conn, m))
}

// read returns the next message; pings are not shown.
func (f *feed) read() frame {
	f.t.Helper()
	for {
		var m frame
		check(f.t, wsjson.Read(f.ctx, f.conn, &m))
		if m.Type != "ping" {
			return m
		}
		f.send(frame{Type: "pong"})
	}
}

// next returns the next result.
func (f *feed) next() *answer {
	f.t.Helper()
	m := f.read()
	if m.Type != "next" {
		f.t.Fatalf("got %s %s, want next", m.Type, m.Payload)
	}
	return parse(f.t, m.Payload)
}

// completes checks that nothing more comes.
func (f *feed) completes() {
	f.t.Helper()
	if m := f.read(); m.Type != "complete" {
		f.t.Errorf("got %s %s, want complete", m.Type, m.Payload)
	}
}

// ends checks that the subscription ends with an error, and returns its code.
func (f *feed) ends() string {
	f.t.Helper()
	m := f.read()
	if m.Type != "error" {
		f.t.Fatalf("got %s %s, want error", m.Type, m.Payload)
	}
	return parse(f.t, []byte(`{"errors":`+string(m.Payload)+`}`)).code()
}

// fails is ends, compared.
func (f *feed) fails(code string) {
	f.t.Helper()
	if got := f.ends(); got != code {
		f.t.Errorf("it ends with %s, want %s", got, code)
	}
}

// reset ends the connection so that the other side learns of it by an error.
func (f *feed) reset() {
	f.t.Helper()
	check(f.t, f.tcp.SetLinger(0))
	check(f.t, f.tcp.Close())
}

// leave ends the socket as a client that is gone.
func (f *feed) leave() { _ = f.conn.CloseNow() }
