package still_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/davitdev/davit/test/browser/still"
)

// asked is set where this program plays Chromium.
const asked = "DAVIT_TEST_SOCKETS"

func TestMain(m *testing.M) {
	if os.Getenv(asked) != "" && filepath.Base(os.Args[0]) == "chromium" {
		for _, domain := range []int{unix.AF_INET, unix.AF_UNIX, unix.AF_NETLINK} {
			fd, err := unix.Socket(domain, unix.SOCK_DGRAM, 0)
			if err == nil {
				err = unix.Close(fd)
			}
			fmt.Println(err)
		}
		return
	}
	still.Main()
	os.Exit(m.Run())
}

func TestABrowserHearsNothingOfNetworks(t *testing.T) {
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(dir, "chromium")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	t.Setenv(asked, "1")
	path, err := still.Browser(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), path).Output()
	if err != nil {
		t.Fatal(err)
	}
	if want := "<nil>\n<nil>\n" + unix.EAFNOSUPPORT.Error() + "\n"; string(out) != want {
		t.Errorf("sockets of the internet, of this machine and of networks: got\n%swant\n%s", out, want)
	}
}
