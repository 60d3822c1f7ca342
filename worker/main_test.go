package worker

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/davitdev/davit/internal/proxy"
)

// TestMain lets the test binary be a proxy, so that a test can kill one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "proxy" {
		os.Exit(proxyMain(os.Args[2], os.Args[3]))
	}
	flag.Parse()
	// These tests wait for containers more than for a core.
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
		if err := f.Value.Set(strconv.Itoa(4)); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

func proxyMain(data, listen string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	err := proxy.Run(ctx, proxy.Options{
		Data: data, Listen: listen, Version: "test", Grace: time.Second, Report: os.NewFile(3, "report"),
		Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
