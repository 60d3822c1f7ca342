package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/fault"
)

func runsCommand(getenv func(string) string) *cobra.Command {
	var s *session
	var limit int
	cmd := &cobra.Command{
		Use: "runs", Short: "List what was run: runs of a cron service, and commands", Args: cobra.NoArgs,
		Long:    "Lists the runs of a cron service, and commands of \"davit run\", newest first. \"davit logs ID\" shows what\none printed.",
		Example: "  davit runs\n  davit runs -n 100 --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 1 || limit > 100 {
				return fault.New(fault.Invalid, "--limit is 1 to 100, not %d.", limit)
			}
			c, l, err := s.link()
			if err != nil {
				return err
			}
			var out struct {
				Node struct{ Runs []operationView }
			}
			err = c.Do(cmd.Context(), `query($i:ID!,$n:Int!){node(id:$i){... on ServiceInstance{runs(first:$n){`+operationFields+`}}}}`,
				client.Variables{"i": l.InstanceID, "n": limit}, &out)
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			for _, op := range out.Node.Runs {
				if s.json {
					if err := s.emit(cmd.OutOrStdout(), op); err != nil {
						return err
					}
					continue
				}
				fmt.Fprintln(w, runLine(op))
			}
			return w.Flush()
		},
	}
	s = newSession(cmd, getenv).linked(cmd)
	cmd.Flags().IntVarP(&limit, "limit", "n", 20, "how many at most")
	return cmd
}

// runLine is a row of the list.
func runLine(op operationView) string {
	when, took, exit, what := "", "", "", "on schedule"
	if op.Began != nil {
		when = op.Began.Local().Format(time.DateTime)
	}
	if op.Began != nil && op.Ended != nil {
		took = short(op.Ended.Sub(*op.Began))
	}
	if op.ExitCode != nil {
		exit = fmt.Sprintf("exit code %d", *op.ExitCode)
	}
	if op.Due == nil {
		what = plain(strings.Join(op.Command, " "))
	}
	return strings.Join([]string{op.ID, when, string(op.Status), took, exit, what}, "\t")
}
