package memory

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// It runs alone: another test that releases would let go of its file.
func TestReleaseLetsGoOfFilesWithoutLosingThem(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "program"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want := bytes.Repeat([]byte("davit"), 1<<18)
	if _, err := f.Write(want); err != nil {
		t.Fatal(err)
	}
	mapped, err := syscall.Mmap(int(f.Fd()), 0, len(want), syscall.PROT_READ, syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Munmap(mapped) }()
	if !bytes.Equal(mapped, want) || resident(t, f.Name()) == "0" {
		t.Fatal("the file is not in memory")
	}
	Release()
	if got := resident(t, f.Name()); got != "0" {
		t.Errorf("%s kB of the file are still in memory", got)
	}
	if !bytes.Equal(mapped, want) {
		t.Error("the mapping does not hold the file any more")
	}
}

// resident is how many kB of a mapped file are in this process's memory.
func resident(t *testing.T, path string) string {
	t.Helper()
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	_, of, found := strings.Cut(string(smaps), path)
	_, of, rss := strings.Cut(of, "Rss:")
	if !found || !rss {
		t.Fatalf("%s is not mapped", path)
	}
	return strings.Fields(of)[0]
}

// What is dropped again without looking is the program alone: anything else may
// lie there by then.
func TestReleaseSaysWhereTheProgramIs(t *testing.T) {
	t.Parallel()

	program := release()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if len(program) == 0 {
		t.Error("it says of nothing that it is the program")
	}
	for _, m := range program {
		if m.path != self {
			t.Errorf("%s is no part of %s", m.path, self)
		}
	}
	drop(program) // and it runs on
}

func TestFileMappingsLeavesOutWhatIsMoreThanTheFile(t *testing.T) {
	t.Parallel()

	const smaps = `00400000-00500000 r-xp 00000000 fe:00 123   /usr/bin/davit
Rss:                 900 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me
00500000-00600000 r--p 00100000 fe:00 123   /usr/bin/davit
Anonymous:             0 kB
00600000-00700000 rw-p 00200000 fe:00 123   /usr/bin/davit
Anonymous:             0 kB
7f0000000000-7f0000001000 r--p 00000000 fe:00 456   /lib/libc.so.6
Anonymous:             4 kB
7f0000001000-7f0000002000 r--p 00000000 00:00 0
Anonymous:             0 kB
7ffd00000000-7ffd00001000 r-xp 00000000 00:00 0   [vdso]
Anonymous:             0 kB
`
	got := fileMappings(bufio.NewScanner(strings.NewReader(smaps)))
	if want := []mapping{{0x400000, 0x500000, "/usr/bin/davit"}, {0x500000, 0x600000, "/usr/bin/davit"}}; !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}
