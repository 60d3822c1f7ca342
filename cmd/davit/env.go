package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/fault"
)

func envCommand(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use: "env", Short: "Set and list the variables of the service of this directory",
		Long: "Variables are set for the service of this directory, or with --scope for its environment or its\n" +
			"whole project; the narrower scope wins. A change counts from the next deployment on.\n" +
			"Secrets are write-only: no command prints one.",
		Example: "  davit env set LOG_LEVEL=debug\n  davit env set --secret DATABASE_URL < url.txt\n  davit env import .env --redeploy\n  davit env list",
	}
	cmd.AddCommand(envSetCommand(getenv), envUnsetCommand(getenv), envListCommand(getenv), envImportCommand(getenv), envExportCommand(getenv))
	group(cmd)
	return cmd
}

// changing is what commands have in common that change what the next deployment
// gets.
type changing struct {
	*session
	redeploy bool
}

func newChanging(cmd *cobra.Command, getenv func(string) string) *changing {
	s := &changing{session: newSession(cmd, getenv).linked(cmd)}
	cmd.Flags().BoolVar(&s.redeploy, "redeploy", false, "deploy what serves again at once, so that the change counts")
	return s
}

// variables is what the commands of "davit env" have in common.
type variables struct {
	*changing
	scope string
}

var scopes = []string{"service", "environment", "project"}

func newVariables(cmd *cobra.Command, getenv func(string) string, changes bool) *variables {
	if !changes {
		return &variables{changing: &changing{session: newSession(cmd, getenv).linked(cmd)}}
	}
	v := &variables{changing: newChanging(cmd, getenv)}
	cmd.Flags().StringVar(&v.scope, "scope", scopes[0], "what they are set for: "+strings.Join(scopes, ", "))
	complete(cmd, "scope", scopes...)
	return v
}

// target is what the variables of the scope belong to, and its name.
func (v *variables) target(i *client.Instance) (client.VariableTarget, string, error) {
	switch v.scope {
	case "service":
		return client.VariableTarget{ServiceInstanceId: &i.Id}, fmt.Sprintf("%s in %s", i.Service.Name, i.Environment.Name), nil
	case "environment":
		return client.VariableTarget{EnvironmentId: &i.Environment.Id}, "environment " + i.Environment.Name, nil
	case "project":
		return client.VariableTarget{ProjectId: &i.Service.Project.Id}, "project " + i.Service.Project.Name, nil
	}
	return client.VariableTarget{}, "", fault.New(fault.Invalid, "--scope is one of %s, not %q%s", strings.Join(scopes, ", "), v.scope, cmp.Or(meant(v.scope, scopes), "."))
}

// set sets variables, says so, and redeploys if that was asked for.
func (v *variables) set(cmd *cobra.Command, list []client.VariableInput, replace bool) error {
	ctx, out := cmd.Context(), cmd.OutOrStdout()
	c, l, err := v.link()
	if err != nil {
		return err
	}
	i, err := loadInstance(ctx, c, l.InstanceID)
	if err != nil {
		return err
	}
	target, where, err := v.target(i)
	if err != nil {
		return err
	}
	done, err := client.SetVariables(ctx, c, client.SetVariablesInput{Target: target, Variables: list, ReplaceAll: replace})
	if err != nil {
		return err
	}
	names := map[string]bool{}
	for _, one := range list {
		names[one.Name] = true
	}
	for _, one := range done.SetVariables.Variables {
		if v.json && (replace || names[one.Name]) {
			if err := v.emit(out, one); err != nil {
				return err
			}
		}
	}
	v.say(out, "%s now set for %s.", counted(len(names), "variable is", "variables are"), plain(where))
	return v.apply(ctx, c, out, i)
}

// applyTo does what apply does for the instance id.
func (s *changing) applyTo(ctx context.Context, c *client.Client, out io.Writer, id string) error {
	i, err := loadInstance(ctx, c, id)
	if err != nil {
		return err
	}
	return s.apply(ctx, c, out, i)
}

