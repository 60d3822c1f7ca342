package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/spf13/cobra"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/fault"
)

// maxEnvFile bounds what is read of variables, in bytes.
const maxEnvFile = 16 << 20

func envImportCommand(getenv func(string) string) *cobra.Command {
	var v *variables
	var secret, replace bool
	cmd := &cobra.Command{
		Use: "import [FILE]", Short: "Set the variables of a .env file, or of stdin", Args: cobra.MaximumNArgs(1),
		Long: "Sets the variables of a file in .env format, of stdin without one. $NAME in a value means an\n" +
			"earlier variable of the file, never one of this machine. A file without a variable is refused,\n" +
			"also with --replace.",
		Example: "  davit env import .env\n  davit env import --secret --replace < secrets.env",
		RunE: func(cmd *cobra.Command, args []string) error {
			var in io.Reader
			if len(args) == 0 || args[0] == "-" {
				in = stdin(cmd, "the variables, NAME=VALUE in each line")
			} else {
				f, err := os.Open(args[0])
				if err != nil {
					return fault.Wrap(err, fault.Invalid, "No variables can be read there")
				}
				defer f.Close()
				in = f
			}
			text, err := readBounded(cmd.Context(), in, "variables", maxEnvFile)
			if err != nil {
				return err
			}
			list, err := parseEnv(text, secret)
			if err != nil {
				return err
			}
			if len(list) == 0 {
				return fault.New(fault.Invalid, "There is no variable in it: nothing was set.").WithHint("To unset variables say \"davit env unset NAME...\".")
			}
			return v.set(cmd, list, replace)
		},
	}
	v = newVariables(cmd, getenv, true)
	cmd.Flags().BoolVar(&secret, "secret", false, "write-only from now on, all of them")
	cmd.Flags().BoolVar(&replace, "replace", false, "unset every other variable of the scope")
	return cmd
}

// parseEnv reads the .env format, as Docker Compose does. The parser's own
// message could hold a value, so that it is not shown.
func parseEnv(text string, secret bool) ([]client.VariableInput, error) {
	values, err := dotenv.ParseWithLookup(strings.NewReader(text), func(string) (string, bool) { return "", false })
	if _, nameless := values[""]; err == nil && nameless { // what the parser makes of a last line without "="
		err = errors.New("the names")
	}
	if err != nil {
		where, _, found := strings.Cut(err.Error(), ":")
		if !found || !strings.HasPrefix(where, "line ") {
			where = "the names"
		}
		return nil, fault.New(fault.Invalid, "This is not in the form NAME=VALUE: check %s, and look for an unclosed quote before it.", where)
	}
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	list := make([]client.VariableInput, len(names))
	for i, name := range names {
		list[i] = client.VariableInput{Name: name, Value: values[name], Secret: secret}
	}
	return list, nil
}

func envExportCommand(getenv func(string) string) *cobra.Command {
	var v *variables
	cmd := &cobra.Command{
		Use: "export", Short: "Print the variables as a .env file, without secrets", Args: cobra.NoArgs,
		Long: "Prints what the service gets, of all scopes, in the format \"davit env import\" reads. Of a secret\n" +
			"it prints a comment with its name: nobody can read its value any more.",
		Example: "  davit env export > .env\n  davit env export --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, l, err := v.link()
			if err != nil {
				return err
			}
			list, err := allVariables(cmd.Context(), c, l.InstanceID)
			if err != nil {
				return err
			}
			byName := map[string]client.Variable{} // the narrowest scope comes last
			for _, one := range list {
				byName[one.Name] = one
			}
			list = list[:0]
			for _, one := range byName {
				list = append(list, one)
			}
			slices.SortFunc(list, func(a, b client.Variable) int { return strings.Compare(a.Name, b.Name) })
			out := cmd.OutOrStdout()
			if !isTerminal(out) {
				out = raw(out) // a file gets the values as they are
			}
			for _, one := range list {
				switch {
				case v.json:
					err = v.emit(cmd.OutOrStdout(), one)
				case one.Secret || one.Value == nil:
					_, err = fmt.Fprintf(out, "# %s is a secret\n", plain(one.Name))
				default:
					_, err = fmt.Fprintf(out, "%s=%s\n", plain(one.Name), quoteEnv(*one.Value))
				}
				if err != nil {
					return fmt.Errorf("print: %w", err)
				}
			}
			return nil
		},
	}
	v = newVariables(cmd, getenv, false)
	return cmd
}

// quoteEnv writes a value so that the .env format gives it back.
func quoteEnv(value string) string {
	const harmless = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+./:@%,"
	if value != "" && strings.Trim(value, harmless) == "" {
		return value
	}
	if !strings.ContainsAny(value, `'\`+"\r") { // nothing means anything inside of these
		return "'" + value + "'"
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`, "\n", `\n`, "\r", `\r`).Replace(value) + `"`
}
