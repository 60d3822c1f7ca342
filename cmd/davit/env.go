package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/fault"
)

// variableView is a variable, with the names of the API. A secret has no value.
type variableView struct {
	Name   string  `json:"name"`
	Scope  string  `json:"scope"`
	Secret bool    `json:"secret"`
	Value  *string `json:"value"`
	Digest string  `json:"digest"`
}

const variableFields = `name scope secret value digest`

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

// variables is what the commands of "davit env" have in common.
type variables struct {
	*session
	scope    string
	redeploy bool
}

var scopes = []string{"service", "environment", "project"}

func newVariables(cmd *cobra.Command, getenv func(string) string, changes bool) *variables {
	v := &variables{}
	v.session = newSession(cmd, getenv).linked(cmd)
	if changes {
		cmd.Flags().StringVar(&v.scope, "scope", scopes[0], "what they are set for: "+strings.Join(scopes, ", "))
		cmd.Flags().BoolVar(&v.redeploy, "redeploy", false, "deploy what serves again at once, so that the change counts")
		complete(cmd, "scope", scopes...)
	}
	return v
}

// target is what the variables of the scope belong to, and its name.
func (v *variables) target(i instanceView) (client.Variables, string, error) {
	switch v.scope {
	case "service":
		return client.Variables{"serviceInstanceId": i.ID}, fmt.Sprintf("%s in %s", i.Service.Name, i.Environment.Name), nil
	case "environment":
		return client.Variables{"environmentId": i.Environment.ID}, "environment " + i.Environment.Name, nil
	case "project":
		return client.Variables{"projectId": i.Service.Project.ID}, "project " + i.Service.Project.Name, nil
	}
	return nil, "", fault.New(fault.Invalid, "--scope is one of %s, not %q.", strings.Join(scopes, ", "), v.scope)
}

// set sets variables, says so, and redeploys if that was asked for.
func (v *variables) set(cmd *cobra.Command, list []client.Variables, replace bool) error {
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
	var done struct {
		SetVariables struct{ Variables []variableView }
	}
	err = c.Do(ctx, `mutation($input:SetVariablesInput!){setVariables(input:$input){variables{`+variableFields+`}}}`,
		client.Variables{"input": client.Variables{"target": target, "variables": list, "replaceAll": replace}}, &done)
	if err != nil {
		return err
	}
	names := map[string]bool{}
	for _, one := range list {
		names[one["name"].(string)] = true
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

// apply redeploys what serves if that was asked for, and else says how.
func (v *variables) apply(ctx context.Context, c *client.Client, out io.Writer, i instanceView) error {
	switch {
	case i.ActiveDeployment == nil:
		v.say(out, "The next deployment gets the change.")
		return nil
	case !v.redeploy:
		v.say(out, "What runs does not have the change yet: \"davit redeploy\" gives it to it.")
		return nil
	}
	return v.again(ctx, c, out, *i.ActiveDeployment, true, false)
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
			var done struct{ UnsetVariables struct{ Removed []string } }
			err = c.Do(ctx, `mutation($input:UnsetVariablesInput!){unsetVariables(input:$input){removed}}`,
				client.Variables{"input": client.Variables{"target": target, "names": args}}, &done)
			if err != nil {
				return err
			}
			removed := done.UnsetVariables.Removed
			if v.json {
				err = v.emit(out, map[string]any{"removed": removed})
			} else {
				fmt.Fprintf(out, "%s unset for %s.\n", counted(len(removed), "variable is", "variables are"), plain(where))
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
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			v.say(w, "NAME\tSCOPE\tSECRET\tVALUE")
			for _, one := range list {
				if v.json {
					if err := v.emit(cmd.OutOrStdout(), one); err != nil {
						return err
					}
					continue
				}
				secret, value := "no", one.Digest
				if one.Secret {
					secret = "yes"
				} else if one.Value != nil {
					value = oneLine(*one.Value)
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", one.Name, strings.ToLower(one.Scope), secret, value)
			}
			return w.Flush()
		},
	}
	v = newVariables(cmd, getenv, false)
	return cmd
}

// allVariables lists the variables that an instance gets, of the widest scope
// first.
func allVariables(ctx context.Context, c *client.Client, instanceID string) ([]variableView, error) {
	var out struct {
		Node struct {
			Service struct {
				Project struct{ Variables []variableView }
			}
			Environment struct{ Variables []variableView }
			Variables   []variableView
		}
	}
	const list = `variables{` + variableFields + `}`
	err := c.Do(ctx, `query($id:ID!){node(id:$id){... on ServiceInstance{id service{project{`+list+`}} environment{`+list+`} `+list+`}}}`,
		client.Variables{"id": instanceID}, &out)
	n := out.Node
	return append(append(n.Service.Project.Variables, n.Environment.Variables...), n.Variables...), err
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

// complete proposes words for a flag.
func complete(cmd *cobra.Command, flag string, words ...string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)) // fails twice only
}
