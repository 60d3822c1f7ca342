package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/fault"
)

// logLine is a line of a log, with the names of the API.
type logLine struct {
	Timestamp time.Time `json:"timestamp"`
	Stream    string    `json:"stream"`
	Severity  string    `json:"severity"`
	Message   string    `json:"message"`
	ReplicaID *string   `json:"replicaId"`
}

const lineFields = `timestamp stream severity message replicaId`

func logsCommand(getenv func(string) string) *cobra.Command {
	var s *session
	var follow bool
	var tail int
	cmd := &cobra.Command{
		Use: "logs [ID|NUMBER]", Short: "Show what the service of this directory prints", Args: cobra.MaximumNArgs(1),
		Long: "Shows what the service of this directory prints, all deployments of it, or with an argument what\n" +
			"one deployment and its build printed.",
		Example: "  davit logs\n  davit logs -f\n  davit logs 3 --tail 500\n  davit logs --json | jq .message",
		RunE: func(cmd *cobra.Command, args []string) error {
			if tail < 1 || tail > 1000 {
				return fault.New(fault.Invalid, "--tail is 1 to 1000, not %d.", tail)
			}
			c, l, err := s.link()
			if err != nil {
				return err
			}
			source := client.Variables{"serviceInstanceId": l.InstanceID}
			if len(args) == 1 {
				d, err := pick(cmd.Context(), c, l, args, underWay, "")
				if err != nil {
					return err
				}
				source = client.Variables{"deploymentId": d.ID}
			}
			if follow {
				return s.followLogs(cmd.Context(), c, cmd.OutOrStdout(), source, tail)
			}
			var out struct{ Logs struct{ Lines []logLine } }
			err = c.Do(cmd.Context(), `query($source:LogSource!,$n:Int!){logs(source:$source,query:{limit:$n}){lines{`+lineFields+`}}}`,
				client.Variables{"source": source, "n": tail}, &out)
			if err != nil {
				return err
			}
			return s.lines(cmd.OutOrStdout(), out.Logs.Lines)
		},
	}
	s = newSession(cmd, getenv).linked(cmd)
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with each line as it comes, until Ctrl-C")
	cmd.Flags().IntVarP(&tail, "tail", "n", 200, "how many earlier lines to begin with")
	return cmd
}

// followLogs shows lines as they come. After a dropped connection it goes on
// behind the last one that was shown.
func (s *session) followLogs(ctx context.Context, c *client.Client, out io.Writer, source client.Variables, tail int) error {
	var after *string
	err := c.Subscribe(ctx, `subscription($source:LogSource!,$after:Cursor,$tail:Int!){logs(source:$source,after:$after,tail:$tail){
			... on LogBatch{lines{`+lineFields+`} cursor} ... on LogGap{dropped reason to} ... on LogEnd{end:reason}}}`,
		func() client.Variables { return client.Variables{"source": source, "after": after, "tail": tail} },
		func(data json.RawMessage) error {
			var m struct {
				Logs struct {
					Lines      []logLine
					Cursor, To *string
					Dropped    *int64
					Reason     string
					End        string
				}
			}
			if err := json.Unmarshal(data, &m); err != nil {
				return err
			}
			for _, cursor := range []*string{m.Logs.Cursor, m.Logs.To} {
				if cursor != nil {
					after = cursor
				}
			}
			if m.Logs.To != nil {
				return s.gap(out, m.Logs.Reason, m.Logs.Dropped)
			}
			if m.Logs.End == "SERVER_SHUTDOWN" {
				return client.ErrAgain
			}
			return s.lines(out, m.Logs.Lines)
		})
	if ctx.Err() == nil {
		return err
	}
	return nil // Ctrl-C is how following ends
}

func (s *session) lines(out io.Writer, lines []logLine) error {
	for _, l := range lines {
		if s.json {
			if err := s.emit(out, l); err != nil {
				return err
			}
			continue
		}
		// Of control characters the server keeps colours alone.
		if _, err := fmt.Fprintf(out, "%s %-6s %s\n", l.Timestamp.Local().Format("15:04:05.000"), l.Stream, l.Message); err != nil {
			return fmt.Errorf("print: %w", err)
		}
	}
	return nil
}

// gap says that lines are missing.
func (s *session) gap(out io.Writer, reason string, dropped *int64) error {
	if s.json {
		return s.emit(out, map[string]any{"gap": reason, "dropped": dropped})
	}
	_, err := fmt.Fprintf(out, "-- lines are missing here: %s\n", plain(reason))
	return err
}
