package fault_test

import (
	"fmt"
	"os"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/davitdev/davit/internal/fault"
)

// documented is a row of docs/errors.md: a code, and what follows from it.
var documented = regexp.MustCompile("(?m)^\\| `([A-Z_]+)` \\| (\\d+ \\| \\d \\| [A-Z]+ \\| (?:yes|no)) \\| [^|\n]+ \\|[^|\n]+\\|$")

func TestThePageOfErrorsSaysWhatFollowsFromEachCode(t *testing.T) {
	t.Parallel()

	page, err := os.ReadFile("../../docs/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	got := map[fault.Code]string{}
	for _, row := range documented.FindAllStringSubmatch(string(page), -1) {
		code := fault.Code(row[1])
		if got[code] != "" {
			t.Errorf("%s is there twice", code)
		}
		got[code] = row[2]
	}
	want := map[fault.Code]string{}
	for _, code := range fault.Codes() {
		i, again := code.Info(), "no"
		if i.Retryable {
			again = "yes"
		}
		want[code] = fmt.Sprintf("%d | %d | %s | %s", i.Status, i.Exit, i.Domain, again)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/errors.md differs (-code +page):\n%s", diff)
	}
}
