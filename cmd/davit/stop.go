package main

import (
	"github.com/spf13/cobra"
)

func stopCommand(getenv func(string) string) *cobra.Command {
	var s *session
	var all bool
	data := defaultData(getenv)
	cmd := &cobra.Command{
		Use: "stop", Short: "Stop the service of this directory, or everything on this machine", Args: cobra.NoArgs,
		Long: "Drains and stops the replicas of the service of this directory; \"davit start\" brings it back.\n\n" +
			"With --all it stops every service of the data directory, then the control plane and the proxy.",
		Example: "  davit stop\n  davit stop --all\n  davit stop --all --data /var/lib/davit",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if all {
				return s.stopAll(cmd.Context(), data, cmd.OutOrStdout())
			}
			return s.operate(cmd, beginStop, "stopping", "was stopped")
		},
	}
	s = newSession(cmd, getenv).linked(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "everything of the data directory")
	cmd.Flags().StringVar(&data, "data", data, "data directory, with --all ($DAVIT_DATA)")
	return cmd
}
