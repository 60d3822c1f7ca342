package logs

import (
	"os"
	"syscall"
	"testing"
	"time"
)

// A full disk is no reason not to open a stream while there are numbers.
func TestNumbersLastWhileTheyCannotBeReserved(t *testing.T) {
	t.Parallel()

	n, err := openNumbers(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	disk := n.path + ".new" // in place of a file
	if err := os.Mkdir(disk, 0o700); err != nil {
		t.Fatal(err)
	}
	taken := uint64(0)
	for ; n.ensure() == nil; taken++ {
		if number, ok := n.take(); !ok || number != taken+1 {
			t.Fatalf("after %d numbers: %d, %t", taken, number, ok)
		}
	}
	if taken != numbersAhead {
		t.Errorf("%d numbers were given out, want %d", taken, numbersAhead)
	}
	if err := os.Remove(disk); err != nil {
		t.Fatal(err)
	}
	if err := n.ensure(); err != nil {
		t.Fatal(err)
	}
	if number, ok := n.take(); !ok || number != taken+1 {
		t.Errorf("then: %d, %t", number, ok)
	}
}

// A slow disk holds up whoever needs more numbers, and nobody who looks at them.
func TestNumbersAreThereWhileTheyAreReserved(t *testing.T) {
	t.Parallel()

	n, err := openNumbers(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for range numbersAhead / 2 {
		n.take()
	}
	disk := n.path + ".new"
	if err := syscall.Mkfifo(disk, 0o600); err != nil { // opened once somebody reads
		t.Fatal(err)
	}
	ensured := make(chan error, 1)
	go func() { ensured <- n.ensure() }()
	until(t, "it is written", func() bool {
		free := n.file.TryLock()
		if free {
			n.file.Unlock()
		}
		return !free
	})
	peeked := make(chan uint64, 1)
	go func() { peeked <- n.peek() }()
	select {
	case next := <-peeked:
		if next != numbersAhead/2+1 {
			t.Errorf("the next number is %d", next)
		}
	case <-time.After(10 * time.Second):
		t.Error("it waits for the disk")
	}
	f, err := os.OpenFile(disk, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := <-ensured; err != nil { // which is no file, but there are numbers
		t.Error(err)
	}
}