// apply redeploys what serves if that was asked for, and else says how.
func (s *changing) apply(ctx context.Context, c *client.Client, out io.Writer, i *client.Instance) error {
	switch {
	case i.ActiveDeployment == nil:
		s.say(out, "The next deployment gets the change.")
		return nil
	case !s.redeploy:
		s.say(out, "What runs does not have the change yet: \"davit redeploy\" gives it to it.")
		return nil
	}
	return s.again(ctx, c, out, i.ActiveDeployment.Id, i.ActiveDeployment.Number, false, false)
}

func envUnsetCommand(getenv func(string) string) *cobra.Command {
	var v *variables
	cmd := &cobra.Command{
		Use: "unset NAME...", Short: "Unset variables", Args: cobra.MinimumNArgs(1),
		Example: "  davit env unset LOG_LEVEL\n  davit env unset --scope project SENTRY_DSN REGION",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, out := cmd.Context(), cmd.OutOrStdout()
			c, l, err := v.link()
			if err != nil {
				return err
			}
			i, err := loadInstance(ctx, c, l.InstanceID)
			if err != nil {
				return err
			}
			target, where, err := v.target(i)
			if err != nil {
				return err
			}
			done, err := client.UnsetVariables(ctx, c, client.UnsetVariablesInput{Target: target, Names: args})
			if err != nil {
				return err
			}
			removed := done.UnsetVariables.Removed
			if v.json {
				err = v.emit(out, map[string]any{"removed": removed})
			} else {
				err = sayUnset(out, args, removed, plain(where))
			}
			if err != nil || len(removed) == 0 {
				return err
			}
			return v.apply(ctx, c, out, i)
		},
	}
	v = newVariables(cmd, getenv, true)
	return cmd
}

// sayUnset says how many variables were unset, and which were not set at all.
func sayUnset(out io.Writer, names, removed []string, where string) error {
	_, err := fmt.Fprintf(out, "%s unset for %s.\n", counted(len(removed), "variable is", "variables are"), where)
	for _, name := range names {
		if err == nil && !slices.Contains(removed, name) {
			_, err = fmt.Fprintf(out, "%s was not set there: \"davit env list\" says what is, and for what scope.\n", plain(name))
		}
	}
	return err
}

func envListCommand(getenv func(string) string) *cobra.Command {
	var v *variables
	cmd := &cobra.Command{
		Use: "list", Short: "List the variables, of secrets only a digest", Args: cobra.NoArgs,
		Long: "Lists the variables of the service, its environment and its project. Of a secret it shows a\n" +
			"digest, which differs when the value does. Where a name is set twice the narrower scope wins.",
		Example: "  davit env list\n  davit env list --json | jq -r 'select(.secret).name'",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, l, err := v.link()
			if err != nil {
				return err
			}
			list, err := allVariables(cmd.Context(), c, l.InstanceID)
			if err != nil {
				return err
			}
			t := v.table(cmd.OutOrStdout(), "No variable is set: \"davit env set NAME=VALUE\" sets one.", "NAME", "SCOPE", "SECRET", "VALUE")
			for _, one := range list {
				secret, value := "no", one.Digest
				if one.Secret {
					secret = "yes"
				} else if one.Value != nil {
					value = oneLine(*one.Value)
				}
				if err := t.row(one, one.Name, strings.ToLower(string(one.Scope)), secret, value); err != nil {
					return err
				}
			}
			return t.end()
		},
	}
	v = newVariables(cmd, getenv, false)
	return cmd
}

// allVariables lists the variables that an instance gets, of the widest scope
// first.
func allVariables(ctx context.Context, c *client.Client, instanceID string) ([]client.Variable, error) {
	out, err := client.InstanceVariables(ctx, c, instanceID)
	i := out.ServiceInstance
	return slices.Concat(i.Service.Project.Variables, i.Environment.Variables, i.Variables), err
}

// oneLine shows a value in a column: what is long or has more lines is cut.
func oneLine(value string) string {
	const width = 60
	line, _, more := strings.Cut(value, "\n")
	if r := []rune(plain(line)); len(r) > width {
		return string(r[:width]) + "…"
	}
	if more {
		line += "…"
	}
	return plain(line)
}

// counted is n with the word that fits.
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
