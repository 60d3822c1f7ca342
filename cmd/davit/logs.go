package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/fault"
)

// maxTail is how many lines the API gives at once.
const maxTail = 1000

// logWish is what "davit logs" was told.
type logWish struct {
	*session
	follow, build  bool
	tail           int
	since, grep    string
	streams        []string
	replica        string
	from           *time.Time // since, understood
	source, filter client.Variables
}

var streams = []string{"stdout", "stderr", "build", "system"}

func logsCommand(getenv func(string) string) *cobra.Command {
	var w logWish
	cmd := &cobra.Command{
		Use: "logs [ID|NUMBER]", Short: "Show what the service of this directory prints", Args: cobra.MaximumNArgs(1),
		Long: "Shows what the service of this directory prints, all deployments of it, or with an argument what\n" +
			"one deployment and its build printed, or a command that was run. A line says when and where it was printed: #3/0 is replica 0\n" +
			"of deployment #3, #3/worker.0 one of its process worker. With --since it begins there, otherwise with the last 200 lines.",
		Example: "  davit logs\n  davit logs -f --stream stderr\n  davit logs --since 15m --grep timeout\n  davit logs 3 --build\n" +
			"  davit logs --replica 3/0 --tail 500\n  davit logs --json | jq -r .message",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := w.understand(cmd, time.Now()); err != nil {
				return err
			}
			c, l, err := w.link()
			if err != nil {
				return err
			}
			if err := w.aim(cmd.Context(), c, l, args); err != nil {
				return err
			}
			p := &linePrinter{session: w.session, out: cmd.OutOrStdout(), c: c, names: map[string]string{}}
			after, err := w.history(cmd.Context(), c, p)
			if err == nil && w.follow {
				err = w.followLogs(cmd.Context(), c, p, after)
			}
			if w.follow && errors.Is(err, context.Canceled) {
				err = nil // Ctrl-C is how following ends
			}
			return err
		},
	}
	w.session = newSession(cmd, getenv).linked(cmd)
	f := cmd.Flags()
	f.BoolVarP(&w.follow, "follow", "f", false, "go on with each line as it comes, until Ctrl-C")
	f.IntVarP(&w.tail, "tail", "n", 200, "how many earlier lines to begin with, at most 1000")
	f.StringVar(&w.since, "since", "", "begin so long ago, as in 90s, 15m, 2h, or at a time such as 2026-01-31T15:04:05Z")
	f.StringVar(&w.grep, "grep", "", "only lines that hold this text")
	f.BoolVar(&w.build, "build", false, "only the build, of the newest deployment that has one if none is named")
	f.StringSliceVar(&w.streams, "stream", nil, "only these: "+strings.Join(streams, ", "))
	f.StringVar(&w.replica, "replica", "", "only this replica: its number in what serves, such as 0 or worker.0, DEPLOYMENT/NUMBER, or its id")
	complete(cmd, "stream", streams...)
	return cmd
}

// understand checks the flags that can be checked without a server.
func (w *logWish) understand(cmd *cobra.Command, now time.Time) error {
	for _, pair := range [][2]string{{"build", "replica"}, {"build", "stream"}, {"since", "tail"}} {
		if cmd.Flags().Changed(pair[0]) && cmd.Flags().Changed(pair[1]) {
			return wrongUsage(cmd, fmt.Errorf("--%s and --%s do not go together", pair[0], pair[1]))
		}
	}
	least := 1
	if w.follow {
		least = 0
	}
	if w.tail < least || w.tail > maxTail {
		return fault.New(fault.Invalid, "--tail is %d to %d, not %d.", least, maxTail, w.tail)
	}
	if w.since != "" {
		from, err := time.Parse(time.RFC3339, w.since)
		if ago, derr := time.ParseDuration(w.since); derr == nil && ago >= 0 {
			from, err = now.Add(-ago), nil
		}
		if err != nil {
			return fault.New(fault.Invalid, "--since is a time such as 15m or %s, not %q.", now.UTC().Format(time.RFC3339), w.since)
		}
		w.from = &from
	}
	w.filter = client.Variables{}
	kinds := []string{}
	for _, s := range w.streams {
		if !slices.Contains(streams, strings.ToLower(s)) {
			return fault.New(fault.Invalid, "--stream is one of %s, not %q.", strings.Join(streams, ", "), s)
		}
		kinds = append(kinds, strings.ToUpper(s))
	}
	if len(kinds) > 0 {
		w.filter["streams"] = kinds
	}
	if cmd.Flags().Changed("grep") {
		w.filter["search"] = w.grep
	}
	return nil
}

// history prints the lines that are there, and returns the cursor after them.
func (w *logWish) history(ctx context.Context, c *client.Client, p *linePrinter) (*string, error) {
	if w.follow && w.from == nil {
		return nil, nil // the feed begins with them
	}
	query := client.Variables{"limit": w.tail}
	for k, v := range w.filter {
		query[k] = v
	}
	if w.from != nil {
		query["limit"], query["from"] = maxTail, w.from.UTC().Format(time.RFC3339Nano)
	}
	for {
		var out struct {
			Logs struct {
				Lines        []logLine
				Gaps         []logGap
				EndCursor    *string
				HasMoreAfter bool
			}
		}
		err := c.Do(ctx, `query($source:LogSource!,$query:LogQuery!){logs(source:$source,query:$query){
			lines{`+lineFields+`} gaps{dropped reason from} endCursor hasMoreAfter}}`, client.Variables{"source": w.source, "query": query}, &out)
		if err != nil {
			return nil, err
		}
		if err := p.page(ctx, out.Logs.Lines, out.Logs.Gaps); err != nil {
			return nil, err
		}
		if len(out.Logs.Lines) == 0 && len(out.Logs.Gaps) == 0 && p.day == "" && !w.follow && isTerminal(p.out) {
			w.say(p.out, "There is no such line yet.")
		}
		if w.from == nil || !out.Logs.HasMoreAfter || out.Logs.EndCursor == nil {
			return out.Logs.EndCursor, nil
		}
		query["after"] = *out.Logs.EndCursor
	}
}

// followLogs shows lines as they come. After a dropped connection it goes on
// behind the last one that was shown.
func (w *logWish) followLogs(ctx context.Context, c *client.Client, p *linePrinter, after *string) error {
	return c.Subscribe(ctx, `subscription($source:LogSource!,$filter:LogQuery,$after:Cursor,$tail:Int!){logs(source:$source,filter:$filter,after:$after,tail:$tail){
			... on LogBatch{lines{`+lineFields+`} cursor} ... on LogGap{dropped reason to} ... on LogEnd{end:reason}}}`,
		func() client.Variables {
			return client.Variables{"source": w.source, "filter": w.filter, "after": after, "tail": w.tail}
		},
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
				return p.gap(logGap{Reason: m.Logs.Reason, Dropped: m.Logs.Dropped})
			}
			switch m.Logs.End {
			case "SERVER_SHUTDOWN":
				return client.ErrAgain
			case "PERMISSION_REVOKED":
				return fault.New(fault.Unauthenticated, "The token has ended, or may no longer read these logs.")
			}
			return p.lines(ctx, m.Logs.Lines)
		})
}
