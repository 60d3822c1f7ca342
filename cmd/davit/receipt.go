//go:build unix

package main

import (
	"sync"

	"github.com/davitdev/davit/internal/fault"
)

// receipts are the uploads under way: of each archive one, and never more in all
// than there is room for.
type receipts struct {
	space func() (int64, error) // bytes that are free

	mu   sync.Mutex
	open map[string]*receipt // by artifact
}

// receipt is one archive that is being received.
type receipt struct {
	id     string
	size   int64 // bytes
	cut    func()
	ousted bool // another request sends the same; guarded by receipts.mu
}

// begin makes room for an archive of so many bytes. Who sends it already is cut
// off: a sender that comes again has broken off, whether we have noticed or not.
// It fails with DISK_FULL. The caller ends the receipt.
func (r *receipts) begin(id string, size int64, cut func()) (*receipt, error) {
	free, err := r.space()
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	room := free - diskFailed
	for other, o := range r.open {
		if other != id {
			room -= o.size // of which some is written by now: that errs to the safe side
		}
	}
	if size > room {
		return nil, fault.New(fault.DiskFull, "There is no room for an upload of %d MB.", (size+1<<20-1)>>20).
			WithHint("Whoever runs this installation can make room in its data directory.")
	}
	if before := r.open[id]; before != nil {
		before.ousted = true
		before.cut()
	}
	if r.open == nil {
		r.open = map[string]*receipt{}
	}
	one := &receipt{id: id, size: size, cut: cut}
	r.open[id] = one
	return one, nil
}

// end ends a receipt, and says what became of it: err, unless it was cut off.
func (r *receipts) end(one *receipt, err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open[one.id] == one {
		delete(r.open, one.id)
	}
	if err != nil && one.ousted {
		return fault.New(fault.Conflict, "Another request sends this archive by now.")
	}
	return err
}
