package logs_test

import (
	"testing"

	"github.com/davitdev/davit/internal/logs"
)

func TestAMaskHidesValuesInAText(t *testing.T) {
	t.Parallel()
	m := logs.NewMask("hunter2", "abc")
	if got := m.Hide("--password=hunter2hunter2 abc"); got != "--password=****** abc" {
		t.Errorf("it shows %q", got)
	}
	var none *logs.Mask
	if got := none.Hide("hunter2"); got != "hunter2" {
		t.Errorf("no mask shows %q", got)
	}
}
