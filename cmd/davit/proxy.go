//go:build unix

package main

import (
	"context"
	"log/slog"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/davitdev/davit/internal/memory"
	"github.com/davitdev/davit/internal/proxy"
)

// serverCommands are the commands that are the server.
func serverCommands(getenv func(string) string) []*cobra.Command {
	return []*cobra.Command{serveCommand(getenv), proxyCommand()}
}

// proxyCommand is the data plane. davit serve starts it; people need not.
func proxyCommand() *cobra.Command {
	var o proxy.Options
	var report int
	cmd := &cobra.Command{
		Use: "proxy", Short: "Route requests to applications (started by davit serve)", Args: cobra.NoArgs, Hidden: true, Example: "  davit proxy --data ./davit-data",
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Version = Version + " " + Commit
			o.Log = slog.New(slog.NewJSONHandler(os.Stderr, nil))
			if report > 0 {
				o.Report = os.NewFile(uintptr(report), "report")
			}
			ctx, end := context.WithCancel(cmd.Context())
			var tending sync.WaitGroup
			defer tending.Wait()
			defer end()
			tending.Go(func() { memory.Tend(ctx) })
			return proxy.Run(ctx, o)
		},
	}
	cmd.Flags().StringVar(&o.Data, "data", "./davit-data", "directory of socket and snapshot")
	cmd.Flags().StringVar(&o.Listen, "listen", "127.0.0.1:8080", "address applications are served on")
	cmd.Flags().Func("trusted", "range of addresses whose X-Forwarded-* headers are believed; any number of times", func(text string) error {
		p, err := netip.ParsePrefix(text)
		o.Trusted = append(o.Trusted, p)
		return err
	})
	cmd.Flags().DurationVar(&o.Grace, "grace", 30*time.Second, "how long requests may go on after the end")
	cmd.Flags().IntVar(&report, "report-fd", 0, "open file that is told when it serves")
	return cmd
}
