// Command davit is the whole product: the control plane (davit serve), its data
// plane (davit proxy) and the client.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
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
	status := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// run executes a command and returns its exit status.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	cmd := root(getenv) //nolint:contextcheck // commands have it from ExecuteContextC
	cmd.SetArgs(args)
	out := &escaper{out: stderr}
	cmd.SetOut(&escaper{out: stdout})
	cmd.SetErr(out)
	if cmd, err := cmd.ExecuteContextC(ctx); err != nil {
		return report(out, cmd, args, err)
	}
	return 0
}

// root is the command with all its subcommands.
func root(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "davit",
		Short: "Deploy applications to servers of your own",
		Long: "Davit is a self-hosted deployment platform: it builds, runs and routes applications,\n" +
			"and shows status and logs live through one GraphQL API.\n\n" +
			"Exit status:\n" +
			"  0    it worked\n" +
			"  1    a mistake of Davit's own\n" +
			"  2    the command was typed wrong\n" +
			"  3    a value is wrong\n" +
			"  4    not signed in, or not allowed\n" +
			"  5    not found\n" +
			"  6    not possible in the present state\n" +
			"  7    over a limit\n" +
			"  8    the application or its build failed\n" +
			"  9    something that is needed is away\n" +
			"  130  Ctrl-C\n\n" +
			"\"davit run\" ends with the exit code of what it runs.",
		Example:       "  davit serve\n  davit deploy ./shop\n  davit logs -f --dir ./shop",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	cmd.AddGroup(&cobra.Group{ID: serverGroup, Title: "The server:"}, &cobra.Group{ID: serviceGroup, Title: "A service:"}, &cobra.Group{ID: overviewGroup, Title: "What is there:"})
	cmd.AddCommand(grouped(serverGroup, serverCommands(getenv)...)...)
	cmd.AddCommand(grouped(serverGroup, consoleCommand(getenv), doctorCommand(getenv))...)
	cmd.AddCommand(grouped(serviceGroup, serviceCommands(getenv)...)...)
	cmd.AddCommand(grouped(overviewGroup, projectsCommand(getenv), servicesCommand(getenv), psCommand(getenv))...)
	cmd.AddCommand(versionCommand())
	cmd.InitDefaultCompletionCmd()
	cmd.SetFlagErrorFunc(wrongFlagOrLetter)
	cmd.Version = thisBuild().String()
	cmd.SetVersionTemplate("{{.Version}}\n")
	cmd.SetUsageTemplate(strings.ReplaceAll(cmd.UsageTemplate(), "Flags.FlagUsages", fmt.Sprintf("Flags.FlagUsagesWrapped %d", helpWidth)))
	group(cmd)
	refine(cmd)
	wordArguments(cmd)
	return cmd
}

const serverGroup, serviceGroup, overviewGroup = "server", "service", "overview"

func grouped(id string, cmds ...*cobra.Command) []*cobra.Command {
	for _, c := range cmds {
		c.GroupID = id
	}
	return cmds
}
