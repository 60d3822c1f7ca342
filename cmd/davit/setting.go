package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// variableOf is the environment variable of a flag.
func variableOf(flag string) string {
	return "DAVIT_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// addressFlag adds the flag of a setting that is an address with a password in
// it: help does not show the variable's value.
func addressFlag(cmd *cobra.Command, getenv func(string) string, p *string, name, usage string) {
	env := variableOf(name)
	cmd.Flags().StringVar(p, name, getenv(env), usage+" ($"+env+")")
	cmd.Flags().Lookup(name).DefValue = ""
}
