package main

import (
	"io"
	"os"
)

// hasInput reports whether somebody gave a command something to read: a file of
// which something is left, or a pipe in which something waits. It reads nothing, so
// that it is there for the next one. A terminal, /dev/null, and a pipe into which
// nothing was written yet are no input.
func hasInput(in io.Reader) bool {
	f, ok := in.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	if err != nil {
		return false
	}
	if info.Mode().IsRegular() {
		at, err := f.Seek(0, io.SeekCurrent)
		return err == nil && at < info.Size()
	}
	return info.Mode()&(os.ModeNamedPipe|os.ModeSocket) != 0 && waits(f)
}
