package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/ident"
)

// linePrinter prints lines of a log.
type linePrinter struct {
	*session
	out   io.Writer
	c     *client.Client
	names map[string]string // of replicas, by id
	day   string            // of the last line
	bare  io.Writer         // not nil: lines are a command's, printed as it did; what was for stderr goes there
	rung  error             // not nil: what the first line is answered with
}

// page prints the lines of a page and, each where it is, its gaps.
func (p *linePrinter) page(ctx context.Context, lines []client.LogLine, gaps []client.LogGap) error {
	behind := func(cursor string) func(client.LogGap) bool {
		return func(g client.LogGap) bool { return g.From == cursor }
	}
	for _, g := range gaps { // those that are behind no line of the page
		if !slices.ContainsFunc(lines, func(l client.LogLine) bool { return l.Cursor == g.From }) {
			if err := p.gap(g); err != nil {
				return err
			}
		}
	}
	for i, l := range lines {
		if err := p.lines(ctx, lines[i:i+1]); err != nil {
			return err
		}
		if g := slices.IndexFunc(gaps, behind(l.Cursor)); g >= 0 {
			if err := p.gap(gaps[g]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *linePrinter) lines(ctx context.Context, lines []client.LogLine) error {
	if p.rung != nil && len(lines) > 0 {
		return p.rung
	}
	for _, l := range lines {
		if p.bare != nil && !p.json {
			if err := p.print(l); err != nil {
				return err
			}
			continue
		}
		replica := ""
		if !p.json {
			replica = p.replica(ctx, l.ReplicaId)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx) // Ctrl-C in the middle of many lines
		}
		if p.json {
			if err := p.emit(p.out, l); err != nil {
				return err
			}
			continue
		}
		if day := l.Timestamp.Local().Format("Monday, 2 January 2006"); day != p.day {
			if p.day != "" || day != time.Now().Format("Monday, 2 January 2006") {
				fmt.Fprintf(p.out, "-- %s\n", day)
			}
			p.day = day
		}
		stream := plain(string(l.Stream))
		if _, err := fmt.Fprintf(raw(p.out), "%s %-6s %-5s %s\n", l.Timestamp.Local().Format("15:04:05.000"), stream, replica, logLine(l.Message)); err != nil {
			return fmt.Errorf("print: %w", err)
		}
	}
	return nil
}

// print prints a line as the command did.
func (p *linePrinter) print(l client.LogLine) error {
	to, end := p.out, "\n"
	if l.Stream != client.LogStreamStdout {
		to = p.bare
	}
	if l.Truncated {
		end = ""
	}
	if _, err := io.WriteString(raw(to), logLine(l.Message)+end); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// replica names a replica by the number of its deployment and its own. One
// that is not known any more has no name.
func (p *linePrinter) replica(ctx context.Context, id *string) string {
	if id == nil {
		return ""
	}
	name, known := p.names[*id]
	if known {
		return name
	}
	out, err := client.ReplicaName(ctx, p.c, *id)
	if r, ok := out.Node.(*client.ReplicaNameNodeReplica); ok && err == nil {
		name = fmt.Sprintf("#%d/%d", r.Deployment.Number, r.Slot)
		if r.Process != nil {
			name = fmt.Sprintf("#%d/%s.%d", r.Deployment.Number, plain(*r.Process), r.Slot)
		}
	}
	p.names[*id] = name
	return name
}

// gap says that lines are missing.
func (p *linePrinter) gap(g client.LogGap) error {
	if p.rung != nil {
		return p.rung
	}
	if p.json {
		return p.emit(p.out, map[string]any{"gap": g.Reason, "dropped": g.Dropped})
	}
	count := "lines are"
	switch {
	case g.Reason == client.LogGapReasonEngineAway:
		count = "lines may be"
	case g.Dropped != nil:
		count = counted(int(*g.Dropped), "line is", "lines are")
	}
	out := p.out
	if p.bare != nil {
		out = p.bare
	}
	_, err := fmt.Fprintf(out, "-- %s missing here: %s\n", count, plain(strings.ToLower(strings.ReplaceAll(string(g.Reason), "_", " "))))
	return err
}

// aim finds whose log is wanted.
func (w *logWish) aim(ctx context.Context, c *client.Client, l link, args []string) error {
	w.source = client.LogSource{ServiceInstanceId: &l.InstanceID}
	if len(args) == 1 && ident.Is(args[0], ident.Operation) {
		w.source = client.LogSource{OperationId: &args[0]}
		return nil
	}
	if len(args) == 1 {
		d, err := pick(ctx, c, l, args, underWay, "")
		if err != nil {
			return err
		}
		w.source = client.LogSource{DeploymentId: &d.Id}
	}
	if w.build {
		return w.aimAtBuild(ctx, c, l)
	}
	if w.replica != "" {
		return w.aimAtReplica(ctx, c, l)
	}
	return nil
}

// aimAtBuild wants the build of the deployment that is wanted, or of the
// newest that has one.
func (w *logWish) aimAtBuild(ctx context.Context, c *client.Client, l link) error {
	out, err := client.LastDeployments(ctx, c, l.InstanceID)
	if err != nil {
		return err
	}
	wanted := w.source.DeploymentId
	for _, d := range out.ServiceInstance.Deployments.Nodes {
		if d.Build != nil && (wanted == nil || d.Id == *wanted) {
			w.source = client.LogSource{BuildId: &d.Build.Id}
			return nil
		}
	}
	return fault.New(fault.Conflict, "Nothing was built there.").WithHint("A rollback and a deployment of an image build nothing.")
}

// aimAtReplica wants one replica.
func (w *logWish) aimAtReplica(ctx context.Context, c *client.Client, l link) error {
	if ident.Is(w.replica, ident.Replica) {
		w.filter.ReplicaId = &w.replica
		return nil
	}
	of, slot, both := strings.Cut(strings.TrimPrefix(w.replica, "#"), "/")
	var args []string
	if both {
		args = []string{of}
	} else {
		slot = of
	}
	process := ""
	if dot := strings.LastIndexByte(slot, '.'); dot > 0 {
		process, slot = slot[:dot], slot[dot+1:]
	}
	number, err := strconv.Atoi(slot)
	if err != nil {
		return fault.New(fault.Invalid, "--replica is a number such as 0, with its process worker.0, with its deployment 3/0 or 3/worker.0, or an id, not %q.", w.replica)
	}
	d, err := pick(ctx, c, l, args, serving, "The service is not deployed yet.")
	if err != nil {
		return err
	}
	out, err := client.DeploymentReplicas(ctx, c, d.Id)
	if err != nil {
		return err
	}
	found := ""
	for _, r := range out.Deployment.Replicas {
		if r.Slot == number && (r.Process == nil && process == "" || r.Process != nil && *r.Process == process) { // of several that had a number the newest, whose id is the highest
			found = max(found, r.Id)
		}
	}
	if found == "" {
		return fault.New(fault.NotFound, "Deployment #%d has no replica %s.", d.Number, w.replica).WithHint("They are counted from 0; those of processes beside the service are called worker.0.")
	}
	w.filter.ReplicaId = &found
	return nil
}
