package main

import (
	"bufio"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Every process of Davit runs the initialisers of all packages: the client, the
// server, the proxy and the shim of each application.
func TestNoPackageTakesAMegabyteToInitialise(t *testing.T) {
	t.Parallel()

	const limit = 1 << 20
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	var trace strings.Builder
	cmd.Stderr = &trace
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`^init (\S+) @.* clock, (\d+) bytes`)
	packages := 0
	for lines := bufio.NewScanner(strings.NewReader(trace.String())); lines.Scan(); {
		m := line.FindStringSubmatch(lines.Text())
		if m == nil {
			continue
		}
		packages++
		if n, err := strconv.Atoi(m[2]); err != nil || n > limit {
			t.Errorf("%s takes %s bytes", m[1], m[2])
		}
	}
	if packages < 100 {
		t.Fatalf("found only %d packages in %q", packages, trace.String())
	}
}
