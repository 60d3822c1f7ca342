package main

import (
	"strconv"
	"strings"
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
			out, err := client.Runs(cmd.Context(), c, l.InstanceID, limit)
			if err != nil {
				return err
			}
			t := s.table(cmd.OutOrStdout(), "Nothing was run yet: \"davit run -- COMMAND\" runs a command beside what serves.", "ID", "STARTED", "STATUS", "TOOK", "EXIT", "WHAT")
			for _, op := range out.ServiceInstance.Runs {
				if err := t.row(op, runCells(op)...); err != nil {
					return err
				}
			}
			return t.end()
		},
	}
	s = newSession(cmd, getenv).linked(cmd)
	cmd.Flags().IntVarP(&limit, "limit", "n", 20, "how many at most")
	return cmd
}

// runCells are the columns of a row of the list.
func runCells(op client.Operation) []string {
	when, took, exit, what := "", "", "", "on schedule"
	if op.StartedAt != nil {
		when = op.StartedAt.Local().Format(time.DateTime)
	}
	if op.StartedAt != nil && op.FinishedAt != nil {
		took = short(op.FinishedAt.Sub(*op.StartedAt))
	}
	if op.ExitCode != nil {
		exit = strconv.Itoa(*op.ExitCode)
	}
	if op.ScheduledAt == nil {
		what = strings.Join(op.Command, " ")
	}
	return []string{op.Id, when, string(op.Status), took, exit, what}
}
