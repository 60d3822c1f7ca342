package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/davitdev/davit/internal/invariant"
)

// Examine has davit doctor --deep hold everything against each other that there
// is, and returns what of it is not as promised. What the next clean-up removes
// may be there. Every part of an installation has to be looked at.
func (s *Server) Examine(ctx context.Context) error {
	out, err := s.Command(ctx, "doctor", "--deep", "--json").Output()
	promised := invariant.Names()
	left := slices.Clone(promised)
	var wrong []error
	for line := range bytes.Lines(out) {
		var c struct{ Name, Verdict, Message string }
		if err := json.Unmarshal(line, &c); err != nil {
			return fmt.Errorf("davit doctor says %q: %w", line, err)
		}
		if !slices.Contains(promised, c.Name) {
			continue // of this machine it may find something wrong
		}
		left = slices.DeleteFunc(left, func(name string) bool { return name == c.Name })
		if c.Verdict != "OK" && (c.Verdict != "WARNING" || !strings.Contains(c.Message, "nothing needs it")) {
			wrong = append(wrong, fmt.Errorf("%s %s: %s", c.Verdict, c.Name, c.Message))
		}
	}
	if len(left) > 0 {
		wrong = append(wrong, fmt.Errorf("davit doctor did not look at %q:\n%s", left, out), err)
	}
	return errors.Join(wrong...)
}
