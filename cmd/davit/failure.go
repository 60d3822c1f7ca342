package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
)

// exitStatus ends the program with a status, about which everything was said.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// fault is f as an error, nil for none.
func (f *failureView) fault() error {
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
func outcome(d deploymentView) error {
	switch {
	case d.Conclusion == nil:
		return exitStatus(fault.ExitFailure)
	case *d.Conclusion == lifecycle.Succeeded:
		return nil
	case *d.Conclusion == lifecycle.Canceled || *d.Conclusion == lifecycle.Skipped:
		return exitStatus(fault.ExitConflict)
	case d.Failure != nil && d.Failure.Domain == string(fault.User):
		return exitStatus(fault.ExitApp)
	default:
		return exitStatus(fault.ExitOutage)
	}
}

// explain tells a person how a deployment ended.
func explain(w io.Writer, d deploymentView) {
	if d.Conclusion != nil && *d.Conclusion == lifecycle.Succeeded {
		fmt.Fprintf(w, "Deployment #%d is live.\n", d.Number)
		if d.URL != nil {
			fmt.Fprintf(w, "  %s\n", plain(*d.URL))
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
	if f.OOMKilled {
		fmt.Fprintln(w, "  killed because it ran out of memory")
	}
	for _, l := range f.LogExcerpt {
		fmt.Fprintf(w, "  | %s\n", plain(l.Message))
	}
	if f.Hint != nil {
		fmt.Fprintln(w, plain(*f.Hint))
	}
}
