package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
)

// commandRun is what "davit run" was told.
type commandRun struct {
	*session
	environment string
	timeout     time.Duration
	detach      bool
	in          io.Reader
	out, err    io.Writer
}

func runCommand(getenv func(string) string) *cobra.Command {
	var r commandRun
	cmd := &cobra.Command{
		Use: "run -- COMMAND [ARG...]", Short: "Run a command with the image and the variables of what serves",
		Long: "Runs a command in a container of its own, beside what serves, with its image, its variables and\n" +
			"its network, and shows what it prints. Nothing can be typed or piped into it, and no shell sees the words.\n\n" +
			"Without a command, a cron service runs now. It ends with the exit code of the command. Ctrl-C\n" +
			"stops the command. With --json the last line says how it ended. \"davit runs\" lists what was run.",
		Example: "  davit run -- ./manage.py migrate\n  davit run --detach --timeout 6h -- ./import --all\n  davit run -- sh -c 'echo $GREETING'",
		RunE: func(cmd *cobra.Command, args []string) error {
			r.in, r.out, r.err = cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()
			return r.run(cmd.Context(), args)
		},
	}
	r.session = newSession(cmd, getenv).linked(cmd)
	f := cmd.Flags()
	f.SetInterspersed(false) // what follows the command's name is the command's
	f.StringVar(&r.environment, "environment", "", "slug of the environment; that of the deployment if absent")
	f.DurationVar(&r.timeout, "timeout", time.Hour, "stop the command after so long, at most 24h")
	r.complete(cmd, "environment", r.environments)
	f.BoolVar(&r.detach, "detach", false, "print the id of the command and return; \"davit logs ID\" shows its output")
	return cmd
}

func (r *commandRun) run(ctx context.Context, words []string) error {
	c, l, err := r.link()
	if err != nil {
		return err
	}
	instance, err := r.instance(ctx, c, l)
	if err != nil {
		return err
	}
	if hasInput(r.in) {
		fmt.Fprintln(r.err, "davit: A command has no input: what is on stdin does not get to it.")
	}
	out, err := client.RunCommand(ctx, c, client.RunCommandInput{
		ServiceInstanceId: instance, Command: append([]string{}, words...), Timeout: fmt.Sprintf("PT%fS", r.timeout.Seconds()),
	})
	if fault.Is(err, fault.Invalid) && len(words) == 0 {
		return fault.New(fault.Invalid, "Only a cron service runs without a command.").WithHint("Say one, as in: davit run -- ./manage.py migrate")
	}
	if err != nil {
		return err
	}
	op := &out.RunCommand.Operation
	switch {
	case r.detach && r.json:
		return r.emit(r.out, op)
	case r.detach:
		_, err := fmt.Fprintln(r.out, op.Id)
		return err
	}
	interrupted, err := r.attend(ctx, c, op.Id)
	if err != nil {
		return err
	}
	last, err := followOperation(context.WithoutCancel(ctx), c, op.Id)
	if err != nil {
		return err
	}
	if r.json {
		if err := r.emit(r.out, last); err != nil {
			return err
		}
	}
	return commandOutcome(last, interrupted)
}

// instance is the one that the command runs beside.
func (r *commandRun) instance(ctx context.Context, c *client.Client, l link) (string, error) {
	if r.environment == "" {
		return l.InstanceID, nil
	}
	out, err := client.Siblings(ctx, c, l.InstanceID)
	if err != nil {
		return "", err
	}
	var slugs []string
	for _, i := range out.ServiceInstance.Service.Instances {
		if i.Environment.Slug == r.environment {
			return i.Id, nil
		}
		slugs = append(slugs, i.Environment.Slug)
	}
	return "", fault.New(fault.NotFound, "The service is in no environment %q.", r.environment).WithHint("There are: %s.", strings.Join(slugs, ", "))
}

// attend shows what a command prints until it has ended. Ctrl-C cancels the
// command, whose end is shown too.
func (r *commandRun) attend(ctx context.Context, c *client.Client, id string) (interrupted bool, err error) {
	follow, giveUp := context.WithCancelCause(context.WithoutCancel(ctx))
	defer giveUp(nil)
	canceled := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(canceled)
		if err := cancelCommandOf(follow, c, id); err != nil && !fault.Is(err, fault.Conflict) {
			giveUp(err)
		}
	})
	err = r.output(follow, c, id)
	if interrupted = !stop(); interrupted {
		<-canceled
	}
	return interrupted, err
}

// output shows all that a command prints: no line is missed, whenever it began.
func (r *commandRun) output(ctx context.Context, c *client.Client, id string) error {
	from := time.Unix(0, 0) // its first line
	w := &logWish{session: r.session, follow: true, tail: 1, from: &from, source: client.LogSource{OperationId: &id}}
	bell := &linePrinter{session: r.session, rung: errReached}
	stop := r.waiting(r.out, "starting")
	err := w.followLogs(ctx, c, bell, nil)
	stop()
	if !errors.Is(err, errReached) {
		return err // it ended without a line, or could not be asked
	}
	p := &linePrinter{session: r.session, out: r.out, bare: r.err, c: c, names: map[string]string{}}
	after, err := w.history(ctx, c, p)
	if err != nil {
		return err
	}
	return w.followLogs(ctx, c, p, after)
}

func cancelCommandOf(ctx context.Context, c *client.Client, id string) error {
	_, err := client.CancelOperation(ctx, c, id)
	return err
}

// commandOutcome is the exit code of a command, or why it has none.
func commandOutcome(op *client.Operation, interrupted bool) error {
	switch {
	case op.Status == lifecycle.OperationSucceeded:
		return nil
	case op.Status == lifecycle.OperationCanceled && interrupted:
		return exitStatus(exitInterrupted)
	case op.ExitCode != nil && *op.ExitCode != 126 && *op.ExitCode != 127 && (op.Error == nil || !op.Error.OomKilled):
		return exitStatus(*op.ExitCode) // it said itself why
	default:
		return faultOf(op.Error)
	}
}
