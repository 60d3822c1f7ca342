package runner_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/davitdev/davit/runner"
)

func valid() runner.Spec {
	return runner.Spec{Name: "web-1", Network: "env", Image: "sha256:1"}
}

func TestValidate(t *testing.T) {
	t.Parallel()

	if err := valid().Validate(); err != nil {
		t.Fatalf("a small one: %v", err)
	}
	const secret = "hunter2\x00"
	tests := map[string]func(*runner.Spec){
		"no name":                  func(s *runner.Spec) { s.Name = "" },
		"a name that is a path":    func(s *runner.Spec) { s.Name = "../../etc" },
		"a name that is hidden":    func(s *runner.Spec) { s.Name = ".." },
		"a name with a newline":    func(s *runner.Spec) { s.Name = "web\n1" },
		"a name over 63 bytes":     func(s *runner.Spec) { s.Name = strings.Repeat("a", 64) },
		"a network of the host":    func(s *runner.Spec) { s.Network = "container:web" },
		"no image":                 func(s *runner.Spec) { s.Image = "" },
		"a port over 65535":        func(s *runner.Spec) { s.Port = 65536 },
		"a negative limit":         func(s *runner.Spec) { s.Pids = -1 },
		"less memory than allowed": func(s *runner.Spec) { s.Memory = 1 },
		"no name server":           func(s *runner.Spec) { s.Names = make([]netip.Addr, 1) },
		"an empty command":         func(s *runner.Spec) { s.Command = []string{} },
		"a NUL in an argument":     func(s *runner.Spec) { s.Command = []string{"a", "\x00"} },
		"a variable without name":  func(s *runner.Spec) { s.Env = map[string]string{"": "x"} },
		"a variable with an equal": func(s *runner.Spec) { s.Env = map[string]string{"a=b": "x"} },
		"a NUL in a variable":      func(s *runner.Spec) { s.Env = map[string]string{"TOKEN": secret} },
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := valid()
			spoil(&s)
			err := s.Validate()
			if !errors.Is(err, runner.ErrSpec) {
				t.Fatalf("%v, want ErrSpec", err)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%q shows a value", err)
			}
		})
	}
}

func TestHashIgnoresOnlyTheEpoch(t *testing.T) {
	t.Parallel()

	base := valid()
	same := base
	same.Epoch = 7
	if base.Hash() != same.Hash() {
		t.Error("the epoch changes the hash")
	}
	other := base
	other.Env = map[string]string{"A": "1"}
	if base.Hash() == other.Hash() || base.Hash() == "" {
		t.Error("the environment does not change the hash")
	}
}
