//go:build !unix

package main

import (
	"context"
	"io"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/davitdev/davit/internal/config"
	"github.com/davitdev/davit/internal/fault"
)

// serverCommands are the commands that are the server: here it cannot run, and
// says so.
func serverCommands(func(string) string) []*cobra.Command {
	return []*cobra.Command{{
		Use: "serve", Short: "Run Davit on this machine (Linux and macOS)", DisableFlagParsing: true, Example: "  davit serve",
		RunE: func(*cobra.Command, []string) error { return noServer() },
	}}
}

// noServer is the error of what needs a server's machine.
func noServer() error {
	return fault.New(fault.Invalid, "Davit's server does not run on %s.", runtime.GOOS).
		WithHint("Run \"davit serve\" on Linux, and name it here with --server and --token.")
}

func (*session) stopAll(context.Context, string, io.Writer) error { return noServer() }

// holderURL finds none: no server runs here.
func holderURL(string) (url string, ok bool, err error) { return "", false, nil }

// runAsSSH is never asked for: only a server runs git.
func runAsSSH(context.Context, []string, func(string) string) (status int, asked bool) {
	return 0, false
}

func checkDeep(context.Context, config.Config, func(string)) []check { return nil }

// checkMachine has nothing to look at where no server runs.
func checkMachine(context.Context, func(string) string, config.Config, string) []check { return nil }
