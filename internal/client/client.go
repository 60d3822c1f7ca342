// Package client speaks the API of a Davit server: queries and mutations over
// HTTP, subscriptions over graphql-transport-ws, and uploads. Whatever goes
// wrong comes back as a *fault.Error with the code the server said.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/davitdev/davit/internal/fault"
)

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 16 << 20

// Client speaks to one server. It is safe for concurrent use. All fields are
// required but Token, without which the server knows nobody.
type Client struct {
	Server string // its address, such as "http://127.0.0.1:7070"
	Token  string
	HTTP   *http.Client
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

// Variables are those of an operation.
type Variables map[string]any

// request is what both transports send.
type request struct {
	Query     string    `json:"query"`
	Variables Variables `json:"variables,omitempty"`
}

// Do runs a query or mutation and decodes its data into out, a pointer.
func (c *Client) Do(ctx context.Context, query string, v Variables, out any) error {
	body, err := json.Marshal(request{query, v})
	if err != nil {
		return fmt.Errorf("encode request: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.Server+"/graphql", bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	req.Header = c.header()
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/graphql-response+json")
	res, err := c.HTTP.Do(req)
	if err != nil {
		return c.away(ctx, err)
	}
	defer res.Body.Close()
	var a response
	if err := json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(&a); err != nil {
		return c.strange(ctx, res.StatusCode, err)
	}
	return a.decode(out)
}

// Upload sends size bytes of body to the one-time URL of an upload. The URL is
// the permission: the token stays at home.
func (c *Client) Upload(ctx context.Context, to string, body io.Reader, size int64) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, to, body)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	req.ContentLength = size
	req.Header.Set("Content-Type", "application/gzip")
	res, err := c.HTTP.Do(req)
	if err != nil {
		return c.away(ctx, err)
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusCreated {
		return nil
	}
	var a struct {
		Error struct {
			Code    fault.Code
			Message string
		}
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(&a); err != nil || a.Error.Code == "" {
		return c.strange(ctx, res.StatusCode, err)
	}
	return fault.New(a.Error.Code, "%s", a.Error.Message)
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
