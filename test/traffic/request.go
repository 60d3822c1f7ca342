package traffic

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"time"
)

// send sends a request and calls with with its answer, which must be well. Go
// sends a request again by itself when a connection that was kept breaks under
// it: another client, or another request, would have failed.
func (t *Traffic) send(client *http.Client, c call, req *http.Request, with func(*http.Response) error) error {
	connections := 0
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connections++ }}
	res, err := client.Do(req.WithContext(httptrace.WithClientTrace(req.Context(), trace)))
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if connections > 1 {
		return fmt.Errorf("it took %d connections", connections)
	}
	if err := t.answered(c, res, http.StatusOK); err != nil {
		return err
	}
	return with(res)
}

func (t *Traffic) get(ctx context.Context, client *http.Client, c call) error {
	req, err := t.request(ctx, c, http.MethodGet, "/")
	if err != nil {
		return err
	}
	return t.send(client, c, req, func(res *http.Response) error {
		_, err := io.Copy(io.Discard, res.Body)
		return err
	})
}

// post sends a body, which the application sums up.
func (t *Traffic) post(ctx context.Context, client *http.Client, c call) error {
	body := bytes.Repeat(fmt.Appendf(nil, "request %d;", c.number), 1+int(c.number*97%4096))
	sum := sha256.Sum256(body)
	want := hex.EncodeToString(sum[:])
	req, err := t.request(ctx, c, http.MethodPost, "/sum")
	if err != nil {
		return err
	}
	// Not a body that can be read again: a proxy, or Go, must not need that.
	req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	req.Header.Set("X-Sum", want)
	return t.send(client, c, req, func(res *http.Response) error {
		text, err := io.ReadAll(res.Body)
		if err != nil {
			return err
		}
		if got, _, _ := strings.Cut(string(text), " "); got != want {
			return wrongf("the body that came has the sum %q", got)
		}
		return nil
	})
}

// downloadSize is what a download brings, in bytes.
const downloadSize = 1 << 20

func (t *Traffic) download(ctx context.Context, client *http.Client, c call) error {
	req, err := t.request(ctx, c, http.MethodGet, fmt.Sprintf("/download?bytes=%d&ms=%d", downloadSize, t.o.Length.Milliseconds()))
	if err != nil {
		return err
	}
	return t.send(client, c, req, func(res *http.Response) error {
		body := bufio.NewReader(res.Body)
		for at := range downloadSize {
			b, err := body.ReadByte()
			if err != nil {
				return fmt.Errorf("after %d bytes: %w", at, err)
			}
			if b != byte(at) {
				return wrongf("byte %d is %d", at, b)
			}
		}
		if _, err := body.ReadByte(); !errors.Is(err, io.EOF) {
			return fmt.Errorf("it goes on: %w", err)
		}
		return nil
	})
}

// eventEvery is the pause between two events.
const eventEvery = 50 * time.Millisecond

func (t *Traffic) events(ctx context.Context, client *http.Client, c call) error {
	n := int(t.o.Length / eventEvery)
	req, err := t.request(ctx, c, http.MethodGet, fmt.Sprintf("/stream?n=%d&ms=%d", n, eventEvery.Milliseconds()))
	if err != nil {
		return err
	}
	return t.send(client, c, req, func(res *http.Response) error {
		lines := bufio.NewScanner(res.Body)
		for i := 1; i <= n; i++ {
			for _, want := range []string{fmt.Sprintf("id: %d", i), fmt.Sprintf("data: event %d", i), ""} {
				if !lines.Scan() {
					return fmt.Errorf("it ends before %q: %w", want, lines.Err())
				}
				if lines.Text() != want {
					return fmt.Errorf("it says %.50q, want %q", lines.Text(), want)
				}
			}
		}
		return nil
	})
}
