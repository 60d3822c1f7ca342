package main

import (
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/cli/browser"
	"github.com/spf13/cobra"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/fault"
)

func consoleCommand(getenv func(string) string) *cobra.Command {
	var s *session
	var show bool
	cmd := &cobra.Command{
		Use: "console", Short: "Open the web console, signed in", Args: cobra.NoArgs,
		Long: "Prints a link to the web console and opens it in a browser. Whoever opens it\n" +
			"first is signed in as you; it works once and expires after an hour.",
		Example: "  davit console\n  davit console --no-open",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := s.client()
			if err != nil {
				return err
			}
			out, err := client.CreateClaimLink(cmd.Context(), c, client.CreateClaimLinkInput{})
			if err != nil {
				return err
			}
			link, err := s.reached(out.CreateClaimLink.Url)
			if err != nil {
				return err
			}
			if s.json {
				return s.emit(cmd.OutOrStdout(), map[string]string{"url": link, "expiresAt": out.CreateClaimLink.ExpiresAt.Format(time.RFC3339)})
			}
			fmt.Fprintln(cmd.OutOrStdout(), link)
			if show {
				return nil
			}
			browser.Stdout, browser.Stderr = io.Discard, io.Discard
			if err := browser.OpenURL(link); err != nil {
				fmt.Fprintln(cmd.ErrOrStderr(), "davit: no browser could be opened here: open the link in yours.")
			}
			return nil
		},
	}
	s = newSession(cmd, getenv)
	cmd.Flags().BoolVar(&show, "no-open", false, "print the link only")
	return cmd
}

// reached is a URL of the server by the scheme that it is reached by: a server
// behind a proxy need not know of TLS.
func (s *session) reached(address string) (string, error) {
	there, err := url.Parse(s.server)
	if err != nil {
		return "", err
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "", fault.New(fault.Internal, "The server gave %q, which no browser should open.", plain(address))
	}
	u.Scheme = there.Scheme
	return u.String(), nil
}
