package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/davitdev/davit/internal/fault"
)

// untilInterrupted returns what read reads of stdin, or the error of ctx once
// that is done: nothing else ends a read of a terminal or a pipe. A read that is
// left behind ends with the program.
func untilInterrupted(ctx context.Context, read func() (string, error)) (string, error) {
	type result struct {
		text string
		err  error
	}
	done := make(chan result, 1)
	go func() {
		text, err := read()
		done <- result{text, err}
	}()
	select {
	case r := <-done:
		return r.text, r.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// readBounded reads all of in, or fails with INVALID if that is more than limit
// bytes of what it is said to be.
func readBounded(ctx context.Context, in io.Reader, what string, limit int) (string, error) {
	text, err := untilInterrupted(ctx, func() (string, error) {
		text, err := io.ReadAll(io.LimitReader(in, int64(limit)+1))
		return string(text), err
	})
	if err != nil {
		return "", fmt.Errorf("read %s: %w", what, err)
	}
	if len(text) > limit {
		return "", fault.New(fault.Invalid, "More than %s of %s are too many.", bytes(int64(limit)), what)
	}
	return text, nil
}

// stdin is what is read of what it is said to be. On a terminal it tells how to
// end that.
func stdin(cmd *cobra.Command, what string) io.Reader {
	in := cmd.InOrStdin()
	if isTerminal(in) {
		fmt.Fprintf(cmd.ErrOrStderr(), "Type %s, and Ctrl-D on a line of its own to end.\n", what)
	}
	return in
}

// askLine asks a person a question, and returns the line that is typed, without
// the spaces around it.
func askLine(ctx context.Context, in *bufio.Reader, out io.Writer, question string) (string, error) {
	fmt.Fprint(out, question)
	line, err := untilInterrupted(ctx, func() (string, error) { return in.ReadString('\n') })
	if err != nil {
		fmt.Fprintln(out) // no Enter did
	}
	return strings.TrimSpace(line), err
}
