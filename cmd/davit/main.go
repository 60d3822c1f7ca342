// Command davit is the whole product: the control plane (davit serve), its data
// plane (davit proxy) and the client.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/davitdev/davit/runner/process"
)

func main() {
	process.Shim() // in a process that watches a program, this does not return
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	if status, asked := runAsSSH(ctx, os.Args, os.Getenv); asked {
		os.Exit(status)
	}
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends at once
	cmd, err := root(os.Getenv).ExecuteContextC(ctx)
	stop()
	if err != nil {
		os.Exit(report(os.Stderr, cmd, err))
	}
}

// root is the command with all its subcommands.
func root(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "davit",
		Short: "Deploy applications to servers of your own",
		Long: "Davit is a self-hosted deployment platform: it builds, runs and routes applications,\n" +
			"and shows status and logs live through one GraphQL API.\n\n" +
			"Commands end with status 0, or by what went wrong: 2 the command was typed wrong, 3 a value\n" +
			"is wrong, 4 not signed in or not allowed, 5 not found, 6 not possible in the present state,\n" +
			"7 over a limit, 8 the application or its build failed, 9 something needed is away, 130 Ctrl-C.",
		Example:       "  davit serve\n  davit deploy ./shop\n  davit logs -f --dir ./shop",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	cmd.AddGroup(&cobra.Group{ID: serverGroup, Title: "The server:"}, &cobra.Group{ID: serviceGroup, Title: "A service:"}, &cobra.Group{ID: overviewGroup, Title: "What is there:"})
	cmd.AddCommand(grouped(serverGroup, serverCommands(getenv)...)...)
	cmd.AddCommand(grouped(serverGroup, doctorCommand(getenv))...)
	cmd.AddCommand(grouped(serviceGroup, serviceCommands(getenv)...)...)
	cmd.AddCommand(grouped(overviewGroup, projectsCommand(getenv), servicesCommand(getenv), psCommand(getenv))...)
	cmd.AddCommand(versionCommand())
	cmd.InitDefaultCompletionCmd()
	cmd.SetFlagErrorFunc(wrongUsage)
	group(cmd)
	refine(cmd)
	return cmd
}

const serverGroup, serviceGroup, overviewGroup = "server", "service", "overview"

func grouped(id string, cmds ...*cobra.Command) []*cobra.Command {
	for _, c := range cmds {
		c.GroupID = id
	}
	return cmds
}
