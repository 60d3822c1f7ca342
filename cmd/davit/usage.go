package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// usageError is a command that was typed wrong.
type usageError struct {
	error
	cmd *cobra.Command
}

// hint says how the command is typed.
func (e *usageError) hint() string {
	if !e.cmd.Runnable() || e.cmd.HasSubCommands() {
		return fmt.Sprintf("See \"%s --help\".", e.cmd.CommandPath())
	}
	return fmt.Sprintf("It is typed: %s\nSee \"%s --help\".", e.cmd.UseLine(), e.cmd.CommandPath())
}

func wrongUsage(cmd *cobra.Command, err error) error { return &usageError{err, cmd} }

// group makes a command whose subcommands do the work show its help, and
// refuse a subcommand that it does not know.
func group(cmd *cobra.Command) {
	cmd.DisableFlagsInUseLine = true
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		message := fmt.Sprintf("unknown command %q for %q", args[0], cmd.CommandPath())
		cmd.SuggestionsMinimumDistance = 2
		if like := cmd.SuggestionsFor(args[0]); len(like) > 0 {
			message += ", did you mean " + strings.Join(like, " or ") + "?"
		}
		return fmt.Errorf("%s", message)
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
}

// completionExamples of the commands that cobra makes.
const completionExamples = "  source <(davit completion bash)\n  davit completion zsh > \"${fpath[1]}/_davit\"\n  davit completion fish > ~/.config/fish/completions/davit.fish"

// refine gives cmd and all below it what holds for every command: arguments
// that do not fit are a wrong usage, no file names are proposed where none can
// be typed, and there are examples.
func refine(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return wrongUsage(cmd, err)
			}
			return nil
		}
	}
	if cmd.ValidArgsFunction == nil && !strings.Contains(cmd.Use, "DIR") && !strings.Contains(cmd.Use, "FILE") && !cmd.HasSubCommands() {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	if cmd.Example == "" && strings.HasPrefix(cmd.CommandPath(), "davit completion") {
		cmd.Example = completionExamples
	}
	for _, c := range cmd.Commands() {
		refine(c)
	}
}
