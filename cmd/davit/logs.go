package main

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/spec"
)

// maxTail is how many lines the API gives at once.
const maxTail = 1000

// logWish is what "davit logs" was told.
type logWish struct {
	*session
	follow, build bool
	tail          int
	since, grep   string
	streams       []string
	replica       string
	from          *time.Time // since, understood
	source        client.LogSource
	filter        client.LogQuery
}

var streams = []string{"stdout", "stderr", "build", "system"}

func logsCommand(getenv func(string) string) *cobra.Command {
	var w logWish
	cmd := &cobra.Command{
		Use: "logs [ID|NUMBER]", Short: "Show what the service of this directory prints", Args: cobra.MaximumNArgs(1),
		Long: "Shows what the service of this directory prints, all deployments of it, or with an argument what\n" +
			"one deployment and its build printed, or a command that was run. \"davit deployments\" lists deployments, \"davit runs\" commands. A line says when and where it was printed: #3/0 is replica 0\n" +
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
	w.feed = true
	w.deployments(cmd)
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
	if err := apart(cmd, [2]string{"build", "replica"}, [2]string{"build", "stream"}, [2]string{"since", "tail"}); err != nil {
		return err
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
	w.filter = client.LogQuery{Limit: w.tail}
	for _, s := range w.streams {
		if !slices.Contains(streams, strings.ToLower(s)) {
			return fault.New(fault.Invalid, "--stream is one of %s, not %q%s", strings.Join(streams, ", "), s, cmp.Or(meant(s, streams), "."))
		}
		w.filter.Streams = append(w.filter.Streams, client.LogStream(strings.ToUpper(s)))
	}
	if cmd.Flags().Changed("grep") {
		w.filter.Search = &w.grep
	}
	return nil
}

// history prints the lines that are there, and returns the cursor after them.
func (w *logWish) history(ctx context.Context, c *client.Client, p *linePrinter) (*string, error) {
	if w.follow && w.from == nil {
		return nil, nil // the feed begins with them
	}
	if w.from == nil {
		return w.newest(ctx, c, p)
	}
	query := w.filter
	query.Limit, query.From = maxTail, w.from
	for items := 0; ; {
		out, err := client.Logs(ctx, c, w.source, query)
		if err != nil {
			return nil, err
		}
		if err := p.page(ctx, out.Logs.Lines, out.Logs.Gaps); err != nil {
			return nil, err
		}
		items += len(out.Logs.Lines) + len(out.Logs.Gaps)
		if !out.Logs.HasMoreAfter || out.Logs.EndCursor == nil {
			return out.Logs.EndCursor, w.sayIfNone(ctx, c, p, items)
		}
		query.After = out.Logs.EndCursor
	}
}

// newest prints the last lines. A search may give them in several pages.
func (w *logWish) newest(ctx context.Context, c *client.Client, p *linePrinter) (end *string, err error) {
	query := w.filter
	var lines []client.LogLine
	var gaps []client.LogGap
	for query.Limit = w.tail; query.Limit > 0; {
		out, err := client.Logs(ctx, c, w.source, query)
		if err != nil {
			return nil, err
		}
		if query.Before == nil {
			end = out.Logs.EndCursor
		}
		lines, gaps = slices.Concat(out.Logs.Lines, lines), slices.Concat(out.Logs.Gaps, gaps)
		query.Limit -= len(out.Logs.Lines)
		if query.Before = out.Logs.StartCursor; !out.Logs.HasMoreBefore || query.Before == nil {
			break
		}
	}
	if err := p.page(ctx, lines, gaps); err != nil {
		return nil, err
	}
	return end, w.sayIfNone(ctx, c, p, len(lines)+len(gaps))
}

// sayIfNone tells a person that there are no lines, and where those of a cron
// service are.
func (w *logWish) sayIfNone(ctx context.Context, c *client.Client, p *linePrinter, items int) error {
	if items > 0 || w.follow || w.json || !isTerminal(p.out) {
		return nil
	}
	w.say(p.out, "There is no such line yet.")
	if w.source.ServiceInstanceId == nil {
		return nil
	}
	i, err := loadInstance(ctx, c, *w.source.ServiceInstanceId)
	if err == nil && i.Service.Kind == spec.Cron {
		w.say(p.out, "Each run of a cron service has a log of its own: \"davit runs\" lists them, \"davit logs ID\" shows one.")
	}
	return err
}

// followLogs shows lines as they come. After a dropped connection it goes on
// behind the last one that was shown.
func (w *logWish) followLogs(ctx context.Context, c *client.Client, p *linePrinter, after *string) error {
	return c.FollowLogs(ctx, w.source, &w.filter, after, w.tail, func(m client.LogMessage) error {
		switch m := m.(type) {
		case *client.LogMessageLogBatch:
			return p.lines(ctx, m.Lines)
		case *client.LogMessageLogGap:
			return p.gap(client.LogGap{Reason: m.Reason, Dropped: m.Dropped})
		case *client.LogMessageLogEnd:
			switch m.End {
			case client.LogEndReasonServerShutdown:
				return client.ErrAgain
			case client.LogEndReasonPermissionRevoked:
				return fault.New(fault.Unauthenticated, "The token has ended, or may no longer read these logs.")
			default:
			}
		}
		return nil
	})
}
