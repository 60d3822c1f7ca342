package browser_test

import (
	"os"
	"testing"

	"github.com/davitdev/davit/test/browser/still"
)

func TestMain(m *testing.M) {
	still.Main()
	os.Exit(m.Run())
}
