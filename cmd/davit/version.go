package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
)

// Version and Commit are set by the linker: make build, make release.
var (
	Version = "dev"
	Commit  = "unknown"
)

// buildInfo is what this program was made of.
type buildInfo struct {
	Version  string `json:"version"`
	Commit   string `json:"commit"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func thisBuild() buildInfo {
	return buildInfo{Version, Commit, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
}

func (b buildInfo) String() string {
	return fmt.Sprintf("davit %s (%s) %s %s", b.Version, b.Commit, b.Go, b.Platform)
}

func versionCommand() *cobra.Command {
	var s session
	cmd := &cobra.Command{
		Use: "version", Short: "Print the version, and what it was built of", Args: cobra.NoArgs, Example: "  davit version\n  davit version --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if s.json {
				return s.emit(cmd.OutOrStdout(), thisBuild())
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), thisBuild())
			return err
		},
	}
	cmd.Flags().BoolVar(&s.json, "json", false, "print one JSON object a line")
	return cmd
}
