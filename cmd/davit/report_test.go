package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lifecycle"
)

func TestEveryClassOfFaultHasItsExitStatus(t *testing.T) {
	t.Parallel()

	cmd, _, err := root(nothing).Find([]string{"ps"})
	if err != nil {
		t.Fatal(err)
	}
	cmd.SetContext(t.Context())
	for err, want := range map[error]int{
		wrongUsage(cmd, errors.New("unknown flag: --x")):               exitUsage,
		fault.New(fault.Invalid, "No."):                                fault.ExitInput,
		fault.New(fault.Unauthenticated, "Who?"):                       fault.ExitAuth,
		fault.New(fault.Forbidden, "No."):                              fault.ExitAuth,
		fault.New(fault.NotFound, "No."):                               fault.ExitMissing,
		fault.New(fault.Conflict, "No."):                               fault.ExitConflict,
		fault.New(fault.Canceled, "By another."):                       fault.ExitConflict,
		fault.New(fault.QuotaExceeded, "No."):                          fault.ExitLimit,
		fault.New(fault.BuildFailed, "No."):                            fault.ExitApp,
		fmt.Errorf("ask: %w", fault.New(fault.Unavailable, "Nobody.")): fault.ExitOutage,
		fault.New(fault.Internal, "Ours."):                             fault.ExitFailure,
		errors.New("nobody classified it"):                             fault.ExitFailure,
		fmt.Errorf("read: %w", context.Canceled):                       exitInterrupted,
		exitStatus(fault.ExitApp):                                      fault.ExitApp,
	} {
		var text, object strings.Builder
		if got := report(&text, cmd, nil, err); got != want {
			t.Errorf("%v: status %d, want %d", err, got, want)
		}
		said := cmd.Flags().Lookup("json")
		if err := said.Value.Set("true"); err != nil {
			t.Fatal(err)
		}
		if got := report(&object, cmd, nil, err); got != want {
			t.Errorf("%v: status %d with --json, want %d", err, got, want)
		}
		if err := said.Value.Set("false"); err != nil {
			t.Fatal(err)
		}
		if _, all := errors.AsType[exitStatus](err); all {
			if text.Len()+object.Len() > 0 {
				t.Errorf("%v: everything was said, and now %q, %q", err, text.String(), object.String())
			}
			continue
		}
		var v struct {
			Error struct {
				Code    fault.Code
				Message string
			}
		}
		if jerr := json.Unmarshal([]byte(object.String()), &v); jerr != nil || v.Error.Code == "" || v.Error.Message == "" {
			t.Errorf("%v: --json says %q (%v)", err, object.String(), jerr)
		}
		if !strings.HasPrefix(text.String(), "davit: "+v.Error.Message) {
			t.Errorf("%v: %q to a person, %q to a program", err, text.String(), v.Error.Message)
		}
	}
}

func TestCtrlCHasItsExitStatus(t *testing.T) {
	t.Parallel()

	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	cmd := root(nothing)
	cmd.SetContext(ctx)
	for err, want := range map[error]int{
		goesOn("It goes on.", "Look after it."):                          exitInterrupted,
		fmt.Errorf("read: %w", context.Canceled):                         exitInterrupted,
		fault.New(fault.Conflict, "No."):                                 fault.ExitConflict,
		outcome(&client.Deployment{Conclusion: new(lifecycle.Canceled)}): fault.ExitConflict,
	} {
		if got := report(io.Discard, cmd, nil, err); got != want {
			t.Errorf("%v: status %d, want %d", err, got, want)
		}
	}
}
