package logs

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// LokiOptions say which Loki takes the lines, and what they are called there.
type LokiOptions struct {
	// URL is that of its API, http or https, with or without a path before
	// /loki/api/v1. A user and password in it are sent as basic authentication.
	URL string

	// Tenant is whose the lines are where Loki serves many: it is sent as
	// X-Scope-OrgID. Empty: the only one.
	Tenant string

	// Labels returns the labels of a source beside deployment, stream and
	// replica: few, and of few values. What it returns first for a source is
	// kept. Nil: none.
	Labels func(ctx context.Context, src Source) (map[string]string, error)
}

// loki speaks Loki's HTTP API.
type loki struct {
	base   *url.URL
	tenant string
	client *http.Client
}

const (
	lokiTimeout = 30 * time.Second
	lokiPage    = 1000     // lines asked for at once; Loki allows 5000 unless it is told otherwise
	maxAnswer   = 64 << 20 // bytes of an answer: lokiPage lines of MaxLine, escaped, fit well
	maxReason   = 500
)

func newLoki(rawURL, tenant string) (*loki, error) {
	base, err := url.Parse(rawURL)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		return nil, errors.New("open loki: the URL is not one of http or https")
	}
	t := &http.Transport{MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute, Proxy: http.ProxyFromEnvironment}
	// Lines go where the operator said, and nowhere else.
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &loki{base: base, tenant: tenant, client: &http.Client{Transport: t, Timeout: lokiTimeout, CheckRedirect: stay}}, nil
}

func (k *loki) close() { k.client.CloseIdleConnections() }

// errRefused says that Loki will never take an entry of a push; it may have
// taken others of it.
var errRefused = errors.New("loki refuses lines")

// refusals are the parts of Loki's answers that are about an entry and stay
// true however often it is sent. Whatever else it answers may change, also a
// 400: its settings, its clock.
var refusals = []string{"too old", "too far behind", "max entry size", "entry out of order"}

// push hands in entries of one stream. It fails with errRefused for what will
// never be taken.
func (k *loki) push(ctx context.Context, labels map[string]string, entries []lokiEntry) error {
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	err := json.NewEncoder(z).Encode(map[string]any{
		"streams": []any{map[string]any{"stream": labels, "values": entries}},
	})
	if err = errors.Join(err, z.Close()); err != nil {
		return fmt.Errorf("encode a push: %w", err)
	}
	req, err := k.request(ctx, http.MethodPost, "push", nil, &buf)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Content-Encoding", "gzip")
	answer, err := k.do(req)
	if err == nil && len(answer) > 0 {
		return fmt.Errorf("loki says nothing when it takes lines: %.100q is not from it", answer)
	}
	var bad *lokiError
	if errors.As(err, &bad) && bad.status == http.StatusBadRequest {
		for _, r := range refusals {
			if strings.Contains(strings.ToLower(bad.reason), r) {
				return fmt.Errorf("%w: %w", errRefused, err)
			}
		}
	}
	return err
}

// query returns at most lokiPage entries of a query between two times, from
// included and to not.
func (k *loki) query(ctx context.Context, logQL string, from, to int64, limit int, reverse bool) ([]lokiEntry, error) {
	direction := "forward"
	if reverse {
		direction = "backward"
	}
	req, err := k.request(ctx, http.MethodGet, "query_range", url.Values{
		"query": {logQL}, "direction": {direction}, "limit": {strconv.Itoa(limit)},
		"start": {strconv.FormatInt(from, 10)}, "end": {strconv.FormatInt(to, 10)},
	}, nil)
	if err != nil {
		return nil, err
	}
	// So that metadata comes with its entry and does not make streams.
	req.Header.Set("X-Loki-Response-Encoding-Flags", "categorize-labels")
	body, err := k.do(req)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Data struct {
			Result []struct {
				Values []lokiEntry `json:"values"`
			} `json:"result"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("read loki's answer: %w", err)
	}
	var out []lokiEntry
	for _, r := range answer.Data.Result {
		out = append(out, r.Values...)
	}
	return out, nil
}

// version asks which Loki that is, and so whether it can be reached.
func (k *loki) version(ctx context.Context) (string, error) {
	req, err := k.request(ctx, http.MethodGet, "status/buildinfo", nil, nil)
	if err != nil {
		return "", err
	}
	body, err := k.do(req)
	if err != nil {
		return "", err
	}
	var info struct {
		Version string `json:"version"`
	}
	if err := json.Unmarshal(body, &info); err != nil {
		return "", fmt.Errorf("read loki's answer: %w", err)
	}
	return info.Version, nil
}

func (k *loki) request(ctx context.Context, method, path string, query url.Values, body io.Reader) (*http.Request, error) {
	u := k.base.JoinPath("loki/api/v1", path)
	u.RawQuery, u.User = query.Encode(), nil
	req, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return nil, fmt.Errorf("ask loki: %w", err)
	}
	if k.base.User != nil {
		password, _ := k.base.User.Password()
		req.SetBasicAuth(k.base.User.Username(), password)
	}
	if k.tenant != "" {
		req.Header.Set("X-Scope-OrgID", k.tenant)
	}
	return req, nil
}

// lokiError is an answer that is not one of success.
type lokiError struct {
	status int
	reason string
}

func (e *lokiError) Error() string { return fmt.Sprintf("loki answers %d: %s", e.status, e.reason) }

func (k *loki) do(req *http.Request) ([]byte, error) {
	res, err := k.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask loki: %w", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read loki's answer: %w", err)
	}
	if res.StatusCode/100 != 2 {
		return nil, &lokiError{res.StatusCode, strings.ToValidUTF8(string(body[:min(len(body), maxReason)]), "")}
	}
	return body, nil
}
