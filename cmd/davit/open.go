package main

import (
	"fmt"
	"io"
	"net/url"

	"github.com/cli/browser"
	"github.com/spf13/cobra"

	"github.com/davitdev/davit/internal/fault"
)

func openCommand(getenv func(string) string) *cobra.Command {
	var s *session
	var show bool
	cmd := &cobra.Command{
		Use: "open", Short: "Open the service of this directory in a browser", Args: cobra.NoArgs,
		Example: "  davit open\n  davit open --print",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, l, err := s.link()
			if err != nil {
				return err
			}
			i, err := loadInstance(cmd.Context(), c, l.InstanceID)
			if err != nil {
				return err
			}
			if len(i.Routes) == 0 {
				return fault.New(fault.Conflict, "Service %s has no host name.", plain(i.Service.Name))
			}
			to := plain(i.Routes[0].Url)
			if u, err := url.Parse(to); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
				return fault.New(fault.Internal, "The server gave %q, which no browser should open.", to)
			}
			if s.json {
				return s.emit(cmd.OutOrStdout(), map[string]string{"url": to})
			}
			fmt.Fprintln(cmd.OutOrStdout(), to)
			if show {
				return nil
			}
			if i.ActiveDeployment == nil {
				return fault.New(fault.Conflict, "Nothing is live there yet.").WithHint("Deploy it with \"davit deploy\".")
			}
			browser.Stdout, browser.Stderr = io.Discard, io.Discard
			if err := browser.OpenURL(to); err != nil {
				return fault.New(fault.Unavailable, "No browser could be opened").Because(err)
			}
			return nil
		},
	}
	s = newSession(cmd, getenv).linked(cmd)
	cmd.Flags().BoolVar(&show, "print", false, "print the URL only")
	return cmd
}
