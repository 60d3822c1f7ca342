package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// wordArguments makes cmd and all below it say which argument is missing, or which
// word is one too many, where cobra counts them.
func wordArguments(cmd *cobra.Command) {
	if check := cmd.Args; check != nil && !cmd.HasSubCommands() {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			err := check(cmd, args)
			if err == nil {
				return nil
			}
			if text := misfit(cmd, args); text != "" {
				return wrongUsage(cmd, errors.New(text))
			}
			return err
		}
	}
	for _, c := range cmd.Commands() {
		wordArguments(c)
	}
}

// misfit says how the number of arguments differs from what the usage of a command
// says, "" if it does not.
func misfit(cmd *cobra.Command, args []string) string {
	words := strings.Fields(cmd.Use)[1:]
	required, most := 0, len(words)
	for n, word := range words {
		if word == "|" { // what follows is another way to say it
			words, most = words[:n], max(most, len(args))
			break
		}
		if !strings.HasPrefix(word, "[") {
			required++
		}
		if strings.HasSuffix(word, "...") || strings.HasSuffix(word, "...]") {
			most = max(most, len(args))
		}
	}
	switch {
	case len(args) < required:
		return strings.TrimSuffix(strings.Join(words[len(args):], " "), "...") + " is missing"
	case len(args) <= most:
		return ""
	}
	text := fmt.Sprintf("%q is one word too many", args[most])
	if cmd.Flags().Lookup("dir") != nil && isDirectory(args[most]) {
		text += fmt.Sprintf(": a directory is named with -C, as in -C %s", plain(args[most]))
	}
	return text
}

// wrongFlagOrLetter is wrongFlag, and names an unknown letter as a flag.
func wrongFlagOrLetter(cmd *cobra.Command, err error) error {
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok && unknown.GetSpecifiedShortnames() != "" {
		name, typed := unknown.GetSpecifiedName(), unknown.GetSpecifiedShortnames()
		err = fmt.Errorf("unknown flag -%s", name)
		if typed != name {
			err = fmt.Errorf("unknown flag -%s in -%s", name, typed)
		}
	}
	return wrongFlag(cmd, err)
}
