package main

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
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
	return fmt.Sprintf("Usage: %s\nSee \"%s --help\".", e.cmd.UseLine(), e.cmd.CommandPath())
}

func wrongUsage(cmd *cobra.Command, err error) error { return &usageError{err, cmd} }

// wrongFlag is the error of a flag that cannot be read. A command that is not
// known has no flags: it is what is wrong then.
func wrongFlag(cmd *cobra.Command, err error) error {
	if words := cmd.Flags().Args(); cmd.HasSubCommands() && len(words) > 0 {
		return cmd.Args(cmd, words)
	}
	if name, ok := strings.CutPrefix(err.Error(), "unknown flag: --"); ok {
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		if like := meant(name, names); like != "" {
			err = fmt.Errorf("unknown flag --%s%s", name, strings.NewReplacer("mean ", "mean --", "or ", "or --").Replace(like))
		}
	}
	return wrongUsage(cmd, err)
}

// apart refuses two flags together, of each pair.
func apart(cmd *cobra.Command, pairs ...[2]string) error {
	for _, pair := range pairs {
		if cmd.Flags().Changed(pair[0]) && cmd.Flags().Changed(pair[1]) {
			return wrongUsage(cmd, fmt.Errorf("--%s and --%s do not go together", pair[0], pair[1]))
		}
	}
	return nil
}

// needs refuses a flag without another that it belongs to, of each pair.
func needs(cmd *cobra.Command, pairs ...[2]string) error {
	for _, pair := range pairs {
		if cmd.Flags().Changed(pair[0]) && !cmd.Flags().Changed(pair[1]) {
			return wrongUsage(cmd, fmt.Errorf("--%s goes with --%s", pair[0], pair[1]))
		}
	}
	return nil
}

// group makes a command whose subcommands do the work show its help, and
// refuse a subcommand that it does not know. --json may come before that, for
// which cobra must know that no value follows it.
func group(cmd *cobra.Command) {
	cmd.DisableFlagsInUseLine = true
	asJSON := cmd.Flags().Bool("json", false, "")
	_ = cmd.Flags().MarkHidden("json") // of its subcommands
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 && *asJSON {
			return errors.New("--json with no command")
		}
		if len(args) == 0 {
			return nil
		}
		var names []string
		for _, c := range cmd.Commands() {
			names = append(names, c.Name())
		}
		return fmt.Errorf("unknown command %q for %q%s", args[0], cmd.CommandPath(), meant(args[0], names))
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
				if len(args) > 0 && !cmd.HasSubCommands() && !strings.ContainsAny(cmd.Use, " ") {
					err = fmt.Errorf("%q is one word too many", args[0])
				}
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
	cmd.Long = wrapped(cmd.Long)
	for _, c := range cmd.Commands() {
		refine(c)
	}
}

// helpWidth is how wide help is, in columns.
const helpWidth = 80

// wrapped breaks the lines of a text anew, so that none is wider than help is.
// What is indented, and words before it, begin lines of their own.
func wrapped(text string) string {
	var b strings.Builder
	column := 0
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, " ") || line == "\n" {
			if column > 0 {
				b.WriteString("\n")
			}
			b.WriteString(line)
			column = 0
			continue
		}
		for word := range strings.FieldsSeq(line) {
			width := utf8.RuneCountInString(word)
			switch {
			case column == 0:
			case column+1+width > helpWidth:
				b.WriteString("\n")
				column = 0
			default:
				b.WriteString(" ")
				column++
			}
			b.WriteString(word)
			column += width
		}
	}
	return b.String()
}
