// Command davit is the whole product: the control plane (davit serve), its data
// plane (davit proxy) and the client.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/git"
	"github.com/davitdev/davit/runner/process"
)

// Version and Commit are set by the release build.
var (
	Version = "dev"
	Commit  = "unknown"
)

func main() {
	process.Shim() // in a process that watches a program, this does not return
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	if filepath.Base(os.Args[0]) == git.SSHProgram {
		os.Exit(git.SSH(ctx, os.Args[1:], os.Getenv))
	}
	err := root(os.Getenv).ExecuteContext(ctx)
	stop()
	if err != nil {
		os.Exit(report(err))
	}
}

// root is the command with all its subcommands.
func root(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "davit",
		Short: "Deploy applications to servers of your own",
		Long: "Davit is a self-hosted deployment platform: it builds, runs and routes applications,\n" +
			"and shows status and logs live through one GraphQL API.",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	cmd.AddCommand(serveCommand(getenv), proxyCommand(), versionCommand())
	cmd.AddCommand(clientCommands(getenv)...)
	return cmd
}

// report prints err for a person and returns the exit status of its class.
func report(err error) int {
	if status, ok := errors.AsType[exitStatus](err); ok {
		return int(status)
	}
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		fmt.Fprintln(os.Stderr, "davit:", err)
		return fault.ExitFailure
	}
	fmt.Fprintln(os.Stderr, "davit:", err)
	if f.Hint != "" {
		fmt.Fprintln(os.Stderr, f.Hint)
	}
	return f.Code.Info().Exit
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) {
			fmt.Fprintf(cmd.OutOrStdout(), "davit %s (%s)\n", Version, Commit)
		},
	}
}
