// Package client speaks the API of a Davit server: queries and mutations over
// HTTP, subscriptions over graphql-transport-ws, and uploads. Whatever goes
// wrong comes back as a *fault.Error with the code the server said.
//
// What it asks is in the .graphql files of this directory, of which functions
// with typed inputs and answers are generated. What is nil in an input is
// absent for the server, never null.
package client

//go:generate go run github.com/Khan/genqlient

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/Khan/genqlient/graphql"

	"github.com/davitdev/davit/internal/fault"
)

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 16 << 20

// Client speaks to one server. It is safe for concurrent use. All fields are
// required but Token, without which the server knows nobody, and Waits.
//
// A server that has answered and then goes away is waited for, two minutes at
// most: requests are sent again, mutations with their idempotency key, and
// subscriptions begun anew. One that takes a request and has not answered it in
// a minute counts as away. One that never answered is an error at once.
type Client struct {
	Server string // its address, such as "http://127.0.0.1:7070"
	Token  string
	HTTP   *http.Client
	Waits  func(bool) // called with true when the server is waited for, and with false once it answers again

	answered atomic.Bool
}

// New returns a client of the server at an http or https URL.
func New(server, token string) (*Client, error) {
	u, err := url.Parse(server)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return nil, fault.At("server", fault.Invalid, "%q is not the address of a server, such as http://127.0.0.1:7070.", server)
	}
	return &Client{Server: strings.TrimSuffix(server, "/"), Token: token, HTTP: &http.Client{CheckRedirect: stay}}, nil
}

// stay follows no redirect: the token is for one server alone.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Variables are those of a document that is not among the operations.
type Variables map[string]any

// request is what both transports send.
type request struct {
	Query     string          `json:"query"`
	Variables json.RawMessage `json:"variables,omitempty"`
}

// encode returns a request whose variables hold no null: the API takes null in
// an input for "reset", and a second field of a @oneOf input for a mistake.
func encode(query string, variables any) ([]byte, error) {
	text, err := json.Marshal(variables)
	if err != nil {
		return nil, fmt.Errorf("encode variables: %w", err)
	}
	numbers := json.NewDecoder(bytes.NewReader(text))
	numbers.UseNumber() // 64 bits of them
	var tree any
	if err := numbers.Decode(&tree); err != nil {
		return nil, fmt.Errorf("encode variables: %w", err)
	}
	withoutNulls(tree)
	if text, err = json.Marshal(tree); err != nil {
		return nil, fmt.Errorf("encode variables: %w", err)
	}
	return json.Marshal(request{query, text})
}

func withoutNulls(tree any) {
	switch tree := tree.(type) {
	case map[string]any:
		maps.DeleteFunc(tree, func(_ string, v any) bool { return v == nil })
		for _, v := range tree {
			withoutNulls(v)
		}
	case []any:
		for _, v := range tree {
			withoutNulls(v)
		}
	}
}

// MakeRequest runs a generated query or mutation.
func (c *Client) MakeRequest(ctx context.Context, op *graphql.Request, resp *graphql.Response) error {
	return c.Do(ctx, op.Query, op.Variables, resp.Data)
}

// Do runs a query or mutation and decodes its data into out, a pointer.
func (c *Client) Do(ctx context.Context, document string, variables, out any) error {
	body, err := encode(document, variables)
	if err != nil {
		return err
	}
	key, again := rand.Text(), c.backoff()
	for {
		began := time.Now()
		a, err := c.post(ctx, body, key, again.left())
		dropped, ok := errors.AsType[*droppedError](err)
		if !ok {
			again.end()
			if err != nil {
				return err
			}
			return a.decode(out)
		}
		if !again.wait(ctx, began) {
			return c.away(ctx, dropped.err)
		}
	}
}

// post sends a request once, and waits at most for limit until its answer
// begins. A *droppedError means that nobody knows whether it was run.
func (c *Client) post(ctx context.Context, body []byte, key string, limit time.Duration) (response, error) {
	var a response
	attempt, heard, end := unlessSilent(ctx, limit)
	defer end()
	req, err := http.NewRequestWithContext(attempt, http.MethodPost, c.Server+"/graphql", bytes.NewReader(body))
	if err != nil {
		return a, fmt.Errorf("make request: %w", err)
	}
	req.Header = c.header()
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/graphql-response+json")
	req.Header.Set("Idempotency-Key", key)
	res, err := c.HTTP.Do(req)
	if err != nil {
		return a, &droppedError{whySilent(attempt, err)}
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(&moving{res.Body, heard}, maxAnswer))
	if err != nil {
		return a, &droppedError{whySilent(attempt, err)}
	}
	err = json.Unmarshal(text, &a)
	if err == nil && len(a.Errors) == 0 && (res.StatusCode != http.StatusOK || len(a.Data) == 0 || string(a.Data) == "null") {
		err = errors.New("it has neither data nor errors")
	}
	if err != nil {
		err = c.strange(ctx, res.StatusCode, err)
		if res.StatusCode >= http.StatusInternalServerError { // a proxy before a server that is away
			err = &droppedError{err}
		}
		return a, err
	}
	return a, nil
}

func (c *Client) header() http.Header {
	h := http.Header{}
	if c.Token != "" {
		h.Set("Authorization", "Bearer "+c.Token)
	}
	return h
}

// away is the error of a request that got no answer.
func (c *Client) away(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if errors.Is(err, errSilent) {
		return fault.New(fault.Unavailable, "The server at %s does not answer", c.Server).
			WithHint("It may be overloaded, stopped or out of reach, and what was asked for may have been done. See the log of \"davit serve\".").Because(err)
	}
	return fault.New(fault.Unavailable, "No Davit server answers at %s", c.Server).
		WithHint("Start one with \"davit serve\", or name another with --server.").Because(err)
}

// strange is the error of an answer that no Davit server gives.
func (c *Client) strange(ctx context.Context, status int, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return fault.New(fault.Unavailable, "What answers at %s with HTTP %d does not speak Davit's API", c.Server, status).Because(errors.Join(err))
}

// response is an answer of either transport.
type response struct {
	Data   json.RawMessage `json:"data"`
	Errors []apiError      `json:"errors"`
}

type apiError struct {
	Message    string `json:"message"`
	Extensions struct {
		Code  fault.Code `json:"code"`
		Field string     `json:"field"`
	} `json:"extensions"`
}

func (r response) decode(out any) error {
	if len(r.Errors) > 0 {
		return r.Errors[0].fault()
	}
	if err := json.Unmarshal(r.Data, out); err != nil {
		return fmt.Errorf("decode answer: %w", err)
	}
	return nil
}

func (e apiError) fault() error {
	code := e.Extensions.Code
	if code == "" {
		code = fault.Internal
	}
	return fault.At(e.Extensions.Field, code, "%s", e.Message)
}
