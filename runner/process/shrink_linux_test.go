package process

import (
	"bufio"
	"slices"
	"strings"
	"testing"
)

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
	if want := []mapping{{0x400000, 0x500000}, {0x500000, 0x600000}}; !slices.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
}
