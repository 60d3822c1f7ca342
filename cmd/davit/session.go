package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/spf13/cobra"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/config"
	"github.com/davitdev/davit/internal/fault"
)

const defaultServer = "http://127.0.0.1:7070"

// session is what every client command has in common: which server it speaks
// to, as whom, and how it prints.
type session struct {
	getenv        func(string) string
	server, token string
	dir           string
	json          bool
	stderr        func() io.Writer
	away          atomic.Bool // the server is waited for
	feed          bool        // what is printed is a feed: no row shows what is waited for
}

// serviceCommands are the commands about the service of a directory.
func serviceCommands(getenv func(string) string) []*cobra.Command {
	return []*cobra.Command{
		deployCommand(getenv), statusCommand(getenv), openCommand(getenv), logsCommand(getenv), deploymentsCommand(getenv), envCommand(getenv), filesCommand(getenv), redeployCommand(getenv), runCommand(getenv), runsCommand(getenv),
		rollbackCommand(getenv), cancelCommand(getenv), scaleCommand(getenv), restartCommand(getenv), stopCommand(getenv), startCommand(getenv),
		deleteCommand(getenv), detectCommand(), initCommand(),
	}
}

// newSession adds the flags of a client command to cmd.
func newSession(cmd *cobra.Command, getenv func(string) string) *session {
	s := &session{getenv: getenv, stderr: cmd.ErrOrStderr}
	f := cmd.Flags()
	f.StringVar(&s.server, "server", cmp.Or(getenv("DAVIT_SERVER"), defaultServer), "address of the server ($DAVIT_SERVER)")
	f.StringVar(&s.token, "token", "", "API token ($DAVIT_TOKEN); on the server's machine its admin-token file is used")
	f.BoolVar(&s.json, "json", false, "print one JSON object a line")
	return s
}

// linked also takes the directory whose service the command is about.
func (s *session) linked(cmd *cobra.Command) *session {
	cmd.Flags().StringVarP(&s.dir, "dir", "C", ".", "directory that was deployed")
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return s.gone(run(cmd, args)) }
	return s
}

// gone adds to an object that is missing that the link may be out of date.
func (s *session) gone(err error) error {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Code != fault.NotFound || f.Hint != "" {
		return err
	}
	if _, linked, lerr := readLink(s.dir); lerr != nil || !linked {
		return err
	}
	return f.WithHint("If the service of this directory was deleted, remove %s and deploy again.", filepath.Join(s.dir, linkFile))
}

// client returns the client of the server.
func (s *session) client() (*client.Client, error) {
	token := cmp.Or(s.token, s.getenv("DAVIT_TOKEN"))
	if token == "" && isLocal(s.server) {
		var err error
		if token, err = localToken(defaultData(s.getenv)); err != nil {
			return nil, err
		}
	}
	c, err := client.New(s.server, token)
	if err == nil {
		c.Waits = s.waits
	}
	return c, err
}

// waits is told when a server that went away is waited for.
func (s *session) waits(on bool) {
	if s.away.Swap(on) == on || s.stderr == nil || !s.feed && isTerminal(s.stderr()) {
		return // a row of the terminal shows it
	}
	if on {
		fmt.Fprintf(s.stderr(), "davit: %s does not answer any more. Waiting for it…\n", s.server)
	} else {
		fmt.Fprintf(s.stderr(), "davit: %s answers again.\n", s.server)
	}
}

// defaultData is the data directory where no flag names one.
func defaultData(getenv func(string) string) string {
	return cmp.Or(getenv("DAVIT_DATA"), config.Defaults().Data)
}

// localToken reads the operator's token of a data directory, "" without one. One
// that this user may not read is UNAUTHENTICATED.
func localToken(data string) (string, error) {
	text, err := os.ReadFile(config.Config{Data: data}.TokenFile())
	if errors.Is(err, fs.ErrPermission) {
		return "", fault.New(fault.Unauthenticated, "The operator's token is another user's").
			WithHint("Give a token with --token or DAVIT_TOKEN, or run this as the user that the server runs as.").Because(err)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read operator token: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// isLocal reports whether a server is on this machine. Only such a one is sent
// the token of a file.
func isLocal(server string) bool {
	u, err := url.Parse(server)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// link returns the link of the command's directory, and the client of its
// server. Without a link there is nothing the command could be about.
func (s *session) link() (*client.Client, link, error) {
	l, err := s.linkHere()
	if err != nil {
		return nil, l, err
	}
	c, err := s.client()
	return c, l, err
}

// linkHere returns the link of the command's directory.
func (s *session) linkHere() (link, error) {
	l, ok, err := readLink(s.dir)
	if err != nil {
		return l, err
	}
	if ok {
		return l, l.check(s.server)
	}
	where, err := filepath.Abs(s.dir)
	if err != nil {
		return l, err
	}
	return l, fault.New(fault.SourceMissing, "%s has not been deployed yet.", where).
		WithHint("Deploy it with \"davit deploy\", or name a directory that was with --dir.")
}

// emit writes v as one line of JSON.
func (s *session) emit(w io.Writer, v any) error { return json.NewEncoder(w).Encode(v) }

// say writes a line for a person; there is none with --json.
func (s *session) say(w io.Writer, format string, args ...any) {
	if !s.json {
		fmt.Fprintf(w, format+"\n", args...)
	}
}
