package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/spec"
)

// standing is what "davit status" tells a person beside the state of an instance.
type standing struct {
	client.Standing

	variables []client.Variable // that its next deployment gets, of the widest scope first; nil if they may not be seen
	lastRun   *client.Operation // of a cron service, nil if it never ran
}

// loadStanding asks for the standing of an instance.
func loadStanding(ctx context.Context, c *client.Client, i *client.Instance) (*standing, error) {
	out, err := client.AskStanding(ctx, c, i.Id)
	if err != nil {
		return nil, err
	}
	now := &standing{Standing: out.ServiceInstance}
	if now.variables, err = allVariables(ctx, c, i.Id); err != nil {
		f, ok := errors.AsType[*fault.Error](err)
		if !ok || f.Code.Info().Class != fault.ClassAccess {
			return nil, err
		}
		now.variables = nil
	}
	if i.Service.Kind != spec.Cron {
		return now, nil
	}
	const newest = 20 // among which are commands, too
	runs, err := client.Runs(ctx, c, i.Id, newest)
	if err != nil {
		return nil, err
	}
	for _, op := range runs.ServiceInstance.Runs {
		if len(op.Command) == 0 {
			now.lastRun = &op
			break
		}
	}
	return now, nil
}

// restarts says how often replicas were started again, and why the last time; ""
// if none was.
func (c *standing) restarts(now time.Time) string {
	count, last := 0, -1
	for n, r := range c.Replicas {
		if r.Status == lifecycle.ReplicaRemoved || r.Restarts == 0 {
			continue
		}
		count += r.Restarts
		if r.StartedAt != nil && (last < 0 || r.StartedAt.After(*c.Replicas[last].StartedAt)) {
			last = n
		}
	}
	switch {
	case count == 0:
		return ""
	case last < 0:
		return fmt.Sprint(count)
	}
	r, why := c.Replicas[last], ""
	switch {
	case r.OomKilled:
		why = ": out of memory"
	case r.LastExitCode != nil:
		why = fmt.Sprintf(": exit code %d", *r.LastExitCode)
	}
	return fmt.Sprintf("%d, the last %s ago%s", count, age(now.Sub(*r.StartedAt)), why)
}

// lastEnd says how the last run of a cron service ended, "" if there was none.
func (c *standing) lastEnd(now time.Time) string {
	op := c.lastRun
	if op == nil {
		return ""
	}
	text := string(op.Status)
	if op.ExitCode != nil && op.Status != lifecycle.OperationSucceeded {
		text += fmt.Sprintf(", exit code %d", *op.ExitCode)
	}
	at := op.FinishedAt
	if at == nil {
		at = op.StartedAt
	}
	if at != nil {
		text += ", " + age(now.Sub(*at)) + " ago"
	}
	return text
}

// remembered is what there is to remember the deployment by that serves: what its
// author wrote, else its commit; "" if there is nothing.
func (c *standing) remembered() string {
	switch d := c.ActiveDeployment; {
	case d == nil:
		return ""
	case d.Message != nil && *d.Message != "":
		return oneLine(strings.TrimSpace(*d.Message))
	case d.Commit != nil:
		return commitName(d.Commit) + " " + oneLine(d.Commit.Message)
	}
	return ""
}

// changed is how many variables the deployment that serves does not have as they
// are now.
func (c *standing) changed() int {
	if c.ActiveDeployment == nil || c.variables == nil {
		return 0
	}
	has := map[string]string{}
	for _, v := range c.ActiveDeployment.Snapshot.Variables {
		has[v.Name] = v.Digest
	}
	set := map[string]string{}
	for _, v := range c.variables { // the narrowest scope comes last, and wins
		set[v.Name] = v.Digest
	}
	n := 0
	for name, digest := range set {
		if old, ok := has[name]; !ok || old != digest {
			n++
		}
	}
	for name := range has {
		if _, ok := set[name]; !ok {
			n++
		}
	}
	return n
}

// age is a duration as people say it, of which only the largest unit counts.
func age(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", max(0, int(d.Seconds())))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 2*day:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d/day))
}
