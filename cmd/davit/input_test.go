//go:build unix

package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestWhatIsGivenToReadIsSeenWithoutReadingIt(t *testing.T) {
	t.Parallel()

	file := filepath.Join(t.TempDir(), "list")
	if err := os.WriteFile(file, []byte("a\nb\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	list, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer list.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	idle, keep, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	ended, end, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer ended.Close()
	end.Close()

	for name, in := range map[string]*os.File{"/dev/null": null, "a pipe of which nothing comes": idle, "a pipe that has ended": ended} {
		if hasInput(in) {
			t.Errorf("%s has input", name)
		}
	}
	if !hasInput(list) {
		t.Error("a file has none")
	}
	if _, err := list.Read(make([]byte, 8)); err != nil {
		t.Errorf("the file was read: %v", err)
	}
	if hasInput(list) {
		t.Error("a file that was read has input")
	}
	if _, err := keep.WriteString("x"); err != nil {
		t.Fatal(err)
	}
	keep.Close()
	if first, again := hasInput(idle), hasInput(idle); !first || !again {
		t.Error("a pipe in which something waits has none")
	}
}
