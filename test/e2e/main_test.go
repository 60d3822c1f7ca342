// Package e2e proves from outside what Davit promises: a davit serve of its
// own, a real Docker engine and registry, the API over HTTP and websockets,
// and applications behind the proxy. What the tests do to it is what happens
// to it anywhere: it is killed, loaded, and fed with what does not work.
package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/davitdev/davit/test/server"
)

// program is davit, which TestMain builds.
var program string

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := run(context.Background(), m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
	}
	os.Exit(code)
}

func run(ctx context.Context, m *testing.M) (int, error) {
	// These tests wait for builds, engines and applications, not for a core.
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
		if err := f.Value.Set(strconv.Itoa(8)); err != nil {
			return 1, err
		}
	}
	dir, err := os.MkdirTemp("", "davit-e2e-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "davit")
	if err := server.Build(ctx, "../..", program); err != nil {
		return 1, err
	}
	return m.Run(), nil
}
