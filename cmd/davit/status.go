package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/spec"
)

func statusCommand(getenv func(string) string) *cobra.Command {
	var s *session
	cmd := &cobra.Command{
		Use: "status", Short: "Show how the service of this directory is", Args: cobra.NoArgs,
		Long: "Shows how the service of this directory is: what it does, how often it was restarted and why, how the last run of a\n" +
			"cron service ended, what serves since when, and whether variables have changed since that was deployed.",
		Example: "  davit status\n  davit status --dir ./shop --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, l, err := s.link()
			if err != nil {
				return err
			}
			i, err := loadInstance(cmd.Context(), c, l.InstanceID)
			if err != nil {
				return err
			}
			if s.json {
				return s.emit(cmd.OutOrStdout(), i)
			}
			now, err := loadStanding(cmd.Context(), c, i)
			if err != nil {
				return err
			}
			return showInstance(cmd.OutOrStdout(), i, now)
		},
	}
	s = newSession(cmd, getenv).linked(cmd)
	return cmd
}

func showInstance(out io.Writer, i *client.Instance, now *standing) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%s\t%s\n", name, plain(fmt.Sprintf(format, args...)))
	}
	row("service", "%s of %s in %s", i.Service.Name, i.Service.Project.Name, i.Environment.Name)
	row("status", "%s, %s", i.Status, i.Health)
	if i.StateReason != nil {
		row("reason", "%s", *i.StateReason)
	}
	for _, r := range i.Routes {
		row("url", "%s", r.Url)
	}
	if d := i.ActiveDeployment; d != nil && d.Bundle != nil {
		by := "served by the proxy"
		if i.Status == lifecycle.InstanceStopped {
			by = "not served"
		}
		row("files", "%d, %s, %s", d.Bundle.Files, bytes(d.Bundle.SizeBytes), by)
	} else {
		row("replicas", "%s", replicaCount(i))
	}
	if text := now.restarts(time.Now()); text != "" {
		row("restarts", "%s", text)
	}
	if text := now.lastEnd(time.Now()); text != "" {
		row("last run", "%s", text)
	}
	if i.NextCronRunAt != nil {
		row("next run", "%s", i.NextCronRunAt.Local().Format(time.RFC1123))
	}
	if d := i.ActiveDeployment; d != nil {
		since := ""
		if at := now.ActiveDeployment; at != nil && at.TrafficSwitchedAt != nil {
			since = ", since " + age(time.Since(*at.TrafficSwitchedAt))
		}
		row("serves", "deployment #%d (%s)%s", d.Number, d.Id, since)
		if text := now.remembered(); text != "" {
			row("", "%s", text)
		}
		if n := now.changed(); n > 0 {
			row("variables", "%s since it was deployed: \"davit redeploy\" applies them", counted(n, "has changed", "have changed"))
		}
	}
	if d := i.LatestDeployment; d != nil {
		row("newest", "deployment #%d (%s), %s", d.Number, d.Id, statusOf(d.Status, d.Conclusion))
		if d.Failure != nil {
			row("", "%s", d.Failure.Message)
		}
	}
	return w.Flush()
}

// statusOf is how a deployment ended, or where it is.
func statusOf(status lifecycle.Status, conclusion *lifecycle.Conclusion) string {
	if conclusion != nil {
		return string(*conclusion)
	}
	return string(status)
}

// replicaCount says how many replicas run, of each process where there are
// several.
func replicaCount(i *client.Instance) string {
	if i.ActiveDeployment != nil && i.ActiveDeployment.Bundle != nil {
		return "static"
	}
	count := runningOf(i)
	if len(count) == 0 {
		return "none"
	}
	parts := make([]string, 0, len(count))
	for _, name := range slices.SortedFunc(maps.Keys(count), mainFirst) {
		text := fmt.Sprintf("%d of %d run", count[name].running, count[name].all)
		if len(count) > 1 {
			text = name + " " + text
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

// mainFirst orders the names of processes.
func mainFirst(a, b string) int {
	if (a == spec.MainProcess) != (b == spec.MainProcess) {
		return map[bool]int{true: -1, false: 1}[a == spec.MainProcess]
	}
	return strings.Compare(a, b)
}

// replicasOf is how many replicas of a process run, and how many are there.
type replicasOf struct{ running, all int }

// runningOf counts the replicas of an instance by process.
func runningOf(i *client.Instance) map[string]replicasOf {
	count := map[string]replicasOf{}
	for _, r := range i.Replicas {
		if r.Status == lifecycle.ReplicaRemoved {
			continue
		}
		name := spec.MainProcess
		if r.Process != nil {
			name = plain(*r.Process)
		}
		n := count[name]
		n.all++
		if r.Status == lifecycle.ReplicaRunning {
			n.running++
		}
		count[name] = n
	}
	return count
}

func psCommand(getenv func(string) string) *cobra.Command {
	var s *session
	var workspace string
	cmd := &cobra.Command{
		Use: "ps", Short: "List what runs in a workspace", Args: cobra.NoArgs,
		Example: "  davit ps\n  davit ps --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := s.client()
			if err != nil {
				return err
			}
			t := s.table(cmd.OutOrStdout(), noService, "PROJECT", "SERVICE", "ENVIRONMENT", "STATUS", "REPLICAS", "URL")
			err = eachInstance(cmd.Context(), c, workspace, func(i *client.Instance) error {
				url := ""
				if len(i.Routes) > 0 {
					url = i.Routes[0].Url
				}
				return t.row(i, i.Service.Project.Slug, i.Service.Slug, i.Environment.Slug, string(i.Status), replicaCount(i), url)
			})
			if err != nil {
				return err
			}
			return t.end()
		},
	}
	s = newSession(cmd, getenv)
	cmd.Flags().StringVar(&workspace, "workspace", "default", "which workspace")
	return cmd
}
