package main

import (
	"context"
	"errors"
	"io"
	"testing"
)

func TestAReadThatNobodyEndsEndsAtCtrlC(t *testing.T) {
	t.Parallel()

	in, out := io.Pipe()
	defer out.Close()
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	if text, err := readBounded(ctx, in, "variables", 1); !errors.Is(err, context.Canceled) || text != "" {
		t.Errorf("readBounded = %q, %v", text, err)
	}
}
