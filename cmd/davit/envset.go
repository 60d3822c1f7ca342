package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/fault"
)

func envSetCommand(getenv func(string) string) *cobra.Command {
	var v *variables
	var secret bool
	cmd := &cobra.Command{
		Use: "set NAME[=VALUE]...", Short: "Set variables", Args: cobra.MinimumNArgs(1),
		Long: "Sets variables. One may be named without a value: it is then read from stdin, or on a terminal\n" +
			"asked for without being shown. So a secret is neither in the shell's history nor in the list of processes.\n" +
			"An empty value is set by NAME= alone: what is read is refused if it is empty.",
		Example: "  davit env set LOG_LEVEL=debug REGION=eu\n  davit env set --secret API_KEY\n  pass show db | davit env set --secret --redeploy DATABASE_URL",
		RunE: func(cmd *cobra.Command, args []string) error {
			list, asked := make([]client.VariableInput, 0, len(args)), -1
			for n, arg := range args {
				name, value, given := strings.Cut(arg, "=")
				if !given {
					if asked >= 0 {
						return fault.New(fault.Invalid, "Only one value can be read: give the others as NAME=VALUE.")
					}
					asked = n
				}
				list = append(list, client.VariableInput{Name: name, Value: value, Secret: secret})
			}
			if asked >= 0 {
				var err error
				if list[asked].Value, err = askValue(cmd, list[asked].Name); err != nil {
					return err
				}
			}
			return v.set(cmd, list, false)
		},
	}
	v = newVariables(cmd, getenv, true)
	cmd.Flags().BoolVar(&secret, "secret", false, "write-only from now on")
	return cmd
}

// askValue reads the value of a variable: what is typed unseen on a terminal,
// else all of stdin but the end of its last line. INVALID is a value that is
// empty, as it is after a program that failed.
func askValue(cmd *cobra.Command, name string) (value string, err error) {
	in := cmd.InOrStdin()
	if f, ok := in.(*os.File); ok && isTerminal(in) {
		value, err = askUnseen(cmd.Context(), f, raw(cmd.ErrOrStderr()), "Value of "+plain(name)+" (not shown): ")
	} else {
		value, err = readBounded(cmd.Context(), in, "variables", maxEnvFile)
		value = strings.TrimSuffix(strings.TrimSuffix(value, "\n"), "\r")
	}
	if err == nil && value == "" {
		return "", fault.New(fault.Invalid, "No value of %s was given: nothing was set.", plain(name)).WithHint("Say %s= for an empty value.", plain(name))
	}
	return value, err
}

// askUnseen reads a line that is not shown. What is typed before the question
// is there is not shown either. Out gets the terminal's control characters, and a
// question that is plain.
func askUnseen(ctx context.Context, in *os.File, out io.Writer, question string) (string, error) {
	before, err := term.MakeRaw(int(in.Fd())) //nolint:gosec // a descriptor
	if err != nil {
		return "", fmt.Errorf("read value: %w", err)
	}
	text, err := untilInterrupted(ctx, func() (string, error) {
		typed := &keys{Reader: in, Writer: out}
		text, err := term.NewTerminal(typed, "").ReadPassword(question)
		if err != nil && typed.interrupt {
			err = context.Canceled
		}
		return text, err
	})
	if rerr := term.Restore(int(in.Fd()), before); rerr != nil { //nolint:gosec // a descriptor
		return "", fmt.Errorf("restore terminal: %w", rerr)
	}
	if err != nil {
		fmt.Fprintln(out)
	}
	if errors.Is(err, context.Canceled) {
		return "", err
	}
	if err != nil { // Ctrl-D
		return "", fault.New(fault.Canceled, "Nothing was set.")
	}
	return text, nil
}

// keys is a terminal that shows nothing of what is typed: there Ctrl-C is a byte
// like others, and interrupt is whether it was typed.
type keys struct {
	io.Reader
	io.Writer
	interrupt bool
}

func (k *keys) Read(p []byte) (int, error) {
	const ctrlC = 3
	n, err := k.Reader.Read(p)
	k.interrupt = k.interrupt || slices.Contains(p[:n], ctrlC)
	return n, err
}

// envOf reads variables of the form NAME=VALUE, or NAME for the value that the
// environment has.
func envOf(words []string, getenv func(string) string) ([]client.VariableInput, error) {
	list := make([]client.VariableInput, 0, len(words))
	for _, word := range words {
		name, value, given := strings.Cut(word, "=")
		if !given {
			if value = getenv(name); value == "" {
				return nil, fault.New(fault.Invalid, "%s has no value in this shell.", plain(name)).WithHint("Say --env %s=VALUE.", plain(name))
			}
		}
		list = append(list, client.VariableInput{Name: name, Value: value})
	}
	return list, nil
}
