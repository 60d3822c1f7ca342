package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/internal/principal"
)

// exitStatus ends the program with a status, about which everything was said.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

const (
	exitUsage       = 2   // as of most programs
	exitInterrupted = 130 // of a shell for a program that Ctrl-C ended
)

// report says on stderr why cmd failed, to a program with --json, and returns
// the exit status of the failure's class. The flags of a command that was typed
// wrong may not have been read: its args tell then.
func report(stderr io.Writer, cmd *cobra.Command, args []string, err error) int {
	if status, ok := errors.AsType[exitStatus](err); ok {
		return int(status)
	}
	var said struct {
		Code    fault.Code `json:"code"`
		Message string     `json:"message"`
		Field   string     `json:"field,omitempty"`
		Hint    string     `json:"hint,omitempty"`
	}
	said.Code, said.Message = fault.Internal, err.Error()
	exit := fault.ExitFailure
	flag := cmd.Flags().Lookup("json")
	program := flag != nil && flag.Value.String() == "true"
	if u, ok := errors.AsType[*usageError](err); ok {
		if end := slices.Index(args, "--"); end >= 0 {
			args = args[:end]
		}
		program = program || slices.Contains(args, "--json")
		said.Code, said.Hint, exit = fault.Invalid, u.hint(), exitUsage
	} else if f, ok := errors.AsType[*fault.Error](err); ok {
		said.Code, said.Field, said.Hint, exit = f.Code, f.Field, cmp.Or(f.Hint, hintFor(f.Code)), f.Code.Info().Exit
		said.Message = withoutHeader(said.Message)
		if f.Code == fault.Canceled && cmd.Context().Err() != nil { // by this Ctrl-C, not by somebody else
			exit = exitInterrupted
		}
	} else if errors.Is(err, context.Canceled) {
		said.Code, said.Message, exit = fault.Canceled, "Interrupted.", exitInterrupted
	}
	if program {
		_ = json.NewEncoder(stderr).Encode(map[string]any{"error": said}) // whom else could we tell
		return exit
	}
	fmt.Fprintln(stderr, "davit:", said.Message)
	if said.Hint != "" {
		fmt.Fprintln(stderr, said.Hint)
	}
	return exit
}

// withoutHeader is a message without what it says of HTTP, which hintFor says of
// this program.
func withoutHeader(message string) string {
	return strings.TrimSuffix(message, " "+principal.HowToSignIn)
}

// hintFor says how to mend what the server refused without a hint.
func hintFor(code fault.Code) string {
	if code != fault.Unauthenticated {
		return ""
	}
	return "Give a token with --token or DAVIT_TOKEN. On the server's own machine name its data directory in DAVIT_DATA."
}

// faultOf is a failure as an error, nil for none.
func faultOf(f *client.Failure) error {
	if f == nil {
		return nil
	}
	e := fault.New(fault.Code(f.Code), "%s", plain(f.Message))
	if f.Hint != nil {
		e = e.WithHint("%s", plain(*f.Hint))
	}
	return e
}

// outcome is nil for a deployment that succeeded, and otherwise says by its
// status whose fault it was that it did not.
func outcome(d *client.Deployment) error {
	switch {
	case d.Conclusion == nil:
		return exitStatus(fault.ExitFailure)
	case *d.Conclusion == lifecycle.Succeeded:
		return nil
	case *d.Conclusion == lifecycle.Canceled || *d.Conclusion == lifecycle.Skipped:
		return exitStatus(fault.ExitConflict)
	case d.Failure != nil && d.Failure.Domain == fault.User:
		return exitStatus(fault.ExitApp)
	default:
		return exitStatus(fault.ExitOutage)
	}
}

// explain tells a person how a deployment ended.
func explain(w io.Writer, d *client.Deployment) {
	if d.Conclusion != nil && *d.Conclusion == lifecycle.Succeeded {
		fmt.Fprintf(w, "Deployment #%d is live.\n", d.Number)
		if d.Url != nil {
			fmt.Fprintf(w, "  %s\n", plain(*d.Url))
		}
		return
	}
	word := "ended"
	if d.Conclusion != nil {
		word = strings.ToLower(string(*d.Conclusion))
	}
	f := d.Failure
	if f == nil {
		fmt.Fprintf(w, "Deployment #%d %s.\n", d.Number, word)
		return
	}
	where := ""
	if f.Phase != nil {
		where = " (" + phaseTitle(*f.Phase) + ")"
	}
	fmt.Fprintf(w, "Deployment #%d %s%s: %s\n", d.Number, word, where, plain(f.Message))
	if f.ExitCode != nil {
		fmt.Fprintf(w, "  exit code %d\n", *f.ExitCode)
	}
	if f.OomKilled {
		fmt.Fprintln(w, "  killed because it ran out of memory")
	}
	for _, l := range f.LogExcerpt {
		fmt.Fprintf(w, "  | %s\n", plain(l.Message))
	}
	if f.Hint != nil {
		fmt.Fprintln(w, plain(*f.Hint))
	}
}
