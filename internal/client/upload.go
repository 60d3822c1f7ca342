package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/davitdev/davit/internal/fault"
)

// Upload sends size bytes of body to the one-time URL of an upload. The URL is
// the permission: the token stays at home. It may take as long as it likes, but
// fails with UNAVAILABLE once the server has taken nothing for a minute.
func (c *Client) Upload(ctx context.Context, to string, body io.Reader, size int64) error {
	sending, heard, end := unlessSilent(ctx, silence)
	defer end()
	req, err := http.NewRequestWithContext(sending, http.MethodPut, to, &moving{body, heard})
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	req.ContentLength = size
	req.Header.Set("Content-Type", "application/gzip")
	res, err := c.HTTP.Do(req)
	if err != nil {
		return c.away(ctx, whySilent(sending, err))
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
		return c.strange(ctx, res.StatusCode, whySilent(sending, err))
	}
	return fault.New(a.Error.Code, "%s", a.Error.Message)
}
