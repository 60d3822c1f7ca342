//go:build loki

package logs

import (
	"os"
	"testing"
)

// lokiURL returns where a Loki is.
func lokiURL(tb testing.TB) string {
	tb.Helper()
	url := os.Getenv("TEST_LOKI")
	if url == "" {
		tb.Fatal("TEST_LOKI is not set: name a Loki 3 there")
	}
	return url
}
